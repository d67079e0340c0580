"""Mains hum in a clip, found by its steady harmonics and taken out."""

import numpy as np
import soxr

from ser.sound.resampling import SAMPLE_RATE

MAINS_HZ = (50.0, 60.0)
HIGHEST_HZ = 1500.0  # of a harmonic that is looked for
SPARSE_HZ = 4000  # tells all of lines up to 1500 Hz
N_FFT, HOP = 2048, 512  # of those samples, half a second: 2 Hz a bin
N_BINS = int(HIGHEST_HZ * N_FFT / SPARSE_HZ) + 20  # that are looked at, and what is beside them
QUIET = 0.2  # quantile of a bin's power over time: what is there while nobody speaks
OVER_DB = 14.0  # of a line over the bins around it
UNDER_DB = 50.0  # of the whole sound's level; what is weaker disturbs nobody
LEAST_LINES, MOST_LINES = 2, 16
LOWEST_LINE = 3  # the first line of hum is no higher multiple
MOST_FRAMES = 400  # looked at in a long sound
DRIFT_HZ = np.linspace(-0.3, 0.3, 61)  # of a network, and of a recorder's clock
BLOCK = 2 * SAMPLE_RATE  # over which hum is steady
SPARSE = 4  # every fourth sample tells enough of lines under a tenth of the sample rate
AROUND = 128  # of those: 32 ms
BEAT = 320  # samples over which a line and its multiple of the mains stay in step: 20 ms


def without_hum(waveform: np.ndarray) -> np.ndarray:
    """The waveform (n_samples,) at 16 kHz without hum; itself where none is found.

    The two networks have multiples in common, so the one with more lines is meant. Lines that are
    all multiples of one number may be a voice that holds its pitch.
    """
    power = quiet_power(waveform)
    if power is None:
        return waveform
    found = {mains_hz: hum_lines(power, mains_hz) for mains_hz in MAINS_HZ}
    mains_hz = max(found, key=lambda hz: len(found[hz]))
    lines = found[mains_hz][:MOST_LINES]
    if len(lines) < LEAST_LINES or lines[0] > LOWEST_LINE or np.gcd.reduce(lines) > 1:
        return waveform
    return _subtracted(waveform, _exact_hz(waveform, mains_hz, lines), lines)


def quiet_power(waveform: np.ndarray) -> np.ndarray | None:
    """Power of the lower bins while nobody speaks, (N_BINS,), 1 being that of the whole sound.

    None for a sound too short to tell, and for silence.
    """
    sparse = soxr.resample(waveform, SAMPLE_RATE, SPARSE_HZ, "LQ")
    total = np.mean(np.square(waveform, dtype=np.float64))
    if len(sparse) < N_FFT + 4 * HOP or total == 0:
        return None
    window = np.hanning(N_FFT).astype(np.float32)
    hop = max(HOP, (len(sparse) - N_FFT) // MOST_FRAMES)
    frames = np.lib.stride_tricks.sliding_window_view(sparse, N_FFT)[::hop]
    spectrum = np.fft.rfft(frames * window)[:, :N_BINS]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    rank = int(QUIET * (len(power) - 1))
    return np.partition(power, rank, axis=0)[rank] / (total * np.sum(window**2) * N_FFT / 4)


def hum_lines(power: np.ndarray, mains_hz: float) -> np.ndarray:
    """Which multiples of a mains frequency stand out in `quiet_power`, (n_lines,) int."""
    numbers = np.arange(1, int(HIGHEST_HZ / mains_hz) + 1)
    bins = np.round(numbers * mains_hz * N_FFT / SPARSE_HZ).astype(int)
    on = np.max([power[bins + k] for k in (-1, 0, 1)], axis=0)
    around = [power[bins + k] for k in range(-10, 11) if abs(k) >= 5]
    beside = np.median(around, axis=0)
    is_line = (on > beside * 10 ** (OVER_DB / 10)) & (on > 10 ** (-UNDER_DB / 10))
    return numbers[is_line]


def _exact_hz(waveform: np.ndarray, mains_hz: float, lines: np.ndarray) -> float:
    """The frequency near `mains_hz` whose multiples hold most.

    Each line is brought down to 0 Hz and averaged over `BEAT` samples, so that each frequency
    tried costs little.
    """
    part = waveform[: 8 * SAMPLE_RATE] * np.hanning(min(len(waveform), 8 * SAMPLE_RATE))
    part = part[: len(part) // BEAT * BEAT]
    down = np.exp(-2j * np.pi * mains_hz * np.arange(len(part)) / SAMPLE_RATE)
    at = np.arange(0, len(part), BEAT) / SAMPLE_RATE
    found = np.zeros(len(DRIFT_HZ))
    for number in lines[:6]:
        beats = (part * down**number).reshape(-1, BEAT).sum(axis=1)
        found += np.abs(np.exp(-2j * np.pi * number * np.outer(DRIFT_HZ, at)) @ beats)
    return mains_hz + DRIFT_HZ[int(np.argmax(found))]


def _subtracted(waveform: np.ndarray, hz: float, lines: np.ndarray) -> np.ndarray:
    """Fit the lines block by block, quiet moments above all, and subtract them."""
    heard = waveform.astype(np.float64)
    hum, faded = np.zeros(len(heard)), np.zeros(len(heard))
    last = max(len(heard) - BLOCK, 0)
    for start in [*range(0, last, BLOCK // 2), last]:
        block = heard[start : start + BLOCK]
        waves = _waves(np.arange(start, start + len(block)) * hz / SAMPLE_RATE, lines)
        few, few_waves = block[::SPARSE], waves[:, ::SPARSE]
        fit = np.zeros(len(waves))
        for _ in range(2):  # the second time it knows what is not hum
            weighted = few_waves / _powers(few - fit @ few_waves)
            square = weighted @ few_waves.T
            square += 1e-9 * np.trace(square) / len(square) * np.eye(len(square))
            fit = np.linalg.solve(square, weighted @ few)
        fade = np.hanning(len(block)) + 1e-3
        hum[start : start + len(block)] += fade * (fit @ waves)
        faded[start : start + len(block)] += fade
    return (heard - hum / faded).astype(np.float32)


def _waves(turns: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Cosine and sine of these multiples of a phase (n,) in turns, (2 n_lines, n)."""
    first = np.exp(2j * np.pi * turns)
    multiple, found = np.ones_like(first), {}
    for number in range(1, lines[-1] + 1):
        multiple = multiple * first
        found[number] = multiple
    chosen = np.array([found[number] for number in lines])
    return np.concatenate([chosen.real, chosen.imag])


def _powers(samples: np.ndarray) -> np.ndarray:
    """Power around each sample (n,), never 0: where somebody speaks, little is told of hum."""
    power = np.convolve(np.square(samples), np.full(AROUND, 1 / AROUND), mode="same")
    return power + 0.1 * np.quantile(power, 0.1) + 1e-12
