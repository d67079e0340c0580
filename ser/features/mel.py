"""The mel scale of M. Slaney's Auditory Toolbox, as librosa and Whisper use it."""

from functools import cache

import numpy as np

from ser.sound.audio import SAMPLE_RATE


@cache
def mel_filters(n_fft: int, n_mels: int) -> np.ndarray:
    """Triangular mel filters (n_mels, n_bins) on Slaney's scale with equal area, 0 to 8 kHz.

    As `librosa.filters.mel`; M. Slaney, "Auditory Toolbox", Interval Research TR 1998-010.
    """
    edges_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), n_mels + 2))
    bins_hz = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
    ramps = edges_hz[:, None] - bins_hz[None, :]
    widths = np.diff(edges_hz)
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return triangles.astype(np.float32)


_LINEAR_HZ_PER_MEL = 200.0 / 3  # below 1 kHz
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27  # above


def _hz_to_mel(hz: float) -> float:
    return _LOG_START_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    log_part = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, log_part)
