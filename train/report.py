"""The figures of README.md, written from metrics.json and the benchmark's results.json."""

import json
import re
from pathlib import Path

import numpy as np

from ser.checkpoint import EMBEDDED
from train.splits import SPEAKER_DEPENDENT

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FOUNDING_REPORT = {"validation": 0.8194, "test": 0.7500}  # WA on random-70-15-15, one run


def write(check: bool = False, readme: Path = README) -> None:
    """Fill the marked parts of README.md; with `check`, ValueError where they are out of date."""
    text = readme.read_text()
    filled = text
    for name, lines in {"results": results_lines(), "speed": speed_lines()}.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(filled):
            raise ValueError(f"{readme} has no part marked <!-- {name} -->.")
        block = "\n".join(lines) + "\n"
        filled = pattern.sub(lambda match, block=block: match[1] + block + match[2], filled)
    if filled == text:
        return
    if check:
        raise ValueError(f"{readme} is out of date: run `python -m train report`.")
    readme.write_text(filled)


def results_lines() -> list[str]:
    """Table of every cross-validated recipe and of the embedded weights, then what it means."""
    crossvals = [
        row
        for path in sorted((ROOT / "results").glob("*/*/metrics.json"))
        for row in json.loads(path.read_text())
    ]
    embedded = json.loads((EMBEDDED / "metrics.json").read_text())
    rows = crossvals + [row for row in embedded if row["scope"] == "these-weights"]
    lines = [
        "| recipe | protocol | clips judged | seeds "
        "| UA, % (95 % interval) | WA, % | macro-F1, % | ECE | NLL |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [_table_line(row) for row in rows] + ["", *_founding_lines(crossvals)]


def _table_line(row: dict) -> str:
    protocol = row["protocol"]
    if protocol in SPEAKER_DEPENDENT:
        protocol += " (*speaker-dependent*)"
    if row["scope"] == "these-weights":
        protocol += " (the embedded weights)"
    low, high = row["ci95"]
    spread = "" if row["ua_std_seeds"] is None else f" ± {_percent(row['ua_std_seeds'])}"
    return (
        f"| {row['recipe']} | {protocol} | {row['part']}, {row['n_clips']} | {len(row['seeds'])} "
        f"| {_percent(row['ua'])}{spread} ({_percent(low)} to {_percent(high)}) "
        f"| {_percent(row['wa'])} | {_percent(row['macro_f1'])} | {row['ece']:.3f} "
        f"| {row['nll']:.2f} |"
    )


def _founding_lines(crossvals: list[dict]) -> list[str]:
    """Where the founding recipe lands beside its report, and what unseen speakers cost."""
    found = {(r["protocol"], r["part"]): r for r in crossvals if r["recipe"] == "founding"}
    if ("random-70-15-15", "test") not in found:
        return []
    said = []
    for part, claimed in FOUNDING_REPORT.items():
        row = found["random-70-15-15", part]
        accuracies = [100 * fold["wa"] for fold in row["per_fold"]]
        said.append(
            f"{part} {np.mean(accuracies):.1f} ± {np.std(accuracies, ddof=1):.1f} % "
            f"(report: {100 * claimed:.2f} %)"
        )
    lines = [
        f"The founding report's accuracies on `random-70-15-15`, here over "
        f"{len(found['random-70-15-15', 'test']['seeds'])} draws: {', '.join(said)}."
    ]
    if ("emobox-6fold", "test") in found:
        apart = found["emobox-6fold", "test"]
        gap = 100 * (found["random-70-15-15", "test"]["ua"] - apart["ua"])
        lines.append(
            f"On actors it never heard (`emobox-6fold`) the same recipe reaches "
            f"{_percent(apart['ua'])} % UA: {gap:.1f} points less. That is the figure to expect."
        )
    return lines


def speed_lines() -> list[str]:
    """Tables of the stages' times and of the starts, the queue, then memory."""
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    lines = [f"| {results['clip_s']} s clip, one thread | median, ms | 95th percentile, ms |"]
    lines.append("|---|---|---|")
    for stage, ms in results["prediction_ms"].items():
        lines.append(f"| {stage} | {ms['median']:.1f} | {ms['p95']:.1f} |")
    start = results["start"]
    hub = json.loads((ROOT / "benchmarks" / "hub.json").read_text())
    starts = [f"| {source} | {seconds:.1f} |" for source, seconds in hub["start_s"].items()]
    return [
        *lines,
        "",
        "| the model comes from (test Hub on loopback) | first page after, s |",
        "|---|---|",
        *starts,
        "",
        f"With the Hub down, {hub['queue']['shares_a_minute_hub_down']:,} recordings a minute can "
        f"be shared; 1,000 of them are carried to it in {hub['queue']['replay_of_1000_s']:.0f} s.",
        "",
        f"First page {start['first_page_s']:.1f} s after `python app.py` (median of "
        f"{start['n_starts']}; worst {start['first_page_s_worst']:.1f} s), peak memory "
        f"{start['peak_memory_mb']} MB. Measured on {results['machine']}.",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
