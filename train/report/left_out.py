"""leave-one-corpus-out: tables of people who are not RAVDESS, each corpus judged unheard."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ser.labels import LABELS
from train.corpora import CORPORA
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT
from train.judge import evidence
from train.judge.left_out import ADAPTATION_NAME
from train.places import evidence_folders
from train.report import tables

HEADER = ["recipe", "corpus left out", "clips, emotions (chance, %)"]
HEADER += ["UA among its emotions, % (95 % interval)", "with its own statistics, %"]
HEADER += ["UA of eight answers, %", "ECE, plain and own", "NLL, plain and own"]

INTRODUCTION = [
    "Each corpus is judged whole by weights that heard only the others (and RAVDESS song, if",
    "RAVDESS is not the one left out). Penalty, temperature, certainty and how far adaptation",
    "goes are chosen for it by leaving one out among the other four. *Its own statistics*: the",
    "model is adapted to what all clips of the corpus have in common, without labels. No",
    "interval is given over fewer than ten speakers. ECE and NLL are over the eight answers.",
]


def is_left_out(row: dict) -> bool:
    """Whether a metrics row is about a corpus that was left out."""
    return row["protocol"].startswith(LEAVE_ONE_CORPUS_OUT)


def left_out_part(results: Path, first: Sequence[str]) -> list[str]:
    """Every recipe that was judged so; those of `first` before the others."""
    by_recipe = left_out_rows(results, first)
    if not by_recipe:
        return []
    learnt = next(rows for rows in by_recipe.values() if "certainty" in rows[0])
    return [
        *INTRODUCTION,
        "",
        *left_out_lines(by_recipe),
        "",
        "How often an answer was right, by what is said of its certainty. A corpus's bounds were",
        "chosen without it; the mean is over the corpora.",
        "",
        *_certainty_lines(learnt),
        "",
        "Which emotions were answered, as shares of all answers in percent. Only RAVDESS has calm",
        "clips.",
        "",
        *_answered_lines(learnt),
        *_adaptation_lines(results, first),
    ]


def left_out_lines(by_recipe: Mapping[str, Sequence[dict]]) -> list[str]:
    """One line a recipe and corpus, and one for the mean over its corpora."""
    return tables.markdown(
        HEADER,
        [
            cells
            for name, rows in by_recipe.items()
            for cells in [*(_cells(name, row) for row in rows), _mean_cells(name, rows)]
        ],
    )


def left_out_rows(results: Path, first: Sequence[str] = ()) -> dict[str, list[dict]]:
    """The rows of each recipe that was judged so, by its name and what it did not learn."""
    found = {}
    for folder in evidence_folders(results, first):
        for path in sorted(folder.glob(f"{LEAVE_ONE_CORPUS_OUT}*")):
            without = path.name.removeprefix(LEAVE_ONE_CORPUS_OUT).replace("-without-", " without ")
            found[folder.name + without] = evidence.read_rows(path)
    return found


def mean(rows: Sequence[dict], name: str, view: str = "plain") -> float | None:
    """The mean of a figure over the corpora left out; None for a view that a model has not."""
    if view != "plain" and not all(view in row for row in rows):
        return None
    return float(np.mean([(row if view == "plain" else row[view])[name] for row in rows]))


def said(value: float | None, as_text: Callable[[float], str]) -> str:
    """A figure, or the dash of one that there is not."""
    return "–" if value is None else as_text(value)


def _cells(name: str, row: dict) -> list[object]:
    known = row["ua_restricted_ci95"]
    return [
        name,
        CORPORA[row["tested_on"]].title,
        f"{row['n_clips']:,}, {len(row['classes'])} ({tables.percent(1 / len(row['classes']))})",
        tables.percent(row["ua_restricted"]) + (f" ({tables.interval(*known)})" if known else ""),
        said(mean([row], "ua_restricted", "own"), tables.percent),
        tables.percent(row["ua"]),
        *_both([row]),
    ]


def _mean_cells(name: str, rows: Sequence[dict]) -> list[object]:
    return [
        name,
        "**mean**",
        "",
        f"**{tables.percent(mean(rows, 'ua_restricted'))}**",
        said(mean(rows, "ua_restricted", "own"), lambda ua: f"**{tables.percent(ua)}**"),
        tables.percent(mean(rows, "ua")),
        *_both(rows),
    ]


def _both(rows: Sequence[dict]) -> list[str]:
    """ECE and NLL, each plain and with own statistics."""
    return [
        ", ".join(said(mean(rows, name, view), form.format) for view in ("plain", "own"))
        for name, form in (("ece", "{:.3f}"), ("nll", "{:.2f}"))
    ]


def _adaptation_lines(results: Path, first: Sequence[str]) -> list[str]:
    """What few clips gain, by kind of set and corpus; none where that was not measured."""
    lines = []
    for folder in evidence_folders(results, first):
        path = folder / LEAVE_ONE_CORPUS_OUT / ADAPTATION_NAME
        if not path.exists():
            continue
        rows = json.loads(path.read_text())
        kinds = dict.fromkeys((row["set"], row["n"]) for row in rows)
        corpora = dict.fromkeys(row["corpus"] for row in rows)
        gain = {(row["set"], row["n"], row["corpus"]): row["gain"] for row in rows}
        cells = []
        for kind in kinds:
            known = [gain.get((*kind, corpus)) for corpus in corpora]
            there = [one for one in known if one is not None]
            cells.append(
                [
                    f"{kind[1]} {kind[0]}",
                    *("–" if one is None else tables.points(one) for one in known),
                    tables.points(float(np.mean(there))),
                ]
            )
        lines += [
            "",
            "What adaptation to few clips gains, in points of UA among the corpus's emotions:",
            f"{folder.name}, drawn sets (ten draws), then other clips of the corpus judged.",
            "*Mixed* sets are drawn at random, the others are of one emotion alone. *Voice*: calm",
            "or neutral sentences of a speaker, whose clips of other emotions are judged then.",
            "",
            *tables.markdown(
                ["clips heard", *(CORPORA[name].title for name in corpora), "mean"], cells
            ),
        ]
    return lines


def _certainty_lines(rows: Sequence[dict]) -> list[str]:
    kinds = [kind["certainty"] for kind in rows[0]["certainty"]]
    header = ["corpus left out", *(f"{kind}: share, right, %" for kind in kinds)]
    cells = [
        [
            CORPORA[row["tested_on"]].title,
            *(
                f"{tables.percent(kind['share'])}, "
                + ("–" if kind["right"] is None else tables.percent(kind["right"]))
                for kind in row["certainty"]
            ),
        ]
        for row in rows
    ]
    means = ["mean"]
    for n in range(len(kinds)):
        right = [row["certainty"][n]["right"] for row in rows]
        share = np.mean([row["certainty"][n]["share"] for row in rows])
        known = [one for one in right if one is not None]
        means.append(
            f"{tables.percent(share)}, " + (tables.percent(np.mean(known)) if known else "–")
        )
    return tables.markdown(header, [*cells, means])


def _answered_lines(rows: Sequence[dict]) -> list[str]:
    return tables.markdown(
        ["corpus left out", *LABELS],
        [
            [
                CORPORA[row["tested_on"]].title,
                *(tables.percent(row["answered"][name]) for name in LABELS),
            ]
            for row in rows
        ],
    )
