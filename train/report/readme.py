"""README.md's one small table: the founding and the best recipe on voices they never heard."""

from collections.abc import Sequence
from pathlib import Path

from train.corpora import CORPORA
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, PRIMARY
from train.judge import evidence
from train.judge.left_out import VIEWS
from train.places import evidence_folder
from train.report import tables
from train.report.ladder import load_ladder
from train.report.left_out import left_out_rows, mean, said
from train.report.other_corpora import cross_corpus_rows

HEADER = ("recipe", "protocol", "clips of", "clips", "voices", "UA, % (95 % interval)")


def front_lines(results: Path) -> list[str]:
    """One line a recipe on the primary protocol, then on each corpus that the best never heard.

    The founding recipe heard fewer corpora and was judged on more of them; those have no line
    here, for nothing stands beside them.
    """
    folders = [evidence_folder(recipe, results) for recipe in load_ladder(results).chosen]
    found = cross_corpus_rows(folders)
    judged = [row["tested_on"] for row in found if row["recipe"] == folders[-1].name]
    lines = [
        (row, "ravdess")
        for folder in folders
        for row in evidence.read_rows(folder / PRIMARY)
        if row["part"] == "test"
    ]
    lines += [(row, corpus) for corpus in judged for row in found if row["tested_on"] == corpus]
    return [
        *tables.markdown(HEADER, [_cells(row, corpus) for row, corpus in lines]),
        *_left_out_lines(results, [folder.name for folder in folders]),
    ]


def _left_out_lines(results: Path, first: Sequence[str]) -> list[str]:
    """One line a recipe: means over the corpora that were left out; none where none was."""
    by_recipe = left_out_rows(results, first)
    header = ["recipe", "protocol", "clips", "UA among a corpus's emotions, %"]
    header += ["the same, adapted to the corpus, %", "ECE", "ECE, adapted"]
    cells = [
        [
            f"`{name}`",
            f"`{LEAVE_ONE_CORPUS_OUT}`, mean of {len(rows)}",
            f"{sum(row['n_clips'] for row in rows):,}",
            *(said(mean(rows, "ua_restricted", view), tables.percent) for view in VIEWS),
            *(said(mean(rows, "ece", view), "{:.3f}".format) for view in VIEWS),
        ]
        for name, rows in by_recipe.items()
    ]
    return ["", *tables.markdown(header, cells)] if cells else []


def _cells(row: dict, corpus: str) -> list[object]:
    return [
        f"`{row['recipe']}`",
        f"`{row['protocol']}`",
        CORPORA[corpus].title,
        f"{row['n_clips']:,}",
        row["n_speakers"],
        tables.ua(row),
    ]
