"""From the detector's probabilities to stretches of speech."""

from typing import NamedTuple

import numpy as np

from ser.sound.speech import (
    LEVEL_DB,
    STEP_S,
    speech_probabilities,
    step_levels_db,
    whole_steps,
)

SPEECH, NO_SPEECH = 0.5, 0.35  # probability at which speech begins, and under which it ends
LONGEST_DIP_S = 0.1  # under NO_SPEECH within one segment
GROWTH_S = 0.3  # at most, to either side: consonants and breaths that belong to it
GROWTH_DB = 25.0  # under the segment's level; what is quieter does not belong to it
NOISE_DB = 6.0  # over the quietest step around it: what is no louder is the room
LOUD_DB = 25.0  # the same where nothing but loudness tells
LEVEL_QUANTILE = 0.95  # of a clip's steps, which tells its level


class Segment(NamedTuple):
    """A stretch of speech: steps [start, stop) of `STEP` samples."""

    start: int
    stop: int


def find_segments(probabilities: np.ndarray, levels_db: np.ndarray) -> list[Segment]:
    """Segments of a recording, from probability and level of each step, (n_steps,) each."""
    segments = _spoken(probabilities)
    n_grown = round(GROWTH_S / STEP_S)
    grown: list[Segment] = []
    for number, (start, stop) in enumerate(segments):
        earliest = max(start - n_grown, grown[-1].stop if grown else 0)
        latest = segments[number + 1].start if number + 1 < len(segments) else len(levels_db)
        latest = min(stop + n_grown, latest)
        around = np.concatenate([levels_db[earliest:start], levels_db[stop:latest]])
        power = np.mean(10 ** (levels_db[start:stop] / 10))
        floor_db = 10 * np.log10(power) - GROWTH_DB
        floor_db = max(floor_db, around.min(initial=np.inf) + NOISE_DB)
        while start > earliest and levels_db[start - 1] > floor_db:
            start -= 1
        while stop < latest and levels_db[stop] > floor_db:
            stop += 1
        grown.append(Segment(start, stop))
    return grown


def _spoken(probabilities: np.ndarray) -> list[Segment]:
    """From the first step over SPEECH to the last one over NO_SPEECH before a longer dip."""
    found: list[Segment] = []
    start = stop = None
    for step, probability in enumerate(probabilities):
        if start is not None and (step - stop) * STEP_S > LONGEST_DIP_S:
            found.append(Segment(start, stop))
            start = None
        if probability >= (NO_SPEECH if start is not None else SPEECH):
            start, stop = (step if start is None else start), step + 1
    return [*found, Segment(start, stop)] if start is not None else found


def loud_segment(levels_db: np.ndarray) -> Segment:
    """From the first to the last step within `LOUD_DB` of the loudest: for want of speech."""
    loud = np.flatnonzero(levels_db > levels_db.max() - LOUD_DB)
    return Segment(int(loud[0]), int(loud[-1]) + 1)


def clip_segments(waveform: np.ndarray) -> tuple[list[Segment], np.ndarray]:
    """Segments of a high-passed clip (n_samples,), and the level of each step in dBFS.

    The whole clip being there, its level tells at once how loud speech may be: the detector hears
    the same at whatever gain it was recorded.
    """
    levels_db = step_levels_db(whole_steps(waveform))
    level_db = min(float(np.quantile(levels_db, LEVEL_QUANTILE)), LEVEL_DB)
    return find_segments(speech_probabilities(waveform, level_db), levels_db), levels_db
