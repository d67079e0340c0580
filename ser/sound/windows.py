"""Long recordings -> windows a model can judge whole."""

import numpy as np

from ser.sound.audio import SAMPLE_RATE

MAX_WINDOW_S = 15.0
MIN_REST_S = 2.0  # a last window shorter than this says too little
PAUSE_S = 0.2  # quietness is judged over this long


def cut_windows(waveform: np.ndarray) -> list[tuple[int, int]]:
    """Sample ranges [start, stop) that cover the waveform (n_samples,), 15 s at the most each.

    Each cut lies where the sound is quietest in the second half of what a window may hold.
    """
    longest = int(MAX_WINDOW_S * SAMPLE_RATE)
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
