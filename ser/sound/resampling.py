"""Any sample rate -> 16 kHz, a chunk at a time: the only resampler of the project."""

import numpy as np
import soxr

SAMPLE_RATE = 16_000  # Hz; everything behind `ser.sound.audio` speaks it


class Resampler:
    """soxr's HQ filter, which goes on where the last chunk ended.

    What comes out is the same, bit by bit, however the samples are cut into chunks. They are
    float32 of shape (n,), or (n, n_channels) where `n_channels` is given.
    """

    def __init__(self, rate_hz: int, to_hz: int = SAMPLE_RATE, n_channels: int | None = None):
        self._stream = None
        self._nothing = np.zeros(0 if n_channels is None else (0, n_channels), np.float32)
        if rate_hz != to_hz:
            self._stream = soxr.ResampleStream(
                rate_hz, to_hz, n_channels or 1, dtype="float32", quality="HQ"
            )

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take the next samples; give what is ready at the other rate."""
        return self._stream.resample_chunk(samples) if self._stream else samples

    def finish(self) -> np.ndarray:
        """Give the last samples; nothing may be pushed after them."""
        if not self._stream:
            return self._nothing
        return self._stream.resample_chunk(self._nothing, last=True)
