"""Recordings whose utterances are known: synthetic ones everywhere, real ones where they are."""

from typing import NamedTuple

import numpy as np

from ser.sound.audio import SAMPLE_RATE

ROOM_LEVEL = 1e-4  # RMS of what is between utterances, -80 dBFS


class Joined(NamedTuple):
    """Clips one after the other: samples at 16 kHz, and where each clip begins and ends."""

    samples: np.ndarray
    borders_s: list[tuple[float, float]]
    clips: list[np.ndarray]


def joined(clips, pauses_s) -> Joined:
    """Clips with pauses of a quiet room before each of them, and a second of it at the end."""
    rng = np.random.default_rng(0)

    def room(seconds):
        n_samples = round(seconds * SAMPLE_RATE)
        return (ROOM_LEVEL * rng.standard_normal(n_samples)).astype(np.float32)

    pieces, borders_s, n_samples = [], [], 0
    for clip, pause_s in zip(clips, pauses_s, strict=True):
        pieces += [room(pause_s), clip]
        start = n_samples + len(pieces[-2])
        n_samples = start + len(clip)
        borders_s.append((start / SAMPLE_RATE, n_samples / SAMPLE_RATE))
    return Joined(np.concatenate([*pieces, room(1.0)]), borders_s, list(clips))


def trimmed(waveform: np.ndarray) -> np.ndarray:
    """From the first to the last moment within 30 dB of the loudest: by loudness alone."""
    steps = waveform[: len(waveform) // 160 * 160].reshape(-1, 160)
    power = (steps.astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 1e-3)
    return waveform[loud[0] * 160 : (loud[-1] + 1) * 160]
