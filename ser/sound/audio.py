"""Any file, bytes or array -> checked mono float32 at 16 kHz.

Nothing here trusts what a file claims: the header is judged before a sample is decoded, samples
are decoded block by block and resampled at once, so memory stays bounded by the ten minutes that
are allowed, whatever the container says.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import soundfile

from ser.sound import decoders
from ser.sound.decoders import Stream
from ser.sound.errors import (
    AudioError,
    CancelledError,
    EmptyAudioError,
    SilentError,
    TooShortError,
    UnreadableAudioError,
)
from ser.sound.mixing import Mix, voices
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
MISSING_S = 0.15  # less than the header promised; containers round their lengths by so much

__all__ = [
    "SAMPLE_RATE",
    "AudioError",
    "AudioSource",
    "Sound",
    "load_audio",
    "peak_db",
    "read_audio",
]


class Sound(NamedTuple):
    """A waveform (n_samples,) float32 at 16 kHz, and what is to be said about how it was heard."""

    waveform: np.ndarray
    warnings: list[str]


def read_audio(source: AudioSource, is_over: Callable[[], bool] | None = None) -> Sound:
    """Read a sound into the one form the project works on.

    Parameters
    ----------
    source
        A path, the bytes of a file, or `(rate_hz, samples)` with samples of shape (n,) or
        (n, n_channels): floats around [-1, 1], or integers, which are scaled by their full range.
    is_over
        Asked now and then; the work ends soon after it has become True.

    Returns
    -------
    Sound
        The channels' mean; the loudest of them where they cancel each other; those with a voice
        where they hear different things. Resampled with soxr's HQ filter, at the level it was
        recorded with.

    Raises
    ------
    AudioError
        One subclass for each reason to refuse; FileNotFoundError for a path that is not there,
        CancelledError where `is_over`.
    """
    for way in ways_to_read(source, MAX_DURATION_S):
        try:
            return _read(way, is_over)
        except soundfile.LibsndfileError:  # another decoder may read it
            continue
    raise UnreadableAudioError(decoders.DAMAGED)


def load_audio(source: AudioSource) -> np.ndarray:
    """Read a sound as `read_audio` does; the waveform (n_samples,) float32 alone."""
    return read_audio(source).waveform


def peak_db(waveform: np.ndarray) -> float:
    """Peak level in dB relative to full scale; -inf for digital silence."""
    peak = float(np.max(np.abs(waveform), initial=0.0))
    return 20 * np.log10(peak) if peak > 0 else -np.inf


def _read(open_stream: Way, is_over: Callable[[], bool] | None) -> Sound:
    """Read the mean of the channels; where it cannot stand for them, open the stream again."""
    with open_stream() as stream:
        check_header(stream, MAX_DURATION_S)
        mix = Mix(stream.rate_hz)
        waveform = _collect(mix.mean(_until(is_over, stream.blocks)), stream)
        promised_s = (stream.n_promised or stream.n_frames or 0) / stream.rate_hz
        is_cut = stream.lacks_its_end
    warnings = []
    if (loudest := mix.cancelled_channel()) is not None:
        waveform = _channel(open_stream, loudest)
    elif differing := mix.differing_channels():
        heard, warnings = voices(differing, lambda channel: _channel(open_stream, channel))
        waveform = waveform if heard is None else heard
    if peak_db(waveform - waveform.mean()) < SILENCE_PEAK_DB:  # a constant offset is no sound
        raise SilentError("It is silent: please check that the microphone is on, and speak up.")
    missing = cut_off(promised_s, len(waveform) / SAMPLE_RATE, MISSING_S, is_cut)
    return Sound(waveform, [*missing, *warnings])


def _until(
    is_over: Callable[[], bool] | None, blocks: Iterator[np.ndarray]
) -> Iterator[np.ndarray]:
    for block in blocks:
        if is_over and is_over():
            raise CancelledError
        yield block


def _channel(open_stream: Way, channel: int) -> np.ndarray:
    with open_stream() as stream:
        blocks = (block[:, channel].copy() for block in stream.blocks)
        return _collect(blocks, stream)


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
