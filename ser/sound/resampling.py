"""Any sample rate -> 16 kHz, a chunk at a time: the only resampler of the project."""

import numpy as np
import soxr

SAMPLE_RATE = 16_000  # Hz; everything behind `ser.sound.audio` speaks it


class Resampler:
    """soxr's HQ filter on one channel, which goes on where the last chunk ended.

    What comes out is the same, bit by bit, however the samples are cut into chunks.
    """

    def __init__(self, rate_hz: int):
        self._stream = None
        if rate_hz != SAMPLE_RATE:
            self._stream = soxr.ResampleStream(
                rate_hz, SAMPLE_RATE, 1, dtype="float32", quality="HQ"
            )

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take the next float32 samples (n,); give what is ready at 16 kHz, (m,) float32."""
        return self._stream.resample_chunk(samples) if self._stream else samples

    def finish(self) -> np.ndarray:
        """Give the last samples, (m,) float32; nothing may be pushed after them."""
        end = np.zeros(0, np.float32)
        return self._stream.resample_chunk(end, last=True) if self._stream else end
