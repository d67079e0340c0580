"""Figures as Markdown: shares between 0 and 1 come in, percent and points go out."""

from collections.abc import Sequence

from train.corpora.splits import SPEAKER_DEPENDENT


def markdown(header: Sequence[object], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def percent(share: float) -> str:
    """0.5012 -> 50.1."""
    return f"{100 * share:.1f}"


def points(difference: float) -> str:
    """-0.0123 -> -1.2; the sign is always there."""
    return f"{100 * difference:+.1f}"


def interval(low: float, high: float) -> str:
    """Two shares, in percent."""
    return f"{percent(low)} to {percent(high)}"


def gain(difference: float, low: float, high: float) -> str:
    """A difference with its interval, in points."""
    return f"{points(difference)} ({points(low)} to {points(high)})"


def ua(row: dict) -> str:
    """UA of a metrics row: spread over seeds, interval over speakers, where they are known."""
    spread = "" if row.get("ua_std_seeds") is None else f" ± {percent(row['ua_std_seeds'])}"
    known = f" ({interval(*row['ci95'])})" if row["ci95"] else ""
    return f"{percent(row['ua'])}{spread}{known}"


def ece(row: dict) -> str:
    """ECE of a metrics row, and what 95 % of perfectly calibrated models stay under, if it says."""
    floor = f" ({row['ece_floor95']:.3f})" if "ece_floor95" in row else ""
    return f"{row['ece']:.3f}{floor}"


def figures(row: dict) -> list[str]:
    """Cells of a metrics row: clips judged, seeds, UA, WA, macro-F1, ECE and NLL."""
    return [
        f"{row['part']}, {row['n_clips']}",
        str(len(row["seeds"])),
        ua(row),
        percent(row["wa"]),
        percent(row["macro_f1"]),
        ece(row),
        f"{row['nll']:.2f}",
    ]


def figure_lines(rows: Sequence[dict]) -> list[str]:
    """One line a row: protocol, clips, seeds and the main figures."""
    header = ["recipe", "protocol", "clips judged", "seeds", "UA, % (95 % interval)", "WA, %"]
    header += ["macro-F1, %", "ECE (95 % of perfect models: under)", "NLL"]
    return markdown(
        header,
        [[row["recipe"], protocol_words(row["protocol"]), *figures(row)] for row in rows],
    )


def protocol_words(protocol: str) -> str:
    """Its name, with a warning where speakers are on both sides."""
    return protocol + (" (*speaker-dependent*)" if protocol in SPEAKER_DEPENDENT else "")
