"""Any file, bytes or array -> checked mono float32 at 16 kHz.

Nothing here trusts what a file claims: the header is judged before a sample is decoded, samples
are decoded block by block and resampled at once, so memory stays bounded by the ten minutes that
are allowed, whatever the container says.
"""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ser.sound import decoders
from ser.sound.errors import (
    AudioError,
    EmptyAudioError,
    NotFiniteError,
    SilentError,
    TooLongError,
    TooManyChannelsError,
    TooShortError,
    UnreadableAudioError,
    UnsupportedRateError,
)

SAMPLE_RATE = 16_000  # Hz; everything behind this module speaks it
MAX_DURATION_S = 600.0
MIN_DURATION_S = 0.3  # this or less holds no syllable to judge
MAX_CHANNELS = 8
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
SILENCE_PEAK_DB = -80.0  # dBFS; a quiet voice peaks well above
CANCELLED = 0.5  # of the power that the loudest channel alone gives the mean; below, it is gone
HEAD_BYTES = 64  # enough to tell every container apart

AudioSource = str | os.PathLike | bytes | tuple[int, np.ndarray]

__all__ = ["SAMPLE_RATE", "AudioError", "AudioSource", "load_audio", "peak_db"]


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
    if isinstance(source, tuple):
        return _load_array(*source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _load_bytes(bytes(source))
    if isinstance(source, str | os.PathLike):
        return _load_path(Path(source))
    raise UnreadableAudioError(
        f"Expected a path, bytes or (rate, samples), not {type(source).__name__}."
    )


def peak_db(waveform: np.ndarray) -> float:
    """Peak level in dB relative to full scale; -inf for digital silence."""
    peak = float(np.max(np.abs(waveform), initial=0.0))
    return 20 * np.log10(peak) if peak > 0 else -np.inf


# --- the four ways in -----------------------------------------------------------------------


def _load_array(rate_hz: int, samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2):
        raise UnreadableAudioError(
            f"Samples of shape {samples.shape}: expected (n,) or (n, n_channels)."
        )
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.dtype.kind not in "iuf":
        raise UnreadableAudioError(f"Samples of type {samples.dtype}: expected floats or integers.")

    def open_array() -> AbstractContextManager[decoders.Stream]:
        starts = range(0, len(samples), decoders.BLOCK_FRAMES)
        blocks = (_to_float(samples[start : start + decoders.BLOCK_FRAMES]) for start in starts)
        return nullcontext(decoders.Stream(rate_hz, samples.shape[1], len(samples), blocks))

    return _read(open_array)


def _load_bytes(data: bytes) -> np.ndarray:
    reads_directly, demuxer = _sniff(data[:HEAD_BYTES])
    if reads_directly:
        try:
            return _read(lambda: decoders.open_directly(io.BytesIO(data)))
        except soundfile.LibsndfileError as error:
            _check_ffmpeg_may_help(error)
    with tempfile.NamedTemporaryFile(prefix="ser-") as file:  # a pipe cannot be seeked, MP4 must
        file.write(data)
        file.flush()
        return _load_with_ffmpeg(Path(file.name), demuxer)


def _load_path(path: Path) -> np.ndarray:
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if not path.is_file():
        raise UnreadableAudioError("This is a folder, not a sound file.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise UnreadableAudioError(f"The file cannot be opened: {error.strerror}.") from error
    reads_directly, demuxer = _sniff(head)
    if reads_directly:
        try:
            return _read(lambda: decoders.open_directly(path))
        except soundfile.LibsndfileError as error:
            _check_ffmpeg_may_help(error)
    return _load_with_ffmpeg(path, demuxer)


def _sniff(head: bytes) -> tuple[bool, str]:
    if not head:
        raise EmptyAudioError("The file is empty: please record or choose another one.")
    return decoders.sniff(head)


def _check_ffmpeg_may_help(error: soundfile.LibsndfileError) -> None:
    """Leave what libsndfile cannot read to ffmpeg; without it nobody knows what is wrong."""
    if missing := decoders.missing_program():
        raise UnreadableAudioError(
            f"The file could not be read without {missing}, which is not installed here: please "
            "export it anew, best as WAV."
        ) from error


def _load_with_ffmpeg(path: Path, demuxer: str) -> np.ndarray:
    if missing := decoders.missing_program():
        raise UnreadableAudioError(
            f"This kind of file needs {missing}, which is not installed here: please send WAV, "
            "FLAC, OGG or MP3."
        )
    # One second past the limit is enough to notice that it was passed.
    return _read(lambda: decoders.open_with_ffmpeg(path, demuxer, max_s=MAX_DURATION_S + 1))


# --- what a header and a block may hold -------------------------------------------------------


def _check_header(n_frames: int | None, rate_hz: int, n_channels: int) -> None:
    """Refuse what the header alone forbids; `n_frames` is None where the container does not say."""
    if n_channels > MAX_CHANNELS:
        raise TooManyChannelsError(
            f"{n_channels} channels: please send at most {MAX_CHANNELS}, best a mono recording."
        )
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise UnsupportedRateError(
            f"A sample rate of {rate_hz} Hz cannot be used: "
            f"please send between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz."
        )
    if n_channels < 1 or n_frames == 0:
        raise EmptyAudioError("There is no sound in it: please record or choose another one.")
    if n_frames is not None:
        _check_not_too_long(n_frames / rate_hz)


def _check_not_too_long(duration_s: float) -> None:
    if duration_s > MAX_DURATION_S:
        raise TooLongError(
            f"Longer than {MAX_DURATION_S / 60:.0f} minutes: please send a shorter part."
        )


# --- from channels to one waveform ------------------------------------------------------------


def _read(open_stream: Callable[[], AbstractContextManager[decoders.Stream]]) -> np.ndarray:
    """Read the channels' mean; where they cancel, open the stream again for the loudest."""
    mix = _Mix()
    with open_stream() as stream:
        _check_header(stream.n_frames, stream.rate_hz, stream.n_channels)
        waveform = _collect(mix.mean(stream.blocks), stream.rate_hz)
    if (channel := mix.cancelled_channel()) is not None:
        with open_stream() as stream:
            blocks = (block[:, channel].copy() for block in stream.blocks)
            waveform = _collect(blocks, stream.rate_hz)
    if peak_db(waveform - waveform.mean()) < SILENCE_PEAK_DB:  # a constant offset is no sound
        raise SilentError("It is silent: please check that the microphone is on, and speak up.")
    return waveform


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


def _collect(blocks: Iterator[np.ndarray], rate_hz: int) -> np.ndarray:
    """Blocks of (n,) float32 -> mono at 16 kHz, never holding the original."""
    resampler = None
    if rate_hz != SAMPLE_RATE:
        resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    pieces, n_frames = [], 0
    for mono in blocks:
        n_frames += len(mono)
        _check_not_too_long(n_frames / rate_hz)
        if not np.isfinite(mono).all():
            raise NotFiniteError(
                "It holds samples that are not numbers: the file is damaged, please export it anew."
            )
        pieces.append(resampler.resample_chunk(mono) if resampler else mono)
    if resampler:
        pieces.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    if n_frames == 0:
        raise EmptyAudioError("There is no sound in it: please record or choose another one.")
    if n_frames / rate_hz <= MIN_DURATION_S:
        raise TooShortError(
            f"{n_frames / rate_hz:.2f} s is too short: please speak for at least a second."
        )
    return np.concatenate(pieces)


def _to_float(samples: np.ndarray) -> np.ndarray:
    kind = samples.dtype
    if kind.kind == "f":
        return samples.astype(np.float32)
    full_scale = 2.0 ** (8 * kind.itemsize - 1)
    offset = full_scale if kind.kind == "u" else 0.0  # unsigned PCM is centred on half its range
    return ((samples.astype(np.float64) - offset) / full_scale).astype(np.float32)
