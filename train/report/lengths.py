"""Accuracy by length of speech, and how much is told from it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser.cautions import SHORT_S
from train.judge.lengths import CERTAINTIES, CUT_S, LENGTHS_NAME
from train.places import evidence_folders
from train.report import tables
from train.report.stress import column_title

NEAR = 0.05  # of UA: as good as the whole clip


def length_lines(results: Path, first: Sequence[str]) -> list[str]:
    """A part for each recipe that was measured so; those of `first` before the others."""
    lines = []
    for folder in evidence_folders(results, first):
        files = sorted(folder.glob(f"*/{LENGTHS_NAME}"))
        if rows := [row for path in files for row in json.loads(path.read_text())]:
            lines += [*([""] if lines else []), *_part(folder.name, rows)]
    return lines


def _part(recipe: str, rows: Sequence[dict]) -> list[str]:
    columns = list(dict.fromkeys((row["protocol"], row["corpus"]) for row in rows))
    lengths = list(dict.fromkeys(row["length"] for row in rows))
    there = {(row["length"], row["protocol"], row["corpus"]): row for row in rows if row["n_clips"]}
    return [
        f"What `{recipe}` makes of clips that it never heard, cut short and joined. *First*: so",
        "much speech from where it begins, as the detector finds it, with its pauses. *Joined*: a",
        "clip and others of its speaker and emotion. A clip that holds less speech than a length",
        "is not part of its row. One in which no speech was heard counts as wrong.",
        "",
        "UA of eight answers; in brackets that of the same clips whole, and their number:",
        "",
        *tables.markdown(
            ["speech", *map(column_title, columns)],
            [[length, *(_ua(there.get((length, *c))) for c in columns)] for length in lengths],
        ),
        "",
        "Means over the corpora. The change of UA is against the same clips whole; ECE is about",
        "clips that were answered:",
        "",
        *tables.markdown(
            ["speech", "change of UA, points", "labels that stay, %", "no speech heard, %", "ECE"]
            + [f"{kind}: share, right, %" for kind in CERTAINTIES],
            [
                [length, *_means(found)]
                for length in lengths
                if (found := [there[length, *c] for c in columns if (length, *c) in there])
            ],
        ),
        "",
        *_least_lines(lengths, there),
    ]


def _ua(row: dict | None) -> str:
    if row is None:
        return "–"
    return f"{tables.percent(row['ua'])} ({tables.percent(row['ua_whole'])}, {row['n_clips']})"


def _means(rows: Sequence[dict]) -> list[str]:
    def mean(name: str) -> float:
        return float(np.mean([row[name] for row in rows]))

    eces = [row["ece"] for row in rows if row["ece"] is not None]
    return [
        tables.points(mean("ua") - mean("ua_whole")),
        tables.percent(mean("stays")),
        tables.percent(mean("no_answer")),
        f"{np.mean(eces):.3f}" if eces else "–",
        *(_certainty(rows, kind) for kind in CERTAINTIES),
    ]


def _certainty(rows: Sequence[dict], kind: str) -> str:
    """Of clips of all corpora: how many answers were of this kind, and how many of those right."""
    n_all = sum(row["n_clips"] for row in rows)
    of_kind = [(row["n_clips"], c) for row in rows for c in row["certainty"]]
    of_kind = [(n * c["share"], c["right"]) for n, c in of_kind if c["certainty"] == kind]
    n_kind = sum(n for n, _ in of_kind)
    if not n_kind:
        return "–"
    right = sum(n * share for n, share in of_kind) / n_kind
    return f"{tables.percent(n_kind / n_all)}, {tables.percent(right)}"


def _least_lines(lengths: Sequence[str], there: dict[tuple, dict]) -> list[str]:
    """From how much speech on a clip is answered about as well as a whole one."""
    change: dict[float, float] = {}
    for length in lengths:
        rows = [row for (name, *_), row in there.items() if name == length]
        if rows and (seconds := rows[0]["length_s"]) in CUT_S:
            change[seconds] = float(np.mean([row["ua"] - row["ua_whole"] for row in rows]))
    too_short = [seconds for seconds, loss in change.items() if loss < -NEAR]
    enough = [s for s in sorted(change) if not too_short or s > max(too_short)]
    if not enough:
        return []
    return [
        f"From {enough[0]:g} s of speech on, the mean UA lies within {100 * NEAR:.0f} points of",
        f"that of whole clips. Recordings with less than {SHORT_S:g} s of speech get a warning.",
    ]
