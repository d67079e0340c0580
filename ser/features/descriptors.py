"""Frame descriptors of a voice: pitch, voicing, voice quality, spectral shape, bands, MFCC.

What a sound's MFCC do not say: how high and how steady the voice is, how breathy, how bright. The
set follows ComParE-2016 and eGeMAPS (F. Eyben et al., IEEE Trans. Affective Computing 7(2), 2016),
computed here with numpy and torch alone. Nothing depends on loudness.
"""

from functools import cache

import numpy as np

from ser.features import pitch
from ser.features.mel import mel_filters
from ser.features.spectral import dct, power_spectrogram
from ser.sound.audio import SAMPLE_RATE

N_BANDS = 26
N_MFCC = 14
ROLL_OFFS = (0.25, 0.5, 0.75, 0.9)
HZ_OFFSET = 31.0  # one bin: log2(0 Hz) is finite
RASTA_POLE = 0.94
RASTA_ZEROS = (0.2, 0.1, 0.0, -0.1, -0.2)

VOICE = (
    "pitch_semitones",
    "voiced",
    "voicing_strength",
    "harmonics_to_noise_db",
    "log_jitter",
    "log_shimmer",
    "period_correlation",
)
HARMONICS = ("h1_h2_db", "h1_a1_db", "h1_a2_db", "h1_a3_db", "h2_h3_db")
SHAPE = (
    "level_db",
    "zero_crossings",
    "energy_250_650_db",
    "energy_1k_4k_db",
    "alpha_ratio_db",
    "hammarberg_index_db",
    *(f"roll_off_{round(100 * share)}" for share in ROLL_OFFS),
    "centroid",
    "spread",
    "skewness",
    "log_kurtosis",
    "entropy",
    "slope_0_500",
    "slope_500_1500",
    "slope_1500_5000",
    "slope_0_8000",
    "log_flux",
    "roughness_db",
    "log_sharpness",
    "log_loudness",
)
NAMES = (
    *VOICE,
    *HARMONICS,
    *SHAPE,
    *(f"mfcc_{i}" for i in range(1, N_MFCC + 1)),
    *(f"rasta_{i}" for i in range(N_BANDS)),
)


def describe(
    waveform: np.ndarray, n_fft: int, window_length: int, hop_length: int, dynamic_range_db: float
) -> np.ndarray:
    """(n_samples,) float32 at 16 kHz, peak 1 -> (n_frames, len(NAMES)), columns as in `NAMES`.

    Spectral values come from `window_length` Hamming windows, pitch and harmonics from 64 ms. What
    lies more than `dynamic_range_db` under the loudest frame is hidden by a floor.
    """
    power = power_spectrogram(waveform, n_fft, window_length, hop_length).numpy().T
    long_power = power_spectrogram(
        waveform, pitch.N_FFT, pitch.WINDOW_LENGTH, hop_length, window="hann"
    ).numpy()
    tracked = pitch.track(long_power)
    columns = [
        *_voice(waveform, tracked, hop_length),
        *_harmonics(long_power.T, tracked.f0_hz, dynamic_range_db),
        *_shape(waveform, power, n_fft, window_length, hop_length, dynamic_range_db),
    ]
    bands_db = _floored_db(power @ mel_filters(n_fft, N_BANDS).T, dynamic_range_db)
    mfcc = bands_db @ dct(N_BANDS)[:, 1 : N_MFCC + 1]
    rasta = _rasta_filter(len(bands_db)) @ (bands_db - bands_db[:1])
    return np.concatenate([np.stack(columns, axis=1), mfcc, rasta], axis=1)


def _voice(waveform: np.ndarray, tracked: pitch.Pitch, hop_length: int) -> list[np.ndarray]:
    regular = pitch.regularity(waveform, tracked, hop_length)
    return [
        12 * np.log2(tracked.f0_hz),
        tracked.voiced.astype(float),
        tracked.strength,
        tracked.harmonics_to_noise_db,
        np.log(regular.jitter + 1e-3),
        np.log(regular.shimmer + 1e-2),
        regular.correlation,
    ]


def _harmonics(power: np.ndarray, f0_hz: np.ndarray, dynamic_range_db: float) -> list[np.ndarray]:
    """Levels of the first harmonics against each other and against three formant regions."""
    db = _floored_db(power, dynamic_range_db + 20)
    bins_a_hz = pitch.N_FFT / SAMPLE_RATE

    def harmonic(number: int) -> np.ndarray:
        at = (number * f0_hz * bins_a_hz).clip(2, db.shape[1] - 3).astype(int)[:, None]
        return np.take_along_axis(db, at + np.arange(-1, 3), axis=1).max(axis=1)

    def region(low_hz: float, high_hz: float) -> np.ndarray:
        return db[:, int(low_hz * bins_a_hz) : int(high_hz * bins_a_hz)].max(axis=1)

    first, second, third = harmonic(1), harmonic(2), harmonic(3)
    return [
        first - second,
        first - region(300, 1000),
        first - region(1000, 2200),
        first - region(2200, 3500),
        second - third,
    ]


def _shape(
    waveform: np.ndarray,
    power: np.ndarray,
    n_fft: int,
    window_length: int,
    hop_length: int,
    dynamic_range_db: float,
) -> list[np.ndarray]:
    """The values named in `SHAPE`, from power (n_frames, n_bins)."""
    hz = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE).astype(np.float32)
    total = power.sum(axis=1)
    floor = max(total.max(), 1e-8) * 10 ** (-dynamic_range_db / 10)
    spectrum = power + floor / len(hz)
    spectrum_db = 10 * np.log10(spectrum)
    level_db = 10 * np.log10(total + floor)

    def band(low_hz: float, high_hz: float) -> np.ndarray:
        return power[:, (hz >= low_hz) & (hz < high_hz)]

    def energy_db(low_hz: float, high_hz: float) -> np.ndarray:
        return 10 * np.log10(band(low_hz, high_hz).sum(axis=1) + floor)

    def peak_db(low_hz: float, high_hz: float) -> np.ndarray:
        return 10 * np.log10(band(low_hz, high_hz).max(axis=1) + floor)

    def slope(low_hz: float, high_hz: float) -> np.ndarray:
        """In dB a kHz."""
        inside = (hz >= low_hz) & (hz < high_hz)
        khz = hz[inside] / 1000 - hz[inside].mean() / 1000
        return spectrum_db[:, inside] @ khz / (khz @ khz)

    share = spectrum / spectrum.sum(axis=1, keepdims=True)
    below = np.cumsum(share, axis=1)
    roll_offs = [hz[(below < s).sum(axis=1).clip(max=len(hz) - 1)] for s in ROLL_OFFS]
    centroid = share @ hz
    away = hz - centroid[:, None]
    square = share * away**2
    spread = np.sqrt(square.sum(axis=1)) + 1e-3
    cube = square * away
    change = np.diff(np.sqrt(share), axis=0, prepend=np.sqrt(share[:1]))
    compressed = (power / max(power.max(), 1e-8)) ** 0.23
    bark, sharpness = _bark(n_fft)
    loud = compressed.sum(axis=1) + 1e-9
    return [
        level_db - level_db.max(),
        _zero_crossings(waveform, window_length, hop_length),
        energy_db(250, 650) - level_db,
        energy_db(1000, 4000) - level_db,
        energy_db(1000, 5000) - energy_db(50, 1000),
        peak_db(0, 2000) - peak_db(2000, 5000),
        *(np.log2(hertz + HZ_OFFSET) for hertz in roll_offs),
        np.log2(centroid + HZ_OFFSET),
        np.log2(spread + HZ_OFFSET),
        cube.sum(axis=1) / spread**3,
        np.log((cube * away).sum(axis=1) / spread**4 + 1e-3),
        -(share * np.log(share)).sum(axis=1),
        slope(0, 500),
        slope(500, 1500),
        slope(1500, 5000),
        slope(0, 8000),
        np.log(np.sqrt((change**2).sum(axis=1)) + 1e-2),
        np.abs(np.diff(spectrum_db, axis=1)).mean(axis=1),
        np.log(compressed @ (bark * sharpness) / loud + 1e-3),
        np.log(loud),
    ]


def _zero_crossings(waveform: np.ndarray, window_length: int, hop_length: int) -> np.ndarray:
    """Sign changes a sample, (n_frames,), in centred windows."""
    negative = np.signbit(waveform)
    changes = np.concatenate([[False], negative[1:] != negative[:-1]])
    half = window_length // 2
    counted = np.cumsum(np.pad(changes.astype(float), (half + 1, half)))
    starts = np.arange(0, len(waveform) + 1, hop_length)
    return (counted[starts + window_length] - counted[starts]) / window_length


def _floored_db(power: np.ndarray, dynamic_range_db: float) -> np.ndarray:
    """10 log10 of power, nothing further than `dynamic_range_db` under its greatest value."""
    floor = max(power.max(), 1e-10) * np.float32(10 ** (-dynamic_range_db / 10))
    return 10 * np.log10(np.maximum(power, floor))


@cache
def _bark(n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Each bin's critical-band rate in Bark, and its weight in Zwicker's sharpness."""
    hz = np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)
    bark = 13 * np.arctan(0.00076 * hz) + 3.5 * np.arctan((hz / 7500) ** 2)
    weight = np.where(bark < 16, 1.0, 0.066 * np.exp(0.171 * bark))
    return bark.astype(np.float32), weight.astype(np.float32)


def _rasta_filter(n_frames: int) -> np.ndarray:
    """The RASTA band-pass as a matrix (n_frames, n_frames), from rest.

    It keeps modulations of about 1 to 12 Hz, those of syllables. H. Hermansky & N. Morgan, IEEE
    Trans. Speech and Audio Processing 2(4), 1994.
    """
    time = np.arange(n_frames)
    response = np.zeros(n_frames)
    for lag, zero in enumerate(RASTA_ZEROS[:n_frames]):
        response[lag:] += zero * RASTA_POLE ** time[: n_frames - lag]
    delay = time[:, None] - time[None, :]
    return np.where(delay >= 0, response[np.abs(delay)], 0.0).astype(np.float32)
