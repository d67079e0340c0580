"""Which channels of a recording are heard, and how: mixed, each by itself, or only one of them.

A telephone call carries one person a channel; two microphones in one room carry the same. They are
told apart by their levels, not by their samples: the same voice is loud in both at the same time,
however far apart the microphones are.
"""

from typing import NamedTuple

import numpy as np

from ser.sound.audio import SILENCE_PEAK_DB
from ser.sound.mixing import CANCELLED, alike
from ser.sound.speech import FLOOR_DB, STEP_S


class Voice(NamedTuple):
    """One waveform to hear: the sum of channels by `weights` (n_channels,).

    `channel` counts from 1; it is None for a mixture.
    """

    channel: int | None
    weights: np.ndarray


class Survey:
    """Levels of all channels, (n, n_channels) block by block."""

    def __init__(self, rate_hz: int, n_channels: int):
        self._step = max(1, round(STEP_S * rate_hz))
        self._rest = np.zeros((0, n_channels), np.float32)
        self._levels_db: list[np.ndarray] = []
        self._n_frames = 0
        self._sums = np.zeros(n_channels)
        self._products = np.zeros((n_channels, n_channels))
        self._peaks = np.zeros(n_channels)

    def push(self, block: np.ndarray) -> None:
        """Take the next frames (n, n_channels)."""
        exact = block.astype(np.float64)
        self._n_frames += len(block)
        self._sums += exact.sum(axis=0)
        self._products += exact.T @ exact
        self._peaks = np.maximum(self._peaks, np.abs(block).max(axis=0, initial=0.0))
        joined = np.concatenate([self._rest, block])
        n_steps = len(joined) // self._step
        steps = joined[: n_steps * self._step].reshape(n_steps, self._step, -1)
        self._rest = joined[n_steps * self._step :]
        power = steps.var(axis=1, dtype=np.float64)
        self._levels_db.append(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))))

    def voices(self) -> tuple[list[Voice], list[str]]:
        """What to hear, and what is to be said about it."""
        n_channels = len(self._sums)
        mixture = Voice(None, np.full(n_channels, 1 / n_channels, np.float32))
        mean = self._sums / max(self._n_frames, 1)
        covariance = self._products / max(self._n_frames, 1) - np.outer(mean, mean)
        power = np.maximum(np.diag(covariance), 0.0)
        alive = [
            channel
            for channel in range(n_channels)
            if power[channel] > 0 and 20 * np.log10(self._peaks[channel]) > SILENCE_PEAK_DB
        ]
        if n_channels == 1 or not alive:
            return [mixture], []
        dead = [str(channel + 1) for channel in range(n_channels) if channel not in alive]
        warnings = [f"Silent: channel {', '.join(dead)}; it was left out."] if dead else []
        if len(alive) == 1:
            return [_alone(alive[0], n_channels)], warnings
        if not alike(np.concatenate(self._levels_db)[:, alive]):
            warnings.append("The channels differ: each was heard by itself.")
            return [_alone(channel, n_channels) for channel in alive], warnings
        loudest = int(np.argmax(power))
        mixed = np.zeros(n_channels)
        mixed[alive] = 1 / len(alive)
        if mixed @ covariance @ mixed < CANCELLED * power[loudest] / len(alive) ** 2:
            warnings.append(
                "The channels cancel each other, as where one is inverted: "
                f"only channel {loudest + 1} was heard."
            )
            return [_alone(loudest, n_channels)], warnings
        return [Voice(None, mixed.astype(np.float32))], warnings


def _alone(channel: int, n_channels: int) -> Voice:
    return Voice(channel + 1, np.eye(n_channels, dtype=np.float32)[channel])
