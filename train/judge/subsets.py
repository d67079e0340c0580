"""UA among some emotions only: clips of these, answered as with `--emotions`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser.labels import LABELS
from train.judge import metrics

SUBSETS: tuple[tuple[str, ...], ...] = (
    ("neutral", "happy", "sad", "angry", "fearful", "disgust"),  # those of CREMA-D
    ("neutral", "happy", "sad", "angry"),  # the four of IEMOCAP that most papers take
    ("neutral", "angry"),
    ("happy", "angry"),  # both loud: only their valence tells them apart
)


def ua_among(path: Path, emotions: Sequence[str]) -> float:
    """UA of saved predictions among `emotions`, the mean over folds and seeds.

    In `leave-one-corpus-out` a fold is a corpus. Raises ValueError where a fold has no clip of one
    of the emotions.
    """
    with np.load(path) as saved:
        labels, probabilities = saved["label"], saved["probabilities"].astype(np.float64)
        runs = np.stack([saved["seed"], saved["fold"]], axis=1)
    among = np.isin(labels, [LABELS.index(name) for name in emotions])
    figures = []
    for run in np.unique(runs, axis=0):
        chosen = among & (runs == run).all(axis=1)
        of_run = labels[chosen]
        if len(np.unique(of_run)) < len(emotions):
            raise ValueError(f"{path}: a fold lacks clips of {', '.join(emotions)}.")
        figures.append(metrics.ua(of_run, metrics.restricted(of_run, probabilities[chosen])))
    return float(np.mean(figures))
