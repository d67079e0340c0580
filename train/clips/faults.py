"""Ordinary faults of recordings that leave the voice as it was: each a waveform -> a waveform.

Waveforms are float32 at 16 kHz, the voice at a usual level. What a fault adds is drawn by `rng`.
"""

from collections.abc import Callable

import numpy as np

from ser.sound.audio import SAMPLE_RATE
from train.clips import effects

VOICE_PEAK_DB = -14.0  # dBFS
PAUSE_S = 30.0

Fault = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def at_usual_level(waveform: np.ndarray) -> np.ndarray:
    """The voice with its peak at `VOICE_PEAK_DB`."""
    return waveform * np.float32(10 ** (VOICE_PEAK_DB / 20) / np.abs(waveform).max())


def tone(hz: float, seconds: float, peak: float) -> np.ndarray:
    """A sine."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (peak * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    """Nothing."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def _pause(slope: float, peak_db: float) -> Fault:
    """A long pause after the voice, and the noise of a room under all of it."""

    def fault(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        whole = np.concatenate([waveform, silence(PAUSE_S)])
        noise = effects.coloured_noise(len(whole), slope, rng)
        return whole + (10 ** (peak_db / 20) * noise / np.abs(noise).max()).astype(np.float32)

    return fault


def _under(sound: Callable[[float], np.ndarray]) -> Fault:
    """A steady sound of so many seconds under the voice."""

    def fault(waveform: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return waveform + sound(len(waveform) / SAMPLE_RATE)[: len(waveform)]

    return fault


def _around(before: np.ndarray, after: np.ndarray) -> Fault:
    """Sounds before and after the voice."""
    return lambda waveform, _: np.concatenate([before, waveform, after])


def _harmonics(seconds: float) -> np.ndarray:
    return sum(tone(60 * n, seconds, 10 ** (-30 / 20) / n) for n in range(1, 6))


_CLICK = np.full(128, 0.9, np.float32)  # 8 ms

FAULTS: dict[str, Fault] = {
    "30 s of pause, pink noise at -46 dBFS": _pause(1, -46),
    "30 s of pause, pink noise at -72 dBFS": _pause(1, -72),
    "30 s of pause, brown noise at -40 dBFS": _pause(2, -40),
    "constant offset 0.03": lambda waveform, _: waveform + np.float32(0.03),
    "constant offset 0.01": lambda waveform, _: waveform + np.float32(0.01),
    "constant offset 0.03, a second of zeros before": lambda waveform, _: np.concatenate(
        [silence(1), waveform + np.float32(0.03)]
    ),
    "offset drifting from -0.05 to 0.05": lambda waveform, _: (
        waveform + np.linspace(-0.05, 0.05, len(waveform), dtype=np.float32)
    ),
    "hum of 50 Hz at -30 dBFS": _under(lambda seconds: tone(50, seconds, 10 ** (-30 / 20))),
    "hum of 60 Hz at -30 dBFS, with four harmonics": _under(_harmonics),
    "rumble of 30 Hz at -20 dBFS": _under(lambda seconds: tone(30, seconds, 0.1)),
    "a thump half a second before": _around(
        np.concatenate([tone(100, 0.06, 0.9), silence(0.5)]), silence(0)
    ),
    "a click at either end": _around(
        np.concatenate([_CLICK, silence(0.25)]), np.concatenate([silence(0.25), -_CLICK])
    ),
    "an answering machine's beep before": _around(
        np.concatenate([tone(1000, 1, 0.5), silence(0.5)]), silence(0)
    ),
    "20 dB quieter": lambda waveform, _: waveform * np.float32(0.1),
}
