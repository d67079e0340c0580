"""docs/speed.md's tables, from what the benchmarks wrote."""

import json
from pathlib import Path

from train.report import tables


def speed_lines(benchmarks: Path) -> list[str]:
    """Tables of a clip's stages, of the starts, of encoders of other sizes; queue and memory."""
    serving, hub, pretrained = (
        json.loads((benchmarks / f"{name}.json").read_text())
        for name in ("results", "hub", "pretrained")
    )
    start, queue = serving["start"], hub["queue"]
    return [
        f"Measured on {serving['machine']}.",
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
