"""The table of answers among some emotions only."""

from collections.abc import Sequence
from pathlib import Path

from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, PRIMARY
from train.judge.evidence import PREDICTIONS
from train.judge.subsets import SUBSETS, ua_among
from train.places import evidence_folders
from train.report import tables

FILES = {
    f"`{PRIMARY}`": f"{PRIMARY}/{PREDICTIONS['test']}",
    f"`{LEAVE_ONE_CORPUS_OUT}`": f"{LEAVE_ONE_CORPUS_OUT}/plain.npz",
    "with its own statistics": f"{LEAVE_ONE_CORPUS_OUT}/own.npz",
}


def subset_lines(results: Path, first: Sequence[str]) -> list[str]:
    """UA among each subset, of the recipes that were judged on both primary protocols."""
    folders = [
        folder
        for folder in evidence_folders(results, first)
        if all((folder / file).is_file() for file in FILES.values())
    ]
    if not folders:
        return []
    cells = [
        [
            folder.name,
            ", ".join(emotions),
            tables.percent(1 / len(emotions)),
            *(tables.percent(ua_among(folder / file, emotions)) for file in FILES.values()),
        ]
        for folder in folders
        for emotions in SUBSETS
    ]
    return [
        "UA in percent, of clips of these emotions alone, judged among these emotions only, as",
        "with `--emotions`. The mean is over the folds; in the last two columns these are corpora.",
        "",
        *tables.markdown(["recipe", "emotions", "chance", *FILES], cells),
    ]
