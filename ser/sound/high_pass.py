"""What lies below a voice, taken out: constant offset, rumble, the fundamental of mains hum.

A Butterworth high-pass of order 6 at 70 Hz, applied forward only, so that a stream and a file hear
the same. It runs as a convolution with its impulse response, which has died away to a millionth
within `N_TAPS` samples: a recursion would be a Python loop a sample.
"""

from functools import cache

import numpy as np

from ser.sound.resampling import SAMPLE_RATE

CUTOFF_HZ = 70.0  # the deepest voices start at 75
ORDER = 6
N_TAPS = 2048  # 128 ms
N_FFT = 16_384


class HighPass:
    """The filter of one stream, which goes on where the last chunk ended."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None  # the last N_TAPS - 1 samples

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Filter the next float32 samples (n,); as many come back.

        What came before the first sample counts as equal to it: a recording with an offset would
        begin with a thump otherwise.
        """
        if len(samples) == 0:
            return samples.astype(np.float32)
        if self._before is None:
            self._before = np.full(N_TAPS - 1, samples[0], dtype=np.float32)
        joined = np.concatenate([self._before, samples.astype(np.float32)])
        self._before = joined[len(joined) - (N_TAPS - 1) :]
        filtered = np.empty(len(samples), np.float32)
        step = N_FFT - (N_TAPS - 1)
        for start in range(0, len(samples), step):
            block = joined[start : start + N_FFT]
            n_fft = N_FFT if len(block) == N_FFT else _fast_length(len(block))
            spectrum = np.fft.rfft(block - block[0], n_fft) * _response(n_fft)
            whole = np.fft.irfft(spectrum, n_fft)
            filtered[start : start + step] = whole[N_TAPS - 1 : len(block)]
        return filtered


def high_pass(waveform: np.ndarray) -> np.ndarray:
    """Filter a whole waveform (n_samples,) at 16 kHz."""
    return HighPass().push(waveform)


def impulse_response() -> np.ndarray:
    """The first `N_TAPS` samples of it, float64."""
    n = 2 * N_TAPS
    angle = np.exp(2j * np.pi * np.arange(n // 2 + 1) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = 2 * SAMPLE_RATE * (angle - 1) / (angle + 1)  # the bilinear transform
        cutoff = 2 * SAMPLE_RATE * np.tan(np.pi * CUTOFF_HZ / SAMPLE_RATE)
        poles = np.exp(1j * np.pi * (2 * np.arange(1, ORDER + 1) + ORDER - 1) / (2 * ORDER))
        response = np.prod([1 / (1 - pole * cutoff / s) for pole in poles], axis=0)
    response[0], response[-1] = 0.0, 1.0  # at 0 Hz, and at half the sample rate
    return np.fft.irfft(response, n)[:N_TAPS]


@cache
def _response(n_fft: int) -> np.ndarray:
    return np.fft.rfft(impulse_response(), n_fft).astype(np.complex64)


def _fast_length(n: int) -> int:
    """A length at least `n` at which a Fourier transform is fast; few different ones."""
    power = 1 << (n - 1).bit_length()
    return power * 3 // 4 if n <= power * 3 // 4 else power
