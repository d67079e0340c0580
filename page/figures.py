"""What was measured of a model, as the page tells it: from its metrics.json, never from here."""

from collections.abc import Sequence
from statistics import mean

import numpy as np

from ser.checkpoints.checkpoint import expected_row
from ser.labels import EMOTIONS, Emotion

CROSS, LEFT_OUT = "cross-corpus", "leave-one-corpus-out"  # protocols of corpora never heard


def right_at_home(metrics: Sequence[dict]) -> float | None:
    """The share it gets right of actors that it never heard (UA); None where nobody measured."""
    row = expected_row(metrics)
    return None if row is None else row["ua"]


def right_elsewhere(metrics: Sequence[dict]) -> float | None:
    """The mean share over corpora that were not learnt; None where there is none.

    Where each was left out of its training in turn, among the emotions that a corpus has.
    """
    left_out = [row["ua_restricted"] for row in metrics if row.get("protocol") == LEFT_OUT]
    heard = [row["ua"] for row in metrics if row.get("protocol") == CROSS]
    return mean(left_out or heard) if left_out or heard else None


def mistaken_for(metrics: Sequence[dict], emotion: Emotion) -> tuple[Emotion, float] | None:
    """What was meant most often where the model said `emotion` and erred, and how often it was.

    The share is that of all its answers `emotion`. None where nobody measured, or it never erred.
    """
    row = expected_row(metrics)
    if row is None or "confusion" not in row:
        return None
    meant = np.array(row["confusion"], dtype=float)[:, emotion.index]
    total = meant.sum()
    meant[emotion.index] = 0
    if not meant.any():
        return None
    other = int(meant.argmax())
    return EMOTIONS[other], float(meant[other] / total)
