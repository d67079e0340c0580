"""Spectra and what is read off them, as librosa defines it; a test holds the two together.

Importing librosa costs seconds that a visitor would wait. `chroma` and `spectral_contrast` take
power (n_bins, n_frames) at bins of 0 to 8 kHz and give (n_frames, n_values).
"""

from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser.sound.audio import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

N_CHROMA = 12
N_CONTRAST = 7  # 0 to 200 Hz, then octaves up to 8 kHz
CONTRAST_START_HZ = 200.0
CONTRAST_QUANTILE = 0.02
DYNAMIC_RANGE_DB = 80.0
AMPLITUDE_FLOOR = 1e-10  # before the logarithm


def power_spectrogram(
    waveform: np.ndarray,
    n_fft: int,
    window_length: int,
    hop_length: int,
    window: Literal["hamming", "hann"] = "hamming",
) -> "torch.Tensor":
    """(n_bins, n_frames) power of a float32 waveform, frames centred, zeros beyond the ends."""
    import torch  # by those who ask for a spectrum

    spectrum = torch.stft(
        torch.from_numpy(waveform),
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=window_length,
        window=_window(window, window_length),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return spectrum.real.square() + spectrum.imag.square()


@cache
def _window(name: str, length: int) -> "torch.Tensor":
    import torch

    return {"hamming": torch.hamming_window, "hann": torch.hann_window}[name](length)


@cache
def dct(n: int) -> np.ndarray:
    """Orthonormal DCT-II as a matrix (n, n): values @ matrix, one coefficient a column."""
    angles = np.pi / n * (np.arange(n)[:, None] + 0.5) * np.arange(n)
    matrix = np.sqrt(2 / n) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return matrix


def chroma(power: np.ndarray) -> np.ndarray:
    """Energy of the twelve pitch classes from C, the strongest of each frame scaled to 1.

    `librosa.feature.chroma_stft` with `tuning=0`: speech is not tuned. D. P. W. Ellis, "Chroma
    feature analysis and synthesis", 2007. With short windows, neighbouring pitch classes below some
    500 Hz share a bin.
    """
    energy = power.T @ chroma_filters(2 * (len(power) - 1)).T
    strongest = energy.max(axis=1, keepdims=True)
    return energy / np.where(strongest < np.finfo(energy.dtype).tiny, 1.0, strongest)


def spectral_contrast(power: np.ndarray) -> np.ndarray:
    """Level of the peaks over that of the valleys in seven bands, (n_frames, 7).

    `librosa.feature.spectral_contrast`: high in bands with clear harmonics, low in noise. D.-N.
    Jiang et al., "Music type classification by spectral contrast feature", ICME 2002.
    """
    magnitude = np.sqrt(power)
    peaks, valleys = [], []
    for start, stop, n_averaged in contrast_bands(len(power)):
        band = np.sort(magnitude[start:stop], axis=0)
        valleys.append(band[:n_averaged].mean(axis=0))
        peaks.append(band[-n_averaged:].mean(axis=0))
    return _level_db(np.stack(peaks, axis=1)) - _level_db(np.stack(valleys, axis=1))


@cache
def contrast_bands(n_bins: int) -> tuple[tuple[int, int, int], ...]:
    """First bin, bin after the last, and how many bins make a peak or a valley, for each band.

    As in librosa, a band begins one bin below its lower edge and ends one bin below its last.
    """
    bins_hz = np.linspace(0.0, SAMPLE_RATE / 2, n_bins)
    edges_hz = [0.0, *(CONTRAST_START_HZ * 2.0 ** np.arange(N_CONTRAST))]
    bands = []
    for number, (low_hz, high_hz) in enumerate(zip(edges_hz[:-1], edges_hz[1:], strict=True)):
        inside = np.flatnonzero((bins_hz >= low_hz) & (bins_hz <= high_hz))
        start, last = inside[0] - (number > 0), inside[-1]
        n_averaged = max(1, int(np.rint(CONTRAST_QUANTILE * (last + 1 - start))))
        is_top = number == N_CONTRAST - 1
        bands.append((int(start), int(n_bins if is_top else last), n_averaged))
    return tuple(bands)


def _level_db(amplitude: np.ndarray) -> np.ndarray:
    """10 log10, as librosa has it here, at most `DYNAMIC_RANGE_DB` under the loudest."""
    db = 10 * np.log10(np.maximum(amplitude, AMPLITUDE_FLOOR))
    return np.maximum(db, db.max() - DYNAMIC_RANGE_DB)


@cache
def chroma_filters(n_fft: int) -> np.ndarray:
    """Share of each bin in each pitch class, (12, n_bins); as `librosa.filters.chroma`.

    A Gaussian around every C, C sharp and so on, as wide as the bin or a semitone; octaves count
    less the further they are from A5 (880 Hz).
    """
    hz = np.arange(1, n_fft) * SAMPLE_RATE / n_fft
    semitones = N_CHROMA * np.log2(hz / (440.0 / 16))
    semitones = np.concatenate([semitones[:1] - 1.5 * N_CHROMA, semitones])  # 0 Hz has no pitch
    widths = np.append(np.maximum(np.diff(semitones), 1.0), 1.0)
    distance = semitones - np.arange(N_CHROMA)[:, None]
    distance = (distance + N_CHROMA / 2) % N_CHROMA - N_CHROMA / 2
    filters = np.exp(-0.5 * (2 * distance / widths) ** 2)
    filters /= np.linalg.norm(filters, axis=0)
    filters *= np.exp(-0.5 * ((semitones / N_CHROMA - 5.0) / 2.0) ** 2)
    from_c = np.roll(filters, -3, axis=0)  # the semitones above are counted from A
    return from_c[:, : n_fft // 2 + 1].astype(np.float32)
