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
    columns = list(dict.fromkeys((row["recipe"], row["corpus"]) for row in rows))
    kept = {
        (row["recipe"], row["corpus"], row["fault"]): f"{row['kept']} of {row['n_clips']}"
        for row in rows
    }
    faults = list(dict.fromkeys(row["fault"] for row in rows))
    about = {row["recipe"]: f"fold {row['fold']} of `{row['protocol']}`" for row in rows}
    return [
        "How many clips keep the answer that they have without the fault. Their voices peak at",
        "-14 dBFS. Asked are weights of one fold each: "
        + "; ".join(f"{recipe}, {where}" for recipe, where in about.items())
        + ".",
        "RAVDESS clips are of that fold's test actors; TESS was heard by none of them.",
        "",
        *tables.markdown(
            ["fault", *(f"{recipe}, {CORPORA[corpus].title}" for recipe, corpus in columns)],
            [[fault, *(kept.get((*column, fault), "–") for column in columns)] for fault in faults],
        ),
    ]
