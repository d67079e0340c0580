"""docs/performance.md's table of peers and targets, from benchmarks/peers.json."""

from collections.abc import Iterator

from train.report import tables

DEFAULT, BEFORE = "default", "commit 825258f"
BASE, LARGE = "wav2vec2-base", "wav2vec2-large"
SHORT, LONG = "3.7", "15.0"


def peers_lines(told: dict) -> list[str]:
    """Ratios first: each system beside the default, then the targets and whether they are met."""
    short, long = told["clip_ms"][SHORT], told["clip_ms"][LONG]
    limit = told["limit"]
    return [
        f"On {told['machine']}, in one run: each round asks every system a few times, in an order "
        "drawn anew. Ratios are medians over rounds; more than 1 is slower than the default.",
        "",
        *tables.markdown(
            [
                "system",
                f"{SHORT} s clip",
                f"{float(LONG):.0f} s clip",
                "first answer",
                "bulk, two cores",
            ],
            [
                [
                    name,
                    _times(short[name]["times_the_default"]),
                    _times(long[name]["times_the_default"]),
                    _times(told["first_answer_s"][name]["times_the_default"]),
                    f"{told['files_a_second'][DEFAULT] / rate:.1f}",
                ]
                for name, rate in told["files_a_second"].items()
            ],
        ),
        "",
        "The same in figures of this machine: medians, in parentheses the 5th and 95th percentile.",
        "",
        *tables.markdown(
            [
                "system",
                f"{SHORT} s clip, ms",
                f"{float(LONG):.0f} s clip, ms",
                "first answer, s",
                "clips a second, two cores",
                "peak memory, MB",
                "model, MB",
            ],
            [
                [
                    name,
                    _spread(short[name]["ms"], 1),
                    _spread(long[name]["ms"], 0),
                    _spread(told["first_answer_s"][name]["s"], 2),
                    f"{rate:.1f}",
                    str(short[name]["peak_mb"]),
                    f"{told['model_bytes'][name] / 1e6:.1f}",
                ]
                for name, rate in told["files_a_second"].items()
            ],
        ),
        "",
        f"An hour of recording takes the default {told['hour'][DEFAULT]['s']:.0f} s "
        f"({told['hour'][DEFAULT]['times_real_time']:.0f} times real time), {BEFORE} "
        f"{told['hour'][BEFORE]['s']:.0f} s.",
        "",
        f"The limit: reading the file takes {limit['reading_ms']:.1f} ms, and the default's "
        f"{limit['million_multiply_adds']:,} million multiply-adds {limit['products_ms']:.1f} ms "
        f"at the speed of one large product of 8-bit integers, "
        f"{limit['billion_multiply_adds_a_second']:.0f} billion a second.",
        "",
        *tables.markdown(["target", "aim", "measured", ""], _targets(told)),
    ]


def _targets(told: dict) -> Iterator[list[str]]:
    """What was aimed at, and what is."""
    short = told["clip_ms"][SHORT]
    rates, app = told["files_a_second"], told["app"]
    first = told["first_answer_s"]
    pages_s = {name: one["first_page_s"][0] for name, one in app.items()}
    aims = [
        (f"one clip, times as fast as {BEFORE}", 3.0, short[BEFORE]["times_the_default"][0]),
        (f"in bulk, times as fast as {BEFORE}", 5.0, rates[DEFAULT] / rates[BEFORE]),
        (f"one clip, times as fast as {BASE}", 40.0, short[BASE]["times_the_default"][0]),
        (f"one clip, times as fast as {LARGE}", 100.0, short[LARGE]["times_the_default"][0]),
        (
            f"first answer, times as soon as {BEFORE}",
            2.5,
            first[BEFORE]["times_the_default"][0],
        ),
        (
            f"first page, times as soon as {BEFORE}",
            1.6,
            pages_s[BEFORE] / pages_s[DEFAULT],
        ),
    ]
    for what, aim, found in aims:
        yield [what, f"{aim:g} or more", f"{found:.1f}", _word(found >= aim)]
    limit, most_mb = told["limit"], app[DEFAULT]["peak_mb"][2]
    at_most = [
        ("one clip, ms", 16.0, short[DEFAULT]["ms"][0]),
        (
            "the model's own part, times the limit",
            3.0,
            short[DEFAULT]["model_ms"][0] / limit["products_ms"],
        ),
        ("the app's memory, MB", 350.0, most_mb),
    ]
    for what, aim, found in at_most:
        yield [what, f"{aim:g} or less", f"{found:.1f}", _word(found <= aim)]


def _word(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _times(ratio: list[float]) -> str:
    return f"{ratio[0]:.1f}"


def _spread(values: list[float], digits: int) -> str:
    middle, low, high = (f"{value:,.{digits}f}" for value in values)
    return f"{middle} ({low} to {high})"
