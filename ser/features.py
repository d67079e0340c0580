"""FeatureConfig and extract: a waveform at 16 kHz -> what the model sees.

Training and serving call the same function with the same config, which travels inside the
checkpoint. The definitions are librosa's, computed with torch and numpy (a test holds the two
together), because importing librosa costs seconds that a visitor would wait.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch

from ser.audio import SAMPLE_RATE

DELTA_WIDTH = 9  # frames; fewer cannot carry a delta
POWER_FLOOR = 1e-10  # before the logarithm
TRIM_MARGIN_FRAMES = 10  # kept around the speech; enough for the deltas of a single click


@dataclass(frozen=True)
class FeatureConfig:
    """What the model sees, as a value that is saved with it.

    10 ms hop, 25 ms Hamming window in a 512-point FFT, 40 mel bands, unless said otherwise.
    `trim_db`: frames more than this under the loudest one are cut off before the first and after
    the last louder frame (None: keep the silence). `dynamic_range_db`: what lies further than this
    under the loudest mel bin is raised to it; 80 is librosa's, less hides the noise of a room, a
    microphone or a coarse quantiser.
    """

    kind: str = "mfcc39"
    n_fft: int = 512
    window_length: int = 400
    hop_length: int = 160
    n_mels: int = 40
    n_mfcc: int = 13
    trim_db: float | None = 25.0
    dynamic_range_db: float = 80.0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"Unknown feature kind {self.kind!r}: choose from {sorted(_KINDS)}.")

    @property
    def n_features(self) -> int:
        """Values a frame."""
        return _KINDS[self.kind].n_features(self)

    def to_dict(self) -> dict:
        """JSON-ready; `FeatureConfig(**d)` is the way back."""
        return asdict(self)


def extract(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Turn a whole waveform (n_samples,) at 16 kHz into float32 features (n_frames, n_features).

    The waveform is trimmed, freed of its constant offset (which cheap converters add), scaled to
    a peak of 1 (so loudness does not decide), analysed, and each feature is brought to zero mean
    and unit variance over the clip, (x - mean) / (std + 1e-8).

    Raises ValueError for anything but one finite channel long enough for `DELTA_WIDTH` frames:
    the features of single frames mean nothing to a model trained on sequences.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or waveform.dtype.kind != "f":
        raise ValueError(
            f"Expected float samples of shape (n,), not {waveform.dtype} of {waveform.shape}."
        )
    n_least = (DELTA_WIDTH - 1) * config.hop_length
    if len(waveform) < n_least:
        raise ValueError(
            f"{len(waveform)} samples are fewer than {n_least}: give a whole recording, "
            "never single frames."
        )
    if not np.isfinite(waveform).all():
        raise ValueError("The waveform holds NaN or infinity.")
    start, stop = speech_span(waveform, config)
    speech = waveform[start:stop].astype(np.float32)
    speech -= speech.mean()
    scaled = speech / (np.abs(speech).max() or np.float32(1.0))
    values = _KINDS[config.kind].compute(scaled, config)
    return ((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-8)).astype(np.float32)


def frame_times_s(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Centre of each frame of `extract(waveform, config)`, in seconds of the original recording."""
    start, stop = speech_span(waveform, config)
    n_frames = 1 + (stop - start) // config.hop_length
    return (start + np.arange(n_frames) * config.hop_length) / SAMPLE_RATE


def speech_span(waveform: np.ndarray, config: FeatureConfig) -> tuple[int, int]:
    """Sample range [start, stop) from the first to the last frame above the trim level.

    The rule of `librosa.effects.trim` on this config's frames, with `TRIM_MARGIN_FRAMES` kept on
    either side for soft beginnings and endings.
    """
    if config.trim_db is None:
        return 0, len(waveform)
    power = _frame_power(waveform, config)
    loud = np.flatnonzero(power > power.max() * 10 ** (-config.trim_db / 10))
    if len(loud) == 0:  # a flat line has no speech to cut out
        return 0, len(waveform)
    start = max(0, loud[0] - TRIM_MARGIN_FRAMES) * config.hop_length
    stop = (loud[-1] + 1 + TRIM_MARGIN_FRAMES) * config.hop_length
    return int(start), int(min(stop, len(waveform)))


def _frame_power(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Variance of each centred window, (n_frames,): a constant offset is no sound."""
    half = config.window_length // 2
    padded = np.pad(waveform.astype(np.float64), (half + 1, half))
    starts = np.arange(0, len(waveform) + 1, config.hop_length)
    mean, mean_square = (
        (sums[starts + config.window_length] - sums[starts]) / config.window_length
        for sums in (np.cumsum(padded), np.cumsum(padded**2))
    )
    return np.maximum(mean_square - mean**2, 0.0)


def _power_spectrogram(waveform: np.ndarray, config: FeatureConfig) -> torch.Tensor:
    """(n_bins, n_frames) power, frames centred, zeros beyond the ends."""
    spectrum = torch.stft(
        torch.from_numpy(waveform),
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        win_length=config.window_length,
        window=_hamming(config.window_length),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.view_as_real(spectrum).square().sum(-1)


def _log_mel(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """(n_frames, n_mels) in dB, at most `dynamic_range_db` under the loudest."""
    mel = mel_filters(config.n_fft, config.n_mels) @ _power_spectrogram(waveform, config)
    db = 10 * torch.log10(mel.clamp(min=POWER_FLOOR)).numpy().T
    return np.maximum(db, db.max() - config.dynamic_range_db)


def _mfcc39(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """13 MFCC, their slopes and their curvatures over the whole sequence, (n_frames, 39)."""
    mfcc = _log_mel(waveform, config) @ _dct(config.n_mels)[:, : config.n_mfcc]
    return np.concatenate([mfcc, *(_delta(mfcc, order) for order in (1, 2))], axis=1)


def _delta(values: np.ndarray, order: int) -> np.ndarray:
    """Derivative over frames (n_frames, n): of the polynomial of that order fitted to 9 frames.

    Savitzky & Golay, Analytical Chemistry 36(8), 1964. Being of the fitted order, the derivative is
    the same everywhere in a window, so the frames at either end take their first whole window's.
    """
    frames = np.arange(DELTA_WIDTH) - DELTA_WIDTH // 2
    powers = np.vander(frames, order + 1, increasing=True)
    kernel = math.factorial(order) * np.linalg.pinv(powers)[order]
    inside = np.lib.stride_tricks.sliding_window_view(values, DELTA_WIDTH, axis=0) @ kernel
    return np.pad(inside, ((DELTA_WIDTH // 2, DELTA_WIDTH // 2), (0, 0)), mode="edge")


@cache
def _dct(n: int) -> np.ndarray:
    """Orthonormal DCT-II as a matrix (n, n): values @ matrix, one coefficient a column."""
    angles = np.pi / n * (np.arange(n)[:, None] + 0.5) * np.arange(n)
    matrix = np.sqrt(2 / n) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return matrix


class _Kind(NamedTuple):
    compute: Callable[[np.ndarray, FeatureConfig], np.ndarray]
    n_features: Callable[[FeatureConfig], int]


_KINDS = {
    "mfcc39": _Kind(_mfcc39, lambda config: 3 * config.n_mfcc),
    "logmel": _Kind(_log_mel, lambda config: config.n_mels),
}


@cache
def _hamming(length: int) -> torch.Tensor:
    return torch.hamming_window(length, periodic=True)


@cache
def mel_filters(n_fft: int, n_mels: int) -> torch.Tensor:
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
    return torch.from_numpy(triangles.astype(np.float32))


_LINEAR_HZ_PER_MEL = 200.0 / 3  # below 1 kHz
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27  # above


def _hz_to_mel(hz: float) -> float:
    return _LOG_START_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    log_part = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, log_part)
