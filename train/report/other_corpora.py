"""Tables of answers on corpora that the weights never heard."""

from collections.abc import Sequence
from pathlib import Path

from train.corpora import CORPORA
from train.judge import evidence
from train.judge.cross_corpus import CROSS_CORPUS
from train.places import evidence_folders
from train.report import tables


def cross_corpus_part(results: Path, first: Sequence[str]) -> list[str]:
    """Of all weights that were judged so, those of the `first` recipes before the others."""
    rows = cross_corpus_rows(evidence_folders(results, first))
    if not rows:
        return []
    return [
        "Visitors do not speak RAVDESS's two sentences, so these corpora are nearer to them. Each",
        "clip of one of the eight emotions is judged twice: once with all eight answers allowed,",
        "once with the answer among the corpus's own emotions. An interval over few speakers (TESS",
        "has two) says little. ECE tells how far the confidence can be trusted there.",
        "",
        *cross_corpus_lines(rows),
        "",
        *tables.markdown(
            [
                "recipe",
                "tested on",
                "WA, %",
                "ECE (95 % of perfect models: under)",
                "by sex, UA in %",
            ],
            [
                [
                    row["recipe"],
                    CORPORA[row["tested_on"]].title,
                    tables.percent(row["wa"]),
                    tables.ece(row),
                    ", ".join(f"{k} {tables.percent(v)}" for k, v in row["per_sex"].items()),
                ]
                for row in rows
            ],
        ),
    ]


def cross_corpus_rows(recipes: Sequence[Path]) -> list[dict]:
    """Rows of weights on corpora that they never heard, from the evidence of their recipes."""
    folders = [recipe / CROSS_CORPUS for recipe in recipes]
    return [row for folder in folders if folder.is_dir() for row in evidence.read_rows(folder)]


def cross_corpus_lines(rows: Sequence[dict]) -> list[str]:
    """One line a set of weights and corpus; none where nothing was measured."""
    header = ["recipe", "trained on", "tested on", "language", "clips, speakers, emotions"]
    header += [
        "UA of eight answers, % (95 % interval)",
        "UA among its emotions, %",
        "chance there, %",
    ]
    cells = [
        [
            row["recipe"],
            ", ".join(CORPORA[name].title for name in row["corpora"]),
            CORPORA[row["tested_on"]].title,
            CORPORA[row["tested_on"]].language,
            f"{row['n_clips']}, {row['n_speakers']}, {len(row['classes'])}",
            tables.ua(row),
            f"{tables.percent(row['ua_restricted'])} "
            f"({tables.interval(*row['ua_restricted_ci95'])})",
            tables.percent(1 / len(row["classes"])),
        ]
        for row in rows
    ]
    return tables.markdown(header, cells) if cells else []
