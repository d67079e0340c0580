"""README.md's figures and docs/results.md, from results/ and the benchmark's results.json."""

import json
import re
from pathlib import Path

import numpy as np

from train.corpora.splits import PRIMARY
from train.judge import evidence
from train.places import RESULTS, ROOT, evidence_folder, evidence_folders
from train.report import tables
from train.report.ladder import FOUNDING, load_ladder
from train.report.other_corpora import cross_corpus_lines, cross_corpus_rows
from train.report.results_page import page_lines

README = ROOT / "README.md"
PAGE = ROOT / "docs" / "results.md"
ELSEWHERE = (
    "Visitors do not speak RAVDESS's two sentences. On corpora that the weights never heard, with "
    "all eight answers allowed, and among the emotions that the corpus has:"
)
AIMS = (
    "The aim was a UA of 75 on `emobox-6fold`, which EmoBox (arXiv:2406.07162) reports of a frozen "
    "Whisper-large-v3 (WavLM-large 72.0, HuBERT-base 65.4), and 90 on `random-70-15-15`; the best "
    "that was found published of a model trained from scratch is 62.3, on `luna-5fold`. Reached:"
)
RANDOM, LUNA = "random-70-15-15", "luna-5fold"
FOUNDING_REPORT = {"validation": 0.8194, "test": 0.7500}  # WA on random-70-15-15, one run


def write(check: bool = False, readme: Path = README, page: Path = PAGE) -> None:
    """Fill the marked parts of README.md and write docs/results.md.

    With `check` nothing is written: ValueError where one of them is out of date.
    """
    filled = readme.read_text()
    for name, lines in {"results": results_lines(), "speed": speed_lines()}.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(filled):
            raise ValueError(f"{readme} has no part marked <!-- {name} -->.")
        block = "\n".join(lines) + "\n"
        filled = pattern.sub(lambda match, block=block: match[1] + block + match[2], filled)
    for path, text in {readme: filled, page: "\n".join(page_lines(RESULTS)) + "\n"}.items():
        if path.exists() and path.read_text() == text:
            continue
        if check:
            raise ValueError(f"{path} is out of date: run `python -m train report`.")
        path.write_text(text)


def results_lines() -> list[str]:
    """Figures of the founding and the best recipe, and what they mean."""
    chosen = load_ladder(RESULTS).chosen
    crossvals = [
        row
        for recipe in chosen
        for row in evidence.whole_rows(evidence_folder(recipe))
        if row["scope"] == "recipe-crossval"
    ]
    elsewhere = cross_corpus_lines(
        cross_corpus_rows([evidence_folder(recipe) for recipe in chosen])
    )
    return [
        *tables.figure_lines([row for row in crossvals if row["part"] == "test"]),
        "",
        *_founding_lines(crossvals),
        f"{AIMS} {_reached()}.",
        *(["", ELSEWHERE, "", *elsewhere] if elsewhere else []),
    ]


def _reached() -> str:
    """The highest test figure of any recipe on the protocols of the aims and of that record."""
    said = []
    for protocol in (PRIMARY, RANDOM, LUNA):
        rows = [
            row
            for recipe in evidence_folders()
            for row in evidence.whole_rows(recipe)
            if (row["protocol"], row["part"]) == (protocol, "test")
        ]
        best = max(rows, key=lambda row: row["ua"])
        said.append(f"{tables.percent(best['ua'])} on `{protocol}` by `{best['recipe']}`")
    return "; ".join(said)


def _founding_lines(crossvals: list[dict]) -> list[str]:
    """Where the founding recipe lands beside its report, and what unseen speakers cost."""
    found = {(r["protocol"], r["part"]): r for r in crossvals if r["recipe"] == FOUNDING}
    if (RANDOM, "test") not in found:
        return []
    said = []
    for part, claimed in FOUNDING_REPORT.items():
        row = found[RANDOM, part]
        accuracies = [100 * fold["wa"] for fold in row["per_fold"]]
        said.append(
            f"{part} {np.mean(accuracies):.1f} ± {np.std(accuracies, ddof=1):.1f} % "
            f"(report: {100 * claimed:.2f} %)"
        )
    lines = [
        "The accuracies of the report that this project started from, on "
        f"`{RANDOM}`, here over "
        f"{len(found[RANDOM, 'test']['seeds'])} draws: {', '.join(said)}."
    ]
    if (PRIMARY, "test") in found:
        apart = found[PRIMARY, "test"]
        gap = 100 * (found[RANDOM, "test"]["ua"] - apart["ua"])
        lines.append(
            f"On actors it never heard (`{PRIMARY}`) the same recipe reaches "
            f"{tables.percent(apart['ua'])} % UA: {gap:.1f} points less. "
            "That is the figure to expect."
        )
    return lines


def speed_lines() -> list[str]:
    """Tables of the stages' times, of encoders of other sizes, of the starts; queue and memory."""
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    lines = [f"| {results['clip_s']} s clip, one thread | median, ms | 95th percentile, ms |"]
    lines.append("|---|---|---|")
    for stage, ms in results["prediction_ms"].items():
        lines.append(f"| {stage} | {ms['median']:.1f} | {ms['p95']:.1f} |")
    start = results["start"]
    pretrained = json.loads((ROOT / "benchmarks" / "pretrained.json").read_text())
    encoders = [
        f"| {name} | {of_it['million_parameters']:.0f} | {of_it['clip_ms']['median']:,.0f} |"
        for name, of_it in pretrained["encoders"].items()
    ]
    hub = json.loads((ROOT / "benchmarks" / "hub.json").read_text())
    starts = [f"| {source} | {seconds:.1f} |" for source, seconds in hub["start_s"].items()]
    return [
        *lines,
        "",
        f"| encoder of this size, random weights, {pretrained['clip_s']} s clip, one thread "
        "| million parameters | median, ms |",
        "|---|---|---|",
        *encoders,
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
