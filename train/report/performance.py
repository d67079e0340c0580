"""docs/performance.md's tables, from what the benchmarks wrote."""

import json
from pathlib import Path

from train.report import tables
from train.report.peers import peers_lines


def performance_lines(benchmarks: Path) -> list[str]:
    """Peers; then a clip, recordings, many hours, voices, page, starts, encoders of other sizes."""
    serving, hub, pretrained, recordings, live, page = (
        json.loads((benchmarks / f"{name}.json").read_text())
        for name in ("results", "hub", "pretrained", "recordings", "live", "page")
    )
    start, queue = serving["start"], hub["queue"]
    return [
        *peers_lines(json.loads((benchmarks / "peers.json").read_text())),
        "",
        f"All that follows was measured on {serving['machine']}, where nothing else is said.",
        "",
        "## One clip",
        "",
        *tables.markdown(
            [f"{serving['clip_s']} s clip, one thread", "median, ms", "95th percentile, ms"],
            [
                [stage, f"{ms['median']:.1f}", f"{ms['p95']:.1f}"]
                for stage, ms in serving["prediction_ms"].items()
            ],
        ),
        *_beside_best(serving),
        *_recordings(recordings),
        *_bulk(benchmarks / "bulk.json"),
        *_live(live),
        *_page(page),
        "",
        "## Start and memory",
        "",
        f"The first page shows {start['first_page_s']:.1f} s after `python app.py` (median of "
        f"{start['n_starts']} starts; the slowest took {start['first_page_s_worst']:.1f} s). The "
        f"process takes at most {start['peak_memory_mb']} MB of memory.",
        "",
        *tables.markdown(
            ["the model comes from (test Hub on loopback)", "first page after, s"],
            [[source, f"{seconds:.1f}"] for source, seconds in hub["start_s"].items()],
        ),
        "",
        "## Shared recordings",
        "",
        f"With the Hub down, {queue['shares_a_minute_hub_down']:,} recordings a minute can be "
        f"shared. Once it is back, 1,000 of them reach it in {queue['replay_of_1000_s']:.0f} s.",
        "",
        "## Pre-trained encoders",
        "",
        "The sizes are those of the published encoders. The weights are random, because time does "
        "not depend on them.",
        "",
        *tables.markdown(
            [
                f"encoder of this size, random weights, {pretrained['clip_s']} s clip, one thread",
                "million parameters",
                "median, ms",
            ],
            [
                [name, f"{one['million_parameters']:.0f}", f"{one['clip_ms']['median']:,.0f}"]
                for name, one in pretrained["encoders"].items()
            ],
        ),
    ]


def _beside_best(serving: dict) -> list[str]:
    """How the default compares with `best`, where both were timed in turn."""
    if "best" not in serving:
        return []
    best, total = serving["best"], serving["best"]["prediction_ms"]["total"]
    times, low, high = best["times_faster"]
    return [
        "",
        f"`best`, asked in turn with it, takes {total['median']:.1f} ms (95th percentile "
        f"{total['p95']:.1f} ms): the default is {times:.1f} times as fast (median of "
        f"{serving['n_runs']} pairs; 90 % of them {low:.1f} to {high:.1f}).",
    ]


def _recordings(told: dict) -> list[str]:
    """An hour and a folder, beside an older commit and a pipeline of transformers."""
    hour, before, files = told["hour"], told["before"], told["folder"]["files_a_second"]
    stream, other = told["stream"], told["transformers"]
    early_s, middle_s, late_s = hour["start_error_s"]
    return [
        "",
        "## Recordings and folders",
        "",
        f"{told['minutes']:.0f} minutes of RAVDESS clips with pauses between them, and "
        f"{told['files']} clips as files, on {told['machine']}; commit {before['commit']} in the "
        "same run.",
        "",
        *tables.markdown(
            ["what", "now", f"commit {before['commit']}", "ratio"],
            [
                [
                    "the recording, s",
                    f"{hour['s']:.1f}",
                    f"{before['hour_in_parts_s']:.1f} (ten minutes at a time)",
                    f"{before['hour_in_parts_s'] / hour['s']:.1f}",
                ],
                *(
                    [
                        f"files a second, {n} worker{'s' * (n != '1')}",
                        f"{rate:.1f}",
                        f"{before['files_a_second']:.1f}",
                        f"{rate / before['files_a_second']:.1f}",
                    ]
                    for n, rate in files.items()
                ),
            ],
        ),
        "",
        f"The recording took at most {hour['peak_mb']} MB. As a live stream, as fast as it goes, "
        f"it took {stream['s']:.0f} s; the process had at most {stream['first_tenth_mb']} MB in "
        f"the first tenth and {stream['last_tenth_mb']} MB in the last. wav2vec2-base of random "
        f"weights, in a pipeline of transformers on one thread, did {other['files_a_second']:.1f} "
        "files a second.",
        "",
        f"Of {hour['utterances']:,} clips {hour['found']:,} were found; "
        f"{tables.percent(hour['missed_speech'])} % of speech was missed, and "
        f"{tables.percent(hour['false_speech'])} % of the rest taken for it. Where a clip's speech "
        f"begins was wrong by {middle_s:+.2f} s in the median ({early_s:+.2f} to {late_s:+.2f} in "
        f"nine of ten). {tables.percent(hour['label_as_of_the_clip'])} % of "
        "utterances get the label that the clip alone gets.",
    ]


def _bulk(path: Path) -> list[str]:
    """Many hours on Ray, beside `folder` on the same files; nothing where it was not measured."""
    if not path.exists():
        return []
    told = json.loads(path.read_text())
    rows = [
        [
            f"{name}, {n} worker{'s' * (n != '1')}",
            *(f"{seconds:.1f}" for seconds in (run["s"][1], run["s"][0], run["s"][2])),
            f"{run['hours_a_minute']:.2f}" if "hours_a_minute" in run else "",
            run["peak_mb"],
        ]
        for part, name in (("bulk", "`bulk`"), ("folder", "`folder`"), ("ray", "Ray alone"))
        for n, run in told[part].items()
    ]
    one, two = (told["bulk"][n]["hours_a_minute"] for n in ("1", "2"))
    return [
        "",
        "## Many hours",
        "",
        f"{told['files']:,} clips, {told['hours']:.2f} hours, on {told['machine']}, Ray "
        f"{told['versions']['ray']}; {told['rounds']} rounds in turn, starts included. Two workers "
        f"of `bulk` hear {two / one:.1f} times as much as one.",
        "",
        *tables.markdown(
            ["what", "median, s", "fastest", "slowest", "hours of audio a minute", "memory, MB"],
            rows,
        ),
    ]


def _live(told: dict) -> list[str]:
    """How soon what was said is answered over /live."""
    return [
        "",
        "## A live voice",
        "",
        f"From the end of a chunk of {told['chunk_s']} s, sent over a real connection, to its "
        "event; the speakers talk in real time on the same machine.",
        "",
        *tables.markdown(
            ["speakers at once", "median, ms", "95th percentile, ms"],
            [
                [n, f"{row['all']['median']:.0f}", f"{row['all']['p95']:.0f}"]
                for n, row in told["speakers"].items()
            ],
        ),
    ]


def _page(told: dict) -> list[str]:
    """What a visitor waits for, in Chromium on the same machine."""
    return [
        "",
        "## The page",
        "",
        *tables.markdown(
            ["in Chromium", ""],
            [
                ["bytes of the first page", f"{told['first_page_bytes']:,}"],
                ["first answer, s", f"{told['first_answer_s']:.2f}"],
                ["later answers, s", f"{told['warm_answer_s']:.2f}"],
                [
                    "answer on a line of 1.6 Mbit/s and a processor a quarter as fast, s",
                    f"{told['slow_line_answer_s']:.2f}",
                ],
                *(
                    [
                        f"Live, from chunk to drawn answer, {n} at once, ms",
                        f"{row['median']:.0f} (95th percentile {row['p95']:.0f})",
                    ]
                    for n, row in told["live_delay_ms"].items()
                ),
                [
                    f"{told['hour']['minutes']} minutes in Long, sent and drawn, s",
                    f"{told['hour']['page_s']:.0f} (on the command line "
                    f"{told['hour']['command_line_s']:.0f})",
                ],
            ],
        ),
    ]
