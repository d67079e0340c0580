"""What the page tells of its models beyond their metrics.json: reliability, and other sound."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser.checkpoints.config import BESIDE, EMBEDDED, METRICS_NAME, PRIMARY, expected_row
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT
from train.judge.evidence import PREDICTIONS
from train.judge.robustness import ROBUSTNESS_NAME
from train.places import evidence_folder

N_BINS = 10
# The default was never heard in noise under its own name; its elder was, and sees the same.
ELDER = "whisper_base_corpora"
PROTOCOLS = {"home": (PRIMARY, PREDICTIONS["test"]), "abroad": (LEAVE_ONE_CORPUS_OUT, "plain.npz")}


def page_figures(results: Path) -> dict:
    """`reliability` by recipe, at home and abroad, and `robustness`, a row a recipe and change."""
    recipes = served_recipes()
    told = {recipe: _reliability(evidence_folder(recipe, results)) for recipe in recipes}
    return {
        "reliability": {recipe: found for recipe, found in told.items() if found},
        "robustness": [
            row
            for recipe in dict.fromkeys([recipes[0], ELDER, *recipes[1:]])
            for row in _robustness(evidence_folder(recipe, results) / PRIMARY / ROBUSTNESS_NAME)
        ],
    }


def served_recipes() -> list[str]:
    """Those of the models that come with the code."""
    found = []
    for folder in (EMBEDDED, *BESIDE.values()):
        row = expected_row(json.loads((folder / METRICS_NAME).read_text()))
        found += [row["recipe"]] if row else []
    return found


def _reliability(folder: Path) -> dict[str, list[dict]]:
    found = {}
    for where, (protocol, name) in PROTOCOLS.items():
        if (folder / protocol / name).is_file():
            with np.load(folder / protocol / name) as saved:
                found[where] = tenths(saved["label"], saved["probabilities"].astype(np.float64))
    return found


def tenths(labels: Sequence[int], probabilities: np.ndarray) -> list[dict]:
    """Answers by confidence, in steps of a tenth: how many, how confident, how often right.

    `labels` (n,), `probabilities` (n, 8); seeds and corpora pooled. Empty steps are left out.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    steps = np.minimum((N_BINS * confidence).astype(int), N_BINS - 1)
    return [
        {
            "from": round(step / N_BINS, 1),
            "share": round(float((steps == step).mean()), 4),
            "confidence": round(float(confidence[steps == step].mean()), 4),
            "right": round(float(right[steps == step].mean()), 4),
        }
        for step in np.unique(steps)
    ]


def _robustness(path: Path) -> list[dict]:
    kept = ("recipe", "condition", "n_clips", "unchanged", "ua_before", "ua_change")
    rows = json.loads(path.read_text()) if path.is_file() else []
    return [{name: row[name] for name in kept} for row in rows]
