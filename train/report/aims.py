"""What the project aimed at and what its first report claimed, beside what was measured here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.corpora.splits import PRIMARY
from train.judge import evidence
from train.places import evidence_folder, evidence_folders
from train.recipes.load import load_recipe
from train.report import tables
from train.report.ladder import FOUNDING

RANDOM, LUNA = "random-70-15-15", "luna-5fold"
FIRST_REPORT = {"validation": 0.8194, "test": 0.7500}  # WA on random-70-15-15, one run
AIMS = (
    f"The aims were a UA of 75 % on `{PRIMARY}` and of 90 % on `{RANDOM}`. On `{PRIMARY}`, EmoBox "
    "(arXiv:2406.07162) reports 75 % for a frozen Whisper-large-v3, 72.0 % for WavLM-large and "
    "65.4 % for HuBERT-base. For a model trained from scratch, the best published figure that was "
    f"found is 62.3 %, on `{LUNA}`."
)


def aims_lines(results: Path) -> list[str]:
    """The aims and what was reached, then the first report beside its own recipe."""
    founding = evidence.whole_rows(evidence_folder(FOUNDING, results))
    return [AIMS, f"Reached: {_reached(results)}.", *first_report_lines(founding)]


def _reached(results: Path) -> str:
    """The highest test figure of any recipe on each of the three protocols."""
    said = []
    for protocol in (PRIMARY, RANDOM, LUNA):
        rows = [
            row
            for recipe in evidence_folders(results)
            for row in evidence.whole_rows(recipe)
            if (row["protocol"], row["part"]) == (protocol, "test")
        ]
        if rows:
            best = max(rows, key=lambda row: row["ua"])
            seeds = len(best["seeds"])
            said.append(
                f"{tables.percent(best['ua'])} % on `{protocol}` by `{best['recipe']}` "
                f"({seeds} seed{'s' if seeds > 1 else ''}{_start(best['recipe'])})"
            )
    return "; ".join(said)


def _start(recipe: str) -> str:
    """Say whose weights a recipe starts from, where they are not its own."""
    try:
        encoder = load_recipe(recipe).pretrain.encoder
    except ValueError:  # it was a file somewhere
        return ""
    return f", not from scratch but from {encoder}" if encoder else ""


def first_report_lines(founding: Sequence[dict]) -> list[str]:
    """Where the founding recipe lands beside its report, and what unheard speakers cost it."""
    rows = {(row["protocol"], row["part"]): row for row in founding}
    if (RANDOM, "test") not in rows:
        return []
    random = rows[RANDOM, "test"]
    said = []
    for part, claimed in FIRST_REPORT.items():
        accuracies = [100 * fold["wa"] for fold in rows[RANDOM, part]["per_fold"]]
        said.append(
            f"{part} {np.mean(accuracies):.1f} ± {np.std(accuracies, ddof=1):.1f} % "
            f"(report: {100 * claimed:.2f} %)"
        )
    lines = [
        "",
        f"The project started from a report of the founding recipe on `{RANDOM}`. Its accuracies, "
        f"here over {len(random['seeds'])} draws: {', '.join(said)}.",
    ]
    if (PRIMARY, "test") in rows:
        apart = rows[PRIMARY, "test"]
        lines.append(
            f"On actors it never heard (`{PRIMARY}`) the same recipe reaches a UA of "
            f"{tables.percent(apart['ua'])} %, which is "
            f"{100 * (random['ua'] - apart['ua']):.1f} points less. "
            "That is the figure to expect with new voices."
        )
    return lines
