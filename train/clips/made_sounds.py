"""Sounds made here that are no voice, and whispers made of voices. Waveforms float32 at 16 kHz."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import get_window, lfilter

from ser.sound.audio import SAMPLE_RATE
from train.clips.effects import coloured_noise

PEAK = 0.3
SECONDS = 4.0
ORDER = 18  # of linear prediction at 16 kHz: two a formant, and two for the tilt
FRAME, HOP = 512, 256  # samples


def tone(rng: np.random.Generator) -> np.ndarray:
    """A steady, beeping, gliding or ringing tone of one to four partials."""
    at = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    start_hz = 10 ** rng.uniform(np.log10(90), np.log10(3000))
    kind = rng.integers(4)
    end_hz = start_hz * rng.uniform(0.5, 2.0) if kind == 2 else start_hz
    phase = 2 * np.pi * np.cumsum(np.linspace(start_hz, end_hz, len(at))) / SAMPLE_RATE
    n_partials = rng.integers(1, 5)
    sound = sum(np.sin(n * phase) / n for n in range(1, n_partials + 1))
    if kind == 1:  # beeps, as of a telephone or an alarm
        period_s = rng.uniform(0.2, 2.0)
        sound = sound * (at % period_s < period_s * rng.uniform(0.2, 0.8))
    if kind == 3:  # a bell
        sound = sound * np.exp(-(at % rng.uniform(0.5, 2.0)) * rng.uniform(2, 8))
    return _scaled(sound)


def noise(rng: np.random.Generator) -> np.ndarray:
    """White, pink, brown or banded noise, hum, clicks; steady or coming and going."""
    n = round(SECONDS * SAMPLE_RATE)
    at = np.arange(n) / SAMPLE_RATE
    kind = rng.integers(4)
    if kind == 0:
        hum_hz = rng.choice([50.0, 60.0])
        sound = sum(rng.random() * np.sin(2 * np.pi * hum_hz * k * at) for k in range(1, 12))
        sound = sound / np.abs(sound).max() + 0.05 * rng.standard_normal(n)
    elif kind == 1:
        sound = np.where(rng.random(n) < rng.uniform(1, 20) / SAMPLE_RATE, 1.0, 0.0)
        sound = lfilter([1], [1, -rng.uniform(0.5, 0.99)], sound) + 0.002 * rng.standard_normal(n)
    else:
        sound = coloured_noise(n, rng.uniform(0, 2), rng)
    if kind == 3:  # as of wind or traffic
        sound = sound * (1.1 + np.sin(2 * np.pi * rng.uniform(0.1, 3) * at + rng.uniform(0, 6)))
    return _scaled(sound)


def babble(voices: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Eight to sixteen voices at once, each about as loud, none of which can be followed."""
    n = round(SECONDS * SAMPLE_RATE)
    sound = np.zeros(n)
    for _ in range(rng.integers(8, 17)):
        voice = np.asarray(voices[rng.integers(len(voices))], np.float64)
        voice = np.resize(np.roll(voice, -int(rng.integers(len(voice)))), n)
        sound += voice * rng.uniform(0.7, 1.4) / np.sqrt(np.mean(voice**2) + 1e-12)
    return _scaled(sound)


MADE: dict[str, Callable[[np.random.Generator], np.ndarray]] = {"tones": tone, "noises": noise}


def whispered(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same words without vocal folds: synthetic, by linear prediction with a noise source.

    Each frame's envelope (autocorrelation method) shapes white noise of the residual's power, and
    the frames overlap. The level is that of the voice.
    """
    window = get_window("hann", FRAME)
    samples = np.asarray(waveform, np.float64)
    emphasized = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    padded = np.pad(emphasized, (FRAME, FRAME))
    out = np.zeros(len(padded))
    for start in range(0, len(padded) - FRAME, HOP):
        frame = padded[start : start + FRAME] * window
        correlation = np.correlate(frame, frame, "full")[FRAME - 1 : FRAME + ORDER]
        if correlation[0] < 1e-9:
            continue
        correlation[0] *= 1.0001  # white noise at -40 dB keeps the equations well posed
        taps = solve_toeplitz(correlation[:-1], correlation[1:])
        power = max(correlation[0] - taps @ correlation[1:], 0.0) / FRAME
        source = np.sqrt(power) * rng.standard_normal(FRAME) * window
        out[start : start + FRAME] += lfilter([1.0], np.append(1.0, -taps), source)
    # Without vocal folds there is no fall of 12 dB an octave: the emphasis stays, in part.
    heard = lfilter([1.0], [1.0, -0.6], out[FRAME : FRAME + len(samples)])
    before, after = (np.sqrt(np.mean(np.square(x))) for x in (samples, heard))
    return (heard * (before / after if after > 0 else 1.0)).astype(np.float32)


def _scaled(sound: np.ndarray) -> np.ndarray:
    return (PEAK * sound / (np.abs(sound).max() + 1e-12)).astype(np.float32)
