"""FeatureConfig and extract: a waveform at 16 kHz -> what the model sees.

Training and serving call the same function with the same config, which travels inside the
checkpoint.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ser.features import spectral
from ser.features.mel import mel_filters
from ser.features.whisper import HOP_LENGTH, N_MELS, whisper_log_mel
from ser.sound.audio import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

DELTA_WIDTH = 9  # frames; fewer cannot carry a delta
POWER_FLOOR = 1e-10  # before the logarithm
WHISPER = "whisper"  # a kind of its own
VERSIONS = (1, 2)
TRIM_MARGIN_FRAMES = 10  # kept around the speech; enough for the deltas of a single click


@dataclass(frozen=True)
class FeatureConfig:
    """What the model sees, as a value that is saved with it.

    `kind` is one of `mfcc39`, `logmel`, `chroma`, `contrast`, `descriptors` (see their module) and
    `raw` (a frame is the samples of one hop), or several joined by `+`: their columns side by side;
    or `whisper`, alone, which has settings of its own.
    10 ms hop, 25 ms Hamming window in a 512-point FFT, 40 mel bands, unless said otherwise.
    `trim_db`: frames more than this under the loudest one are cut off before the first and after
    the last louder frame (None: keep the silence). `dynamic_range_db`: what lies further than this
    under the loudest mel bin is raised to it; 80 is librosa's, less hides the noise of a room, a
    microphone or a coarse quantiser.
    `version` is that of the whole front-end: which windows of a recording are heard, and how
    (`ser.sound.windows`). Version 2 has cut and scaled a window before it comes here, so `trim_db`
    means nothing to it.
    """

    kind: str = "mfcc39"
    n_fft: int = 512
    window_length: int = 400
    hop_length: int = 160
    n_mels: int = 40
    n_mfcc: int = 13
    trim_db: float | None = 25.0
    dynamic_range_db: float = 80.0
    version: int = 1

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"version of the front-end is one of {VERSIONS}, not {self.version!r}")
        unknown = set(self.kind.split("+")) - set(_KINDS)
        if unknown:
            raise ValueError(
                f"Unknown feature kind {', '.join(map(repr, sorted(unknown)))}: choose from "
                f"{sorted(_KINDS)}, or join some by +."
            )
        if WHISPER in self.kind and (self.kind != WHISPER or self.hop_length != HOP_LENGTH):
            raise ValueError(f"{WHISPER} stands alone, with a hop of {HOP_LENGTH} samples")

    @property
    def n_features(self) -> int:
        """Values a frame."""
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """What each value of a frame is, for people."""
        return [name for kind in self.parts for name in kind.names(self)]

    @property
    def parts(self) -> "list[_Kind]":
        """The kinds whose columns stand side by side."""
        return [_KINDS[name] for name in self.kind.split("+")]

    def to_dict(self) -> dict:
        """JSON-ready; `FeatureConfig(**d)` is the way back."""
        values = asdict(self)
        if self.version == 1:  # so that older code reads it, too
            del values["version"]
        return values

    def n_frames(self, n_samples: int) -> int:
        """How many frames `extract` makes of so many samples that are not trimmed."""
        return n_samples // self.hop_length + (self.kind != WHISPER)


def extract(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Turn a window of sound (n_samples,) at 16 kHz into float32 features (n_frames, n_features).

    The window comes from `ser.sound.windows.hear` at the config's version. In version 1 it is
    trimmed, freed of its constant offset (which cheap converters add), scaled to
    a peak of 1 (so loudness does not decide) and analysed. Spectral features are brought to zero
    mean and unit variance over the clip, (x - mean) / (std + 1e-8); descriptors and samples stay as
    they are, for the height of a voice is in their mean.

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
    scaled = waveform.astype(np.float32)
    if config.version == 1:
        start, stop = speech_span(waveform, config)
        scaled = scaled[start:stop]
        scaled = scaled - scaled.mean()
        scaled = scaled / (np.abs(scaled).max() or np.float32(1.0))
    return np.concatenate([_columns(kind, scaled, config) for kind in config.parts], axis=1)


def _columns(kind: "_Kind", scaled: np.ndarray, config: FeatureConfig) -> np.ndarray:
    values = kind.compute(scaled, config)
    if kind.is_normalised:
        values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-8)
    return values.astype(np.float32)


def frame_times_s(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Centre of each frame of `extract(waveform, config)`, in seconds of that window."""
    start, stop = speech_span(waveform, config)
    n_frames = config.n_frames(stop - start)
    return (start + np.arange(n_frames) * config.hop_length) / SAMPLE_RATE


def speech_span(waveform: np.ndarray, config: FeatureConfig) -> tuple[int, int]:
    """Sample range [start, stop) from the first to the last frame above the trim level.

    The rule of `librosa.effects.trim` on this config's frames, with `TRIM_MARGIN_FRAMES` kept on
    either side for soft beginnings and endings.
    """
    if config.trim_db is None or config.version > 1:
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


def _power(waveform: np.ndarray, config: FeatureConfig) -> "torch.Tensor":
    return spectral.power_spectrogram(
        waveform, config.n_fft, config.window_length, config.hop_length
    )


def _log_mel(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """(n_frames, n_mels) in dB, at most `dynamic_range_db` under the loudest."""
    import torch  # which takes most of a second, and other kinds do without it

    mel = torch.from_numpy(mel_filters(config.n_fft, config.n_mels)) @ _power(waveform, config)
    db = 10 * torch.log10(mel.clamp(min=POWER_FLOOR)).numpy().T
    return np.maximum(db, db.max() - config.dynamic_range_db)


def _mfcc39(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """13 MFCC, their slopes and their curvatures over the whole sequence, (n_frames, 39)."""
    mfcc = _log_mel(waveform, config) @ spectral.dct(config.n_mels)[:, : config.n_mfcc]
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


def _whisper(waveform: np.ndarray, _: FeatureConfig) -> np.ndarray:
    return whisper_log_mel(waveform)


def _chroma(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    return spectral.chroma(_power(waveform, config).numpy())


def _contrast(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    return spectral.spectral_contrast(_power(waveform, config).numpy())


def _descriptors(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    from ser.features import descriptors  # and PyTorch, which other kinds do without

    return descriptors.describe(
        waveform, config.n_fft, config.window_length, config.hop_length, config.dynamic_range_db
    )


def _raw(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The samples of each hop, zeros after the last, (n_frames, hop_length)."""
    n_frames = 1 + len(waveform) // config.hop_length
    padded = np.pad(waveform, (0, n_frames * config.hop_length - len(waveform)))
    return padded.reshape(n_frames, config.hop_length)


class _Kind(NamedTuple):
    compute: Callable[[np.ndarray, FeatureConfig], np.ndarray]
    names: Callable[[FeatureConfig], Sequence[str]]
    is_normalised: bool = True


def _numbered(name: str, n: int) -> list[str]:
    return [f"{name} {number}" for number in range(1, n + 1)]


def _mfcc_names(config: FeatureConfig) -> list[str]:
    orders = ("MFCC", "delta", "delta-delta")
    return [name for order in orders for name in _numbered(order, config.n_mfcc)]


def _descriptor_names(_: FeatureConfig) -> list[str]:
    from ser.features import descriptors

    return descriptors.NAMES


_KINDS = {
    "mfcc39": _Kind(_mfcc39, _mfcc_names),
    "logmel": _Kind(_log_mel, lambda config: _numbered("mel band", config.n_mels)),
    "chroma": _Kind(_chroma, lambda _: _numbered("chroma", spectral.N_CHROMA)),
    "contrast": _Kind(_contrast, lambda _: _numbered("contrast", spectral.N_CONTRAST)),
    "descriptors": _Kind(_descriptors, _descriptor_names, is_normalised=False),
    WHISPER: _Kind(_whisper, lambda _: _numbered("mel band", N_MELS), is_normalised=False),
    "raw": _Kind(_raw, lambda config: _numbered("sample", config.hop_length), is_normalised=False),
}
