"""Figures of a corpus that was left out: plain, and with its own unlabelled statistics."""

from collections.abc import Mapping, Sequence

import numpy as np

from ser.labels import LABELS
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT
from train.judge import evaluate, metrics
from train.judge.evaluate import Predictions

VIEWS = ("plain", "own")
ADAPTATION_NAME = "adaptation.json"
FEWEST_SPEAKERS = 10  # of whom an interval says anything


def row(
    corpus: str,
    views: Mapping[str, Predictions],
    training: Mapping,
    data: str,
    choices: Mapping | None = None,
) -> dict:
    """The row of metrics.json about a corpus: figures of eight answers and among its own.

    `own` in it are the figures after adaptation to all its clips, of models that can be adapted:
    only of these the choices on corpora left out are known. There is no interval over fewer than
    `FEWEST_SPEAKERS`.
    """
    plain, more = views["plain"], {}
    if choices:
        bounds = choices["certainty"]
        more = {
            "chosen": {k: v for k, v in choices.items() if k != "figures"},
            "chosen_by": choices["figures"],
            "certainty": certainty_rows(plain, bounds),
            "own": figures(views["own"]) | {"certainty": certainty_rows(views["own"], bounds)},
        }
    made = evaluate.metrics_row(
        plain,
        LEAVE_ONE_CORPUS_OUT,
        training["recipe"],
        "recipe-crossval",
        "test",
        training["corpora"],
        data,
        tested_on=corpus,
        classes=[LABELS[k] for k in np.unique(plain.labels)],
        **_among_its_own(plain),
        answered=answered(plain),
        **more,
    )
    if made["n_speakers"] < FEWEST_SPEAKERS:
        made["ci95"] = made["ua_restricted_ci95"] = None
    return made


def figures(p: Predictions) -> dict:
    """UA of eight answers and among the corpus's own, ECE, NLL and Brier score."""
    return {**evaluate.scores(p), **_among_its_own(p), "answered": answered(p)}


def _among_its_own(p: Predictions) -> dict:
    among = metrics.restricted(p.labels, p.probabilities)
    low, high = metrics.bootstrap_ci95(p.labels, among, p.speakers)
    return {
        "ua_restricted": round(metrics.ua(p.labels, among), 5),
        "wa_restricted": round(metrics.wa(p.labels, among), 5),
        "ua_restricted_ci95": [round(low, 5), round(high, 5)],
    }


def answered(p: Predictions) -> dict[str, float]:
    """The share of answers that names each emotion."""
    shares = np.bincount(p.probabilities.argmax(axis=1), minlength=len(LABELS)) / len(p.labels)
    return {name: round(float(share), 4) for name, share in zip(LABELS, shares, strict=True)}


def certainty_rows(p: Predictions, bounds: Sequence[float]) -> list[dict]:
    """How many answers are unsure, fairly sure and sure, and how often each kind is right."""
    confidence = p.probabilities.max(axis=1)
    right = p.probabilities.argmax(axis=1) == p.labels
    kind = (confidence >= bounds[0]).astype(int) + (confidence >= bounds[1])
    return [
        {
            "certainty": name,
            "share": round(float((kind == n).mean()), 4),
            "right": round(float(right[kind == n].mean()), 4) if (kind == n).any() else None,
        }
        for n, name in enumerate(("unsure", "fairly sure", "sure"))
    ]
