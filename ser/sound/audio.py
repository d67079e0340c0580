"""Any file, bytes or array -> checked mono float32 at 16 kHz.

Nothing here trusts what a file claims: the header is judged before a sample is decoded, samples
are decoded block by block and resampled at once, so memory stays bounded by the ten minutes that
are allowed, whatever the container says.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import soundfile

from ser.sound import decoders
from ser.sound.decoders import Stream
from ser.sound.errors import (
    AudioError,
    EmptyAudioError,
    SilentError,
    TooShortError,
    UnreadableAudioError,
)
from ser.sound.resampling import SAMPLE_RATE, Resampler
from ser.sound.sources import (
    AudioSource,
    Way,
    check_finite,
    check_header,
    check_size,
    cut_off,
    ways_to_read,
)

MAX_DURATION_S = 600.0
MIN_DURATION_S = 0.3  # this or less holds no syllable to judge
SILENCE_PEAK_DB = -80.0  # dBFS; a quiet voice peaks well above
CANCELLED = 0.5  # of the power that the loudest channel alone gives the mean; below, it is gone
MISSING_S = 0.15  # less than the header promised; containers round their lengths by so much

__all__ = ["SAMPLE_RATE", "AudioError", "AudioSource", "load_audio", "peak_db", "read_audio"]


class Sound(NamedTuple):
    """A waveform (n_samples,) float32 at 16 kHz, and warnings about how it was read."""

    waveform: np.ndarray
    warnings: list[str]


def load_audio(source: AudioSource) -> np.ndarray:
    """Read a sound into the one form the project works on.

    Parameters
    ----------
    source
        A path, the bytes of a file, or `(rate_hz, samples)` with samples of shape (n,) or
        (n, n_channels): floats around [-1, 1], or integers, which are scaled by their full range.

    Returns
    -------
    np.ndarray
        float32 of shape (n_samples,) at 16 kHz: the channels' mean, or the loudest of them where
        they cancel each other, resampled with soxr's HQ filter, at the level it was recorded with.

    Raises
    ------
    AudioError
        One subclass for each reason to refuse; FileNotFoundError for a path that is not there.
    """
    return read_audio(source).waveform


def read_audio(source: AudioSource) -> Sound:
    """Read it as `load_audio` does, and tell what of it is missing."""
    for way in ways_to_read(source, MAX_DURATION_S):
        try:
            return _read(way)
        except soundfile.LibsndfileError:  # another decoder may read it
            continue
    raise UnreadableAudioError(decoders.DAMAGED)


def peak_db(waveform: np.ndarray) -> float:
    """Peak level in dB relative to full scale; -inf for digital silence."""
    peak = float(np.max(np.abs(waveform), initial=0.0))
    return 20 * np.log10(peak) if peak > 0 else -np.inf


def _read(open_stream: Way) -> Sound:
    """Read the channels' mean; where they cancel, open the stream again for the loudest."""
    mix = _Mix()
    with open_stream() as stream:
        check_header(stream, MAX_DURATION_S)
        waveform = _collect(mix.mean(stream.blocks), stream)
        promised_s = (stream.n_promised or stream.n_frames or 0) / stream.rate_hz
    if (channel := mix.cancelled_channel()) is not None:
        with open_stream() as stream:
            blocks = (block[:, channel].copy() for block in stream.blocks)
            waveform = _collect(blocks, stream)
    if peak_db(waveform - waveform.mean()) < SILENCE_PEAK_DB:  # a constant offset is no sound
        raise SilentError("It is silent: please check that the microphone is on, and speak up.")
    return Sound(waveform, cut_off(promised_s, len(waveform) / SAMPLE_RATE, MISSING_S))


class _Mix:
    """The mean of channels, block by block, and the power of it and of each of them."""

    def __init__(self):
        self.n_frames, self.sums, self.squares = 0, 0.0, 0.0

    def mean(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            mono = block.mean(axis=1, dtype=np.float32)
            yield mono  # refused where it is not finite, before it is squared
            if block.shape[1] > 1:
                both = np.column_stack([mono, block]).astype(np.float64)
                self.n_frames += len(both)
                self.sums += both.sum(axis=0)
                self.squares += np.square(both).sum(axis=0)

    def cancelled_channel(self) -> int | None:
        """The loudest channel where the others cancel it, as opposite phases do; else None."""
        if not self.n_frames:
            return None
        mean, *channels = self.squares / self.n_frames - np.square(self.sums / self.n_frames)
        loudest = int(np.argmax(channels))
        alone = channels[loudest] / len(channels) ** 2  # the mean's power were the others silent
        return loudest if mean < CANCELLED * alone else None


def _collect(blocks: Iterator[np.ndarray], stream: Stream) -> np.ndarray:
    """Blocks of (n,) float32 -> mono at 16 kHz, never holding the original."""
    rate_hz = stream.rate_hz
    resampler = Resampler(rate_hz)
    pieces, n_frames = [], 0
    for mono in blocks:
        n_frames += len(mono)
        check_size(n_frames, stream.n_channels, rate_hz, MAX_DURATION_S)
        check_finite(mono)
        pieces.append(resampler.push(mono))
    pieces.append(resampler.finish())
    if n_frames == 0:
        raise EmptyAudioError("There is no sound in it: please record or choose another one.")
    if n_frames / rate_hz <= MIN_DURATION_S:
        raise TooShortError(
            f"{n_frames / rate_hz:.2f} s is too short: please speak for at least a second."
        )
    return np.concatenate(pieces)
