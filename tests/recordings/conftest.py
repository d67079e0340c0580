"""Recordings whose utterances are known: synthetic ones everywhere, real ones where they are."""

from typing import NamedTuple

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE, load_audio

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


@pytest.fixture(scope="session")
def turns(speech) -> Joined:
    """Four utterances of the synthetic voice, at other speeds, 1.2 s apart: half a minute."""
    positions = [np.arange(0, len(speech) - 1, speed) for speed in (1.0, 0.8, 1.2, 0.9)]
    clips = [np.interp(p, np.arange(len(speech)), speech).astype(np.float32) for p in positions]
    return joined(clips, [1.2] * 4)


@pytest.fixture(scope="session")
def real_turns(ravdess) -> Joined:
    """24 utterances of 24 actors, trimmed to their speech, 0.8 to 1.2 s apart."""
    chosen = [u for number, u in enumerate(ravdess) if number % 61 == 0][:24]
    clips = [_trimmed(load_audio(utterance.path)) for utterance in chosen]
    return joined(clips, np.linspace(0.8, 1.2, len(clips)))


def _trimmed(waveform: np.ndarray) -> np.ndarray:
    """From the first to the last moment within 30 dB of the loudest: by loudness alone."""
    steps = waveform[: len(waveform) // 160 * 160].reshape(-1, 160)
    power = (steps.astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 1e-3)
    return waveform[loud[0] * 160 : (loud[-1] + 1) * 160]
