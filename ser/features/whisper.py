"""The log-mel spectrogram that OpenAI's Whisper was trained on (arXiv:2212.04356), in numpy.

Equal to `WhisperFeatureExtractor` of transformers, but for its filling up to 30 s.
"""

from functools import cache

import numpy as np

from ser.features.mel import mel_filters

N_FFT = 400
HOP_LENGTH = 160  # 10 ms
N_MELS = 80
POWER_FLOOR = 1e-10
RANGE = 8.0  # powers of ten under the loudest mel bin


def whisper_log_mel(waveform: np.ndarray, n_mels: int = N_MELS) -> np.ndarray:
    """Log-mel (n_samples // 160, n_mels) float32 of a waveform (n_samples,) at 16 kHz.

    Needs more than 200 samples, for the ends are mirrored.
    """
    padded = np.pad(waveform.astype(np.float32), N_FFT // 2, mode="reflect")
    n_frames = len(waveform) // HOP_LENGTH
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:n_frames]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    log_mel = np.log10(np.maximum(power @ mel_filters(N_FFT, n_mels).T, POWER_FLOOR))
    return ((np.maximum(log_mel, log_mel.max() - RANGE) + 4.0) / 4.0).astype(np.float32)


@cache
def _window() -> np.ndarray:
    """Hann's, periodic."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
