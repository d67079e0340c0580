"""A part of a recording, cut out by its times."""

from contextlib import closing

import numpy as np

from ser.recordings.reading import Reading
from ser.sound.errors import EmptyAudioError
from ser.sound.resampling import Resampler
from ser.sound.sources import AudioSource


def excerpt(source: AudioSource, start_s: float, end_s: float, weights: np.ndarray) -> np.ndarray:
    """The samples (n,) float32 at 16 kHz from `start_s` to `end_s`, channels summed by `weights`.

    The recording is read no further than that. Raises AudioError where there is no sound there.
    """
    reading = Reading(source)
    first, stop = (round(seconds * reading.rate_hz) for seconds in (start_s, end_s))
    resampler, pieces, n_read = Resampler(reading.rate_hz), [], 0
    with closing(reading.blocks()) as blocks:
        for block in blocks:
            wanted = block[max(0, first - n_read) : max(0, stop - n_read)]
            n_read += len(block)
            if len(wanted):
                pieces.append(resampler.push(wanted @ weights))
            if n_read >= stop:
                break
    if not pieces:
        raise EmptyAudioError("There is no sound at that time of the recording.")
    return np.concatenate([*pieces, resampler.finish()])
