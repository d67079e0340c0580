"""What the pipeline says of a recording."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ser.dimensions import dimensions
from ser.labels import EMOTIONS, LABELS, Emotion
from ser.restriction import checked, restricted, sentence

Certainty = Literal["unsure", "fairly sure", "sure"]


def certainty(confidence: float, fairly: float, sure: float) -> Certainty:
    """In words, how sure an answer of this confidence is: from `fairly` on, and from `sure` on."""
    return "sure" if confidence >= sure else "fairly sure" if confidence >= fairly else "unsure"


@dataclass(frozen=True)
class Prediction:
    """What was heard.

    `probabilities` (8,) in label order, sum 1. `attention` (n_frames,), sum 1: how much each
    frame counted, at `attention_times_s` of the original recording. `speech_share` of the recording
    was found to be speech; None where the front-end looks for none. `certainty_bounds` are the
    confidences from which the answer is fairly sure and sure; none where nobody measured them.
    `adaptation` tells what was learnt of the setting and taken out. `features` (n_frames,
    n_features), named by `feature_names`, and `waveform` (n_samples,) at 16 kHz are what the answer
    was made from; `residual` (n_statistics,) is what `ser.adaptation` learns from.

    `embedding` (n,) float32 is what the last layer sees of the clip, after adaptation: of several
    windows their mean by votes, of an ensemble its members' side by side. Only those of one model
    revision can be compared. None where no speech was heard.

    `reason` says why there is no answer: no speech was heard. Then `label`, `emotion` and
    `certainty` are None, and `probabilities` are those of a sound that is no voice. They mean
    nothing, and no other interface gives them.
    """

    probabilities: np.ndarray
    attention: np.ndarray
    attention_times_s: np.ndarray
    duration_s: float
    timings_ms: dict[str, float]
    warnings: list[str]
    speech_share: float | None
    model: dict[str, str]
    waveform: np.ndarray = field(repr=False)
    features: np.ndarray = field(repr=False)
    feature_names: list[str] = field(repr=False)
    certainty_bounds: tuple[float, ...] = ()
    adaptation: dict | None = None
    residual: np.ndarray | None = field(default=None, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    reason: str | None = None

    @property
    def emotion(self) -> Emotion | None:
        """The most probable of the eight; None where no speech was heard."""
        return None if self.reason else EMOTIONS[int(self.probabilities.argmax())]

    @property
    def label(self) -> str | None:
        """The name of `emotion`."""
        return self.emotion.name if self.emotion else None

    @property
    def confidence(self) -> float | None:
        """The probability of `emotion`; None where no speech was heard."""
        return None if self.reason else float(self.probabilities.max())

    @property
    def arousal(self) -> float | None:
        """Of the answer, see `ser.dimensions`; None where no speech was heard."""
        return None if self.reason else dimensions(self.probabilities).arousal

    @property
    def valence(self) -> float | None:
        """Of the answer, see `ser.dimensions`; None where no speech was heard."""
        return None if self.reason else dimensions(self.probabilities).valence

    @property
    def certainty(self) -> Certainty | None:
        """How far to trust the answer, measured on corpora that had not been learnt."""
        if not self.certainty_bounds or self.reason:
            return None
        return certainty(float(self.probabilities.max()), *self.certainty_bounds)

    def restricted(self, emotions: Iterable[str]) -> "Prediction":
        """The same answer among some emotions only, which a warning says.

        The others' probability is 0, the rest is rescaled. ValueError for names that are none of
        the eight, or fewer than two.
        """
        chosen = checked(emotions)
        warnings = [*self.warnings, sentence(chosen)]
        return replace(
            self, probabilities=restricted(self.probabilities, chosen), warnings=warnings
        )

    def to_dict(self, embedding: bool = False) -> dict:
        """The JSON object that the command line and the API give; the embedding where asked for."""
        answer = {
            "label": self.label,
            "reason": self.reason,
            "probabilities": None
            if self.reason
            else {
                name: round(float(p), 6) for name, p in zip(LABELS, self.probabilities, strict=True)
            },
            "attention": [round(float(a), 6) for a in self.attention],
            "attention_times_s": [round(float(t), 4) for t in self.attention_times_s],
            "duration_s": round(self.duration_s, 3),
            "timings_ms": {stage: round(ms, 2) for stage, ms in self.timings_ms.items()},
            "warnings": list(self.warnings),
            "speech_share": _rounded(self.speech_share),
            "arousal": _rounded(self.arousal),
            "valence": _rounded(self.valence),
            "certainty": self.certainty,
            "adaptation": self.adaptation,
            "model": dict(self.model),
        }
        if embedding:
            answer["embedding"] = numbers(self.embedding)
        return answer


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def numbers(vector: np.ndarray | None) -> list[float] | None:
    """A float32 vector (n,) for JSON, each number in the fewest digits that give it back."""
    return None if vector is None else [float(str(value)) for value in vector]
