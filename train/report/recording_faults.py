"""The table of answers that stay when a recording has a fault."""

import json
from collections.abc import Sequence
from pathlib import Path

from train.corpora import CORPORA
from train.judge.faults import FAULTS_NAME
from train.places import evidence_folders
from train.report import tables


def fault_lines(results: Path, first: Sequence[str]) -> list[str]:
    """A line a fault, a column a recipe and corpus; none where nothing was measured."""
    files = [
        path
        for folder in evidence_folders(results, first)
        for path in sorted(folder.glob(f"*/{FAULTS_NAME}"))
    ]
    rows = [row for path in files for row in json.loads(path.read_text())]
    if not rows:
        return []
    kept: dict[tuple[str, str], dict[str, dict]] = {}
    for row in rows:  # of a whole protocol before those of some of its folds
        kept.setdefault((row["recipe"], row["corpus"]), {}).setdefault(row["fault"], row)
    faults = list(dict.fromkeys(row["fault"] for row in rows))
    asked: dict[str, list[str]] = {}
    for (recipe, _), of in kept.items():
        asked.setdefault(_where(next(iter(of.values()))), []).append(recipe)
    return [
        "How many clips keep the answer that they have without the fault. Their voices peak at",
        "-14 dBFS. Asked are weights that never heard the clips: "
        + "; ".join(f"{where} ({', '.join(dict.fromkeys(of))})" for where, of in asked.items())
        + ".",
        "",
        *tables.markdown(
            ["fault", *(f"{recipe}, {CORPORA[corpus].title}" for recipe, corpus in kept)],
            [[fault, *(_cell(of.get(fault)) for of in kept.values())] for fault in faults],
        ),
    ]


def _where(row: dict) -> str:
    """Which weights were asked; rows of an earlier day name one fold."""
    folds = row.get("folds") or [row["fold"]]
    which = f"fold{'s' if len(folds) > 1 else ''} {' '.join(map(str, folds))}"
    return f"{which} of `{row['protocol']}`"


def _cell(row: dict | None) -> str:
    return f"{row['kept']} of {row['n_clips']}" if row else "–"
