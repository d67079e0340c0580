"""Channels -> one waveform: their mean where they hear the same, else those that hear a voice.

Whether two hear the same is told by their levels, not by their samples: a voice is loud in both at
the same time, however far apart the microphones are.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ser.sound.high_pass import high_pass
from ser.sound.segments import clip_segments
from ser.sound.speech import FLOOR_DB, STEP_S

CANCELLED = 0.5  # of the power that the loudest channel alone gives the mean; below, it is gone
QUIETEST_DB = -70.0  # dBFS; steps below it are alike
SAME = 0.5  # correlation of two channels' levels, over which they hear the same
LEAST_SPEECH_S = 0.3
STEADY_DB = 3.0  # between quiet and loud steps; of 843 clips of five corpora none has under 4.9
LEAST_SHARE = 0.2  # of the speech in the channel that has most, for another one to be heard


class Mix:
    """The mean of channels, block by block, and what tells whether it may stand for them."""

    def __init__(self, rate_hz: int):
        self.n_frames, self.sums, self.squares = 0, 0.0, 0.0
        self._step = max(1, round(STEP_S * rate_hz))
        self._rest: np.ndarray | None = None
        self._levels_db: list[np.ndarray] = []

    def mean(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Blocks (n, n_channels) float32 -> blocks (n,)."""
        for block in blocks:
            mono = block.mean(axis=1, dtype=np.float32)
            yield mono  # refused where it is not finite, before it is squared
            if block.shape[1] > 1:
                both = np.column_stack([mono, block]).astype(np.float64)
                self.n_frames += len(both)
                self.sums += both.sum(axis=0)
                self.squares += np.square(both).sum(axis=0)
                self._measure(block)

    def _measure(self, block: np.ndarray) -> None:
        joined = block if self._rest is None else np.concatenate([self._rest, block])
        n_steps = len(joined) // self._step
        steps = joined[: n_steps * self._step].reshape(n_steps, self._step, block.shape[1])
        self._rest = joined[n_steps * self._step :].copy()
        power = steps.var(axis=1, dtype=np.float64)
        self._levels_db.append(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))))

    def cancelled_channel(self) -> int | None:
        """The loudest channel where the others cancel it, as opposite phases do; else None."""
        if not self.n_frames:
            return None
        mean, *channels = self.squares / self.n_frames - np.square(self.sums / self.n_frames)
        loudest = int(np.argmax(channels))
        alone = channels[loudest] / len(channels) ** 2  # the mean's power were the others silent
        return loudest if mean < CANCELLED * alone else None

    def differing_channels(self) -> list[int]:
        """All that are not silent, where any two of them hear something else; else none."""
        if not self._levels_db:
            return []
        levels_db = np.concatenate(self._levels_db)
        alive = [n for n, of_one in enumerate(levels_db.T) if (of_one > QUIETEST_DB).any()]
        return [] if alike(levels_db[:, alive]) else alive


def alike(levels_db: np.ndarray) -> bool:
    """Whether the levels (n_steps, n_channels) of all channels go up and down together."""
    levels_db = np.maximum(levels_db, QUIETEST_DB)
    levels_db = levels_db - levels_db.mean(axis=0)
    size = np.sqrt(np.mean(levels_db**2, axis=0))
    if (size == 0).all():  # as constant as can be, all of them
        return True
    together = levels_db.T @ levels_db / len(levels_db)
    return not (together < SAME * np.outer(size, size) - 1e-9).any()


def _is_steady(levels_db: np.ndarray) -> bool:
    """Whether it is as loud all the time, as hum is: its harmonics deceive the detector."""
    low, high = np.quantile(levels_db, [0.1, 0.9])
    return high - low < STEADY_DB


class Voices(NamedTuple):
    """What is heard of channels that differ, (n_samples,), and what is to be said about it.

    `waveform` is None where nobody speaks in any of them.
    """

    waveform: np.ndarray | None
    warnings: list[str]


def voices(channels: list[int], read: Callable[[int], np.ndarray]) -> Voices:
    """Hear those of the channels in which somebody speaks; `read` gives one, (n_samples,)."""
    speech_s, levels_db = {}, {}
    for channel in channels:
        segments, levels_db[channel] = clip_segments(high_pass(read(channel)))
        n_steps = 0 if _is_steady(levels_db[channel]) else sum(b - a for a, b in segments)
        speech_s[channel] = STEP_S * n_steps
    least_s = max(LEAST_SPEECH_S, LEAST_SHARE * max(speech_s.values()))
    spoken = [channel for channel in channels if speech_s[channel] >= least_s]
    if not spoken:
        return Voices(None, [])
    waveform = sum(read(channel) / np.float32(len(spoken)) for channel in spoken)
    names = " and ".join(str(channel + 1) for channel in spoken)
    if not alike(np.column_stack([levels_db[channel] for channel in spoken])):
        return Voices(
            waveform,
            [
                f"Different people speak in channels {names}: they were judged together. The part "
                "“Long” of the page and `ser timeline` hear each by itself."
            ],
        )
    if len(spoken) == len(channels):
        return Voices(waveform, [])
    said = f"Only channel {names} was" if len(spoken) == 1 else f"Only channels {names} were"
    return Voices(waveform, [f"{said} heard: nobody speaks in the others."])
