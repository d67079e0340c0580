"""results/RECIPE/PROTOCOL: a recipe's committed figures, and the answers that they come from.

metrics.json holds a row for the validation clips and one for the test clips; validation.npz and
oof.npz every clip's probabilities, once a seed; three pictures show the test clips. Figures of some
folds only lie in PROTOCOL-folds-1-2, and their rows name that as their protocol, so that nothing
takes them for the whole one. Those of a screening, which hears no test clip, lie in
screening-PROTOCOL.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser.checkpoints.checkpoint import METRICS_NAME
from train.judge import evaluate, metrics, pictures
from train.judge.evaluate import Predictions

SCREENING = "screening-"
PREDICTIONS = {"validation": "validation.npz", "test": "oof.npz"}


@dataclass(frozen=True)
class Gain:
    """UA of one recipe minus another's, 0 to 1, on the same actors of the same `folds`."""

    ua: float
    low: float
    high: float
    folds: tuple[int, ...]


def protocol_name(protocol: str, folds: Sequence[int], n_folds: int) -> str:
    """The protocol where `folds` are all of its `n_folds`; else a name that says which they are."""
    if len(set(folds)) == n_folds:
        return protocol
    return "-".join([protocol, "folds", *map(str, sorted(set(folds)))])


def screening(protocol: str) -> str:
    """The name of the protocol of which only the validation clips were judged."""
    return f"{SCREENING}{protocol}"


def folds_judged(folds: Sequence[int], n_folds: int) -> dict:
    """What a row of some folds says beyond one of all: which they are, and of how many."""
    chosen = sorted(set(folds))
    return {} if len(chosen) == n_folds else {"folds": chosen, "n_folds": n_folds}


def quotable(own: Sequence[dict], recipe: Path, revision: str) -> list[dict]:
    """Rows that may be quoted for the weights of this `revision`: their own, then their recipe's.

    Of the folder results/RECIPE those count that are about all folds of a protocol, or about these
    very weights on another corpus. Where both tell of the same, the folder knows better: `own` may
    be what an earlier call gave.
    """
    known = [row for row in whole_rows(recipe) if row.get("weights", revision) == revision]
    told = ("scope", "protocol", "part", "tested_on")
    return list({tuple(row.get(k) for k in told): row for row in [*own, *known]}.values())


def whole_rows(recipe: Path) -> list[dict]:
    """Rows of results/RECIPE about all folds of a protocol, or about other corpora."""
    return [
        row
        for path in sorted(recipe.glob(f"*/{METRICS_NAME}"))
        for row in read_rows(path.parent)
        if "folds" not in row and not row["protocol"].startswith(SCREENING)
    ]


def write(folder: Path, rows: Sequence[dict], judged: Mapping[str, Predictions]) -> None:
    """Write figures, predictions (by part, as in the rows) and the pictures of the last part."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, predictions in judged.items():
        predictions.save(folder / PREDICTIONS[part])
    draw(folder, rows[-1], judged[rows[-1]["part"]])
    evaluate.write_rows(folder / METRICS_NAME, rows)


def draw(folder: Path, row: dict, p: Predictions) -> None:
    """Write the pictures of a row's predictions."""
    title = f"{row['recipe']}, {row['protocol']}, {row['part']}: UA {100 * row['ua']:.1f} %"
    pictures.judgement(p.labels, p.probabilities, title, folder)


def recount(folder: Path) -> list[dict]:
    """Count metrics.json and the pictures anew from the saved predictions; no model is needed.

    Rows without saved predictions stay as they are. Raises ValueError where there is no evidence.
    """
    rows = []
    for row in read_rows(folder):
        path = folder / PREDICTIONS.get(row["part"], "")
        if not path.is_file():
            rows.append(row)
            continue
        predictions = Predictions.load(path)
        rows.append(evaluate.recount(row, predictions))
        draw(folder, rows[-1], predictions)
    evaluate.write_rows(folder / METRICS_NAME, rows)
    return rows


def read_rows(folder: Path) -> list[dict]:
    """Rows of the folder's metrics.json; ValueError where there is none."""
    path = folder / METRICS_NAME
    if not path.is_file():
        raise ValueError(f"{folder} holds no {METRICS_NAME}: run `python -m train crossval`.")
    return json.loads(path.read_text())


def compare(before: Path, after: Path, part: str = "test") -> Gain:
    """UA of the evidence in `after` minus that in `before`, paired by actor.

    Where one of them judged some folds only, both are counted on the folds they share. Raises
    ValueError where predictions are missing or nothing is shared.
    """
    pair = []
    for folder in (before, after):
        if not (folder / PREDICTIONS[part]).is_file():
            raise ValueError(f"{folder} holds no {PREDICTIONS[part]}: nothing can be paired.")
        pair.append(Predictions.load(folder / PREDICTIONS[part]))
    shared = np.intersect1d(pair[0].folds, pair[1].folds)
    if len(shared) == 0:
        raise ValueError(f"{before} and {after} share no fold.")
    halves = [p.only(np.isin(p.folds, shared)) for p in pair]
    gain = metrics.paired_gain(*((p.labels, p.probabilities, p.speakers) for p in halves))
    return Gain(*gain, tuple(int(f) for f in shared))
