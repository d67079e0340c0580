"""One utterance -> what it seems to express: the one place where recordings ask the pipeline."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.resampling import SAMPLE_RATE

SHORTEST_S = 0.4  # that a model hears; silence is put behind less


class Answer(NamedTuple):
    """`label` is None where no speech was heard; `probabilities` (8,) in label order, sum 1."""

    label: str | None
    probabilities: np.ndarray
    confidence: float


def judge(
    pipeline: EmotionPipeline, samples: np.ndarray, emotions: Iterable[str] | None = None
) -> Answer:
    """Judge samples (n,) float32 at 16 kHz as one whole, among some emotions or all."""
    lacking = max(0, int(SHORTEST_S * SAMPLE_RATE) - len(samples))
    prediction = pipeline.judge(np.pad(samples, (0, lacking)))
    if emotions is not None:
        prediction = prediction.restricted(emotions)
    return Answer(
        label=prediction.emotion.name,
        probabilities=prediction.probabilities,
        confidence=float(prediction.probabilities.max()),
    )


def named(probabilities: np.ndarray) -> dict[str, float]:
    """Probabilities (8,) by label, as every JSON form has them."""
    return {name: round(float(p), 6) for name, p in zip(LABELS, probabilities, strict=True)}
