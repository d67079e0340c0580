"""One utterance -> what it seems to express: the one place where recordings ask the pipeline."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ser.adaptation import Setting
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.resampling import SAMPLE_RATE

SHORTEST_S = 0.4  # that a model hears; silence is put behind less


class Answer(NamedTuple):
    """`probabilities` (8,) in label order, sum 1. All three are None where no speech was heard."""

    label: str | None
    probabilities: np.ndarray | None
    confidence: float | None


def judge(
    pipeline: EmotionPipeline,
    samples: np.ndarray,
    emotions: Iterable[str] | None = None,
    setting: Setting | None = None,
) -> Answer:
    """Judge samples (n,) float32 at 16 kHz as one whole, among some emotions or all.

    `setting` hears what they say of the room and the voice.
    """
    lacking = max(0, int(SHORTEST_S * SAMPLE_RATE) - len(samples))
    prediction = pipeline.judge(np.pad(samples, (0, lacking)))
    if setting is not None:
        setting.hear(prediction.residual, prediction.probabilities)
    if emotions is not None:
        prediction = prediction.restricted(emotions)
    probabilities = None if prediction.reason else prediction.probabilities
    return Answer(prediction.label, probabilities, prediction.confidence)


def named(probabilities: np.ndarray | None) -> dict[str, float] | None:
    """Probabilities (8,) by label, as every JSON form has them; None where there are none."""
    if probabilities is None:
        return None
    return {name: round(float(p), 6) for name, p in zip(LABELS, probabilities, strict=True)}
