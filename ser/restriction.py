"""Only some of the eight emotions: the others' probability is taken out, the rest rescaled."""

from collections.abc import Iterable

import numpy as np

from ser.labels import LABELS


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """The chosen emotions in label order; ValueError for what is none, or fewer than two."""
    names = [name.strip().lower() for name in names]
    if unknown := [name for name in names if name not in LABELS]:
        raise ValueError(f"{', '.join(unknown)!r} is none of the emotions: {', '.join(LABELS)}.")
    if len(set(names)) < 2:
        raise ValueError("Please choose two emotions or more: one alone would always be certain.")
    return tuple(label for label in LABELS if label in names)


def restricted(probabilities: np.ndarray, emotions: tuple[str, ...]) -> np.ndarray:
    """Probabilities (8,) of the chosen emotions, sum 1, and 0 of the others."""
    mask = np.array([label in emotions for label in LABELS])
    kept = np.where(mask, probabilities, 0.0)
    total = kept.sum()
    return kept / total if total > 0 else mask / mask.sum()


def sentence(emotions: tuple[str, ...]) -> str:
    """What an answer says of it."""
    return f"Judged among {', '.join(emotions)} only: the others were left out."
