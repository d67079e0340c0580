"""A recording -> windows that a model judges whole, each with the vote that it has.

Version 1 of the front-end, of older checkpoints, covers the recording with windows, as it is.
Version 2 hears it only where somebody speaks, without mains hum and what lies below a voice.
"""

from typing import NamedTuple

import numpy as np

from ser.sound.audio import SAMPLE_RATE, SILENCE_PEAK_DB, peak_db
from ser.sound.high_pass import high_pass
from ser.sound.hum import without_hum
from ser.sound.segments import Segment, clip_segments, loud_segment
from ser.sound.speech import STEP

MAX_WINDOW_S = 15.0
# Of version 2: about as long as the clips that were learnt. What is longer is judged far worse in
# one window ("Long windows" in docs/experiments.md).
SPOKEN_WINDOW_S = 4.0
MIN_REST_S = 2.0  # a last window shorter than this says too little
PAUSE_S = 0.2  # quietness is judged over this long
LONGEST_PAUSE_S = 1.0  # within one window
MARGIN_S = 0.1  # kept around speech
SHORTEST_S = 0.3  # of a window: one with less speech is widened
SPEECH_LEVEL_DB = -26.0  # RMS of speech, dBFS, to which version 2 brings each window


class Window(NamedTuple):
    """Samples [start, stop) of a recording, its vote, and the samples as a front-end hears them."""

    start: int
    stop: int
    speech_s: float
    samples: np.ndarray


class Heard(NamedTuple):
    """The windows of a recording, and how many seconds of speech were found in all of it.

    `speech_s` is None for version 1, which looks for none.
    """

    windows: list[Window]
    speech_s: float | None


def hear(waveform: np.ndarray, version: int, longest_s: float = SPOKEN_WINDOW_S) -> Heard:
    """Find the windows of a recording (n_samples,) at 16 kHz, as that front-end hears it.

    No window of version 2 is longer than `longest_s`, none of version 1 than `MAX_WINDOW_S`.
    """
    return _hear_all(waveform) if version == 1 else _hear_speech(waveform, longest_s)


def _hear_all(waveform: np.ndarray) -> Heard:
    """All of it but windows of digital silence; votes by length."""
    cuts = cut_windows(waveform)
    cuts = [(a, b) for a, b in cuts if peak_db(waveform[a:b]) > SILENCE_PEAK_DB] or cuts
    return Heard([Window(a, b, (b - a) / SAMPLE_RATE, waveform[a:b]) for a, b in cuts], None)


def _hear_speech(waveform: np.ndarray, longest_s: float) -> Heard:
    """Where somebody speaks, else what is loud; votes by seconds of speech."""
    filtered = without_hum(high_pass(waveform))
    segments, levels_db = clip_segments(filtered)
    windows = []
    for group in _groups(segments or [loud_segment(levels_db)]):
        windows += _windows(filtered, group, longest_s)
    return Heard(windows, sum(window.speech_s for window in windows) if segments else 0.0)


def _groups(segments: list[Segment]) -> list[list[Segment]]:
    """Neighbours with no long pause between them."""
    longest = LONGEST_PAUSE_S * SAMPLE_RATE / STEP
    groups = [[segments[0]]]
    for segment in segments[1:]:
        if segment.start - groups[-1][-1].stop > longest:
            groups.append([])
        groups[-1].append(segment)
    return groups


def _windows(filtered: np.ndarray, segments: list[Segment], longest_s: float) -> list[Window]:
    """One window of all these segments, or several where that would be too long."""
    is_speech = np.zeros(len(filtered), dtype=bool)
    for segment in segments:
        is_speech[segment.start * STEP : segment.stop * STEP] = True
    first, last = segments[0].start * STEP, min(segments[-1].stop * STEP, len(filtered))
    lacking = max(0, int(SHORTEST_S * SAMPLE_RATE) - (last - first)) // 2
    margin = int(MARGIN_S * SAMPLE_RATE) + lacking
    first, last = max(0, first - margin), min(len(filtered), last + margin)
    windows = []
    for start, stop in cut_windows(filtered[first:last], longest_s):
        start, stop = first + start, first + stop
        spoken = filtered[start:stop][is_speech[start:stop]]
        if len(spoken):
            samples = filtered[start:stop] * level_gain(spoken)
            windows.append(Window(start, stop, len(spoken) / SAMPLE_RATE, samples))
    return windows


def level_gain(speech: np.ndarray) -> np.float32:
    """What brings samples of speech (n,) to `SPEECH_LEVEL_DB`; 1 for digital silence."""
    rms = np.sqrt(np.mean(np.square(speech, dtype=np.float64)))
    return np.float32(10 ** (SPEECH_LEVEL_DB / 20) / rms if rms > 0 else 1.0)


def cut_windows(waveform: np.ndarray, longest_s: float = MAX_WINDOW_S) -> list[tuple[int, int]]:
    """Sample ranges [start, stop) that cover the waveform (n_samples,), `longest_s` at most each.

    Each cut lies where the sound is quietest in the second half of what a window may hold.
    """
    longest = int(longest_s * SAMPLE_RATE)
    if len(waveform) <= longest:
        return [(0, len(waveform))]
    level = _level(waveform)
    windows, start = [], 0
    while len(waveform) - start > longest:
        earliest = start + longest // 2
        latest = min(start + longest, len(waveform) - int(MIN_REST_S * SAMPLE_RATE))
        stop = earliest + int(np.argmin(level[earliest:latest]))
        windows.append((start, stop))
        start = stop
    return [*windows, (start, len(waveform))]


def _level(waveform: np.ndarray) -> np.ndarray:
    """Energy of the `PAUSE_S` around each sample."""
    width = int(PAUSE_S * SAMPLE_RATE)
    energy = np.cumsum(np.pad(waveform.astype(np.float64) ** 2, (width // 2 + 1, width // 2)))
    return energy[width:] - energy[:-width]
