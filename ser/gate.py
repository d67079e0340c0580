"""Is anybody speaking? What stands in front of every answer.

The detector (`ser.sound.speech`) tells where somebody speaks. A model's speech head tells whether
that is a voice at all: other sounds deceive the detector, and strong voices escape it. So the head
is asked first, of every window, and the detector's word only moves the bar. A model without a head
leaves it to the detector.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ser.sound.high_pass import high_pass
from ser.sound.segments import clip_segments
from ser.sound.windows import Heard

NO_SPEECH = "No speech heard"
NO_VOICE = f"{NO_SPEECH}: the sound is not that of a voice that speaks or sings."
NOT_DETECTED = f"{NO_SPEECH}: the speech detector found none."
DETECTOR_ONLY = (
    "This model has no speech head: the detector alone decided that nobody speaks, and it misses "
    "some shouts and whispers."
)
UNDETECTED = (
    "The speech detector found nothing: the loudest part, which sounds like a voice, was judged."
)
IN_PART = "Parts that sound like no voice were left out."
SUNG = "This sounds sung: an emotion heard in song is less certain than in speech."


class Gated(NamedTuple):
    """What of each window counts, `votes` (n_windows,) in seconds, and why nothing does.

    `reason` is None where somebody speaks; otherwise the votes are those of all windows, and say
    only how long each is. `speech_s` is how much speech there is, None where nobody looked.
    """

    votes: np.ndarray
    reason: str | None
    speech_s: float | None
    warnings: list[str]


def gate(
    waveform: np.ndarray,
    heard: Heard,
    speech: Sequence[np.ndarray | None],
    thresholds: Sequence[float],
) -> Gated:
    """Decide by the windows of a waveform (n_samples,) and the scores `speech` (2,) of each.

    `thresholds` as `CheckpointConfig.speech_thresholds`; empty for a model without a speech head.
    """
    votes = np.array([window.speech_s for window in heard.windows])
    if not thresholds:
        return _by_detector(waveform, heard, votes)
    voice, sung = np.array([score for score in speech], dtype=np.float64).T
    is_detected = heard.speech_s is None or heard.speech_s > 0
    is_voice = voice >= (thresholds[0] if is_detected else thresholds[1])
    if not is_voice.any():
        return Gated(votes, NO_VOICE, 0.0, [])
    warnings = [] if is_detected else [UNDETECTED]
    if not is_voice.all():
        warnings.append(IN_PART)
    votes = votes * is_voice
    if votes @ sung / votes.sum() >= thresholds[2]:
        warnings.append(SUNG)
    return Gated(votes, None, None if heard.speech_s is None else float(votes.sum()), warnings)


def _by_detector(waveform: np.ndarray, heard: Heard, votes: np.ndarray) -> Gated:
    speech_s = heard.speech_s
    is_detected = speech_s > 0 if speech_s is not None else _is_detected(waveform)
    if is_detected:
        return Gated(votes, None, speech_s, [])
    return Gated(votes, NOT_DETECTED, 0.0, [DETECTOR_ONLY])


def _is_detected(waveform: np.ndarray) -> bool:
    """For version 1 of the front-end, which does not look for speech."""
    return bool(clip_segments(high_pass(waveform))[0])
