"""A path, bytes or an array -> a checked stream of blocks, in every way that may read it.

Nothing here trusts what a file claims: the header is judged before a sample is decoded.
"""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import soundfile

from ser.sound import decoders
from ser.sound.arrays import EXPECTED, MAX_CHANNELS, checked_array
from ser.sound.errors import (
    AudioError,
    EmptyAudioError,
    NotFiniteError,
    TooLongError,
    TooManyChannelsError,
    TooMuchError,
    UnreadableAudioError,
    UnsupportedRateError,
)

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
SAMPLES_A_SECOND = 8 * 48_000  # of all channels, over the longest sound that is allowed
LOUDEST = 2.0**32  # times full scale: what integers give that nobody scaled is still less
HEAD_BYTES = 64  # enough to tell every container apart
NO_END = "Cut off: the end of the file is missing."

AudioSource = str | os.PathLike | bytes | tuple[int, np.ndarray]
Way = Callable[[], AbstractContextManager[decoders.Stream]]


def ways_to_read(source: AudioSource, max_s: float) -> Iterator[Way]:
    """Each way to open a sound of at most `max_s` seconds, the best one first.

    Ask for the next one where the last raised soundfile.LibsndfileError, at its start or between
    blocks. Raises AudioError where there is none (any more), FileNotFoundError for a path that is
    not there.
    """
    if isinstance(source, tuple):
        yield _array(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from _ways_of_bytes(bytes(source), max_s)
    elif isinstance(source, str | os.PathLike):
        yield from _ways_of_path(Path(source), max_s)
    else:
        raise UnreadableAudioError(
            f"Expected a path, bytes or (rate, samples), not {type(source).__name__}."
        )


def told_s(path: Path, max_s: float = 600.0) -> float | None:
    """Seconds that a header promises, before any is decoded; None where it promises nothing."""
    try:
        with next(ways_to_read(path, max_s))() as stream:
            return None if stream.n_frames is None else stream.n_frames / max(1, stream.rate_hz)
    except (AudioError, OSError, soundfile.LibsndfileError, StopIteration):
        return None


def check_header(stream: decoders.Stream, max_s: float) -> None:
    """Refuse what the header alone forbids."""
    if stream.n_channels > MAX_CHANNELS:
        raise TooManyChannelsError(
            f"{stream.n_channels} channels: please send at most {MAX_CHANNELS}, best a mono "
            "recording."
        )
    check_rate(stream.rate_hz)
    if stream.n_channels < 1 or stream.n_frames == 0:
        raise EmptyAudioError("There is no sound in it: please record or choose another one.")
    if stream.n_frames is not None:
        check_size(stream.n_frames, stream.n_channels, stream.rate_hz, max_s)


def check_rate(rate_hz: int) -> None:
    """Raise UnsupportedRateError for a sample rate that no recording has."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise UnsupportedRateError(
            f"A sample rate of {rate_hz} Hz cannot be used: "
            f"please send between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz."
        )


def check_size(n_frames: int, n_channels: int, rate_hz: int, max_s: float) -> None:
    """Raise TooLongError over `max_s`, TooMuchError for more samples than one sound may have."""
    if n_frames > max_s * rate_hz:
        hours, minutes = max_s / 3600, max_s / 60
        limit = f"{hours:.0f} hours" if hours > 1 else f"{minutes:.0f} minutes"
        raise TooLongError(f"Longer than {limit}: please send a shorter part.")
    if n_frames * n_channels > max_s * SAMPLES_A_SECOND:
        raise TooMuchError(
            f"{n_channels} channels of {rate_hz} Hz are too much for so long a recording: please "
            "send mono, best at 16000 to 48000 Hz."
        )


def cut_off(
    promised_s: float, there_s: float, least_s: float, lacks_its_end: bool = False
) -> list[str]:
    """Warn of a sound that lacks more than `least_s` of what its header promised, or its end."""
    if promised_s - there_s <= least_s:
        return [NO_END] if lacks_its_end else []
    promised, there = (
        f"{seconds:.1f} s" if promised_s < 10 else clock(seconds)
        for seconds in (promised_s, there_s)
    )
    return [f"Cut off: {promised} were promised, {there} are there."]


def clock(seconds: float) -> str:
    """Seconds as people write them: 1:02:03, or 2:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def are_finite(samples: np.ndarray) -> bool:
    """Whether they are numbers, and none so large that their squares would not be."""
    return bool((np.abs(samples) <= LOUDEST).all())


def check_finite(samples: np.ndarray) -> None:
    """Raise NotFiniteError for NaN, infinity, and values that no sound has."""
    if not are_finite(samples):
        raise NotFiniteError(
            "It holds samples that are not numbers, or far too large: the file is damaged, please "
            "export it anew."
        )


def _array(sound: tuple) -> Way:
    if len(sound) != 2:
        raise UnreadableAudioError(f"A tuple of {len(sound)}: {EXPECTED}.")
    rate_hz, samples = checked_array(*sound)

    def open_array() -> AbstractContextManager[decoders.Stream]:
        starts = range(0, len(samples), decoders.BLOCK_FRAMES)
        blocks = (to_float(samples[start : start + decoders.BLOCK_FRAMES]) for start in starts)
        return nullcontext(decoders.Stream(rate_hz, samples.shape[1], len(samples), blocks))

    return open_array


def _ways_of_bytes(data: bytes, max_s: float) -> Iterator[Way]:
    reads_directly, demuxer = _sniff(data[:HEAD_BYTES])
    if reads_directly:
        yield lambda: decoders.open_directly(io.BytesIO(data), max_s)
        _check_ffmpeg_may_help()
    with tempfile.NamedTemporaryFile(prefix="ser-") as file:  # a pipe cannot be seeked, MP4 must
        file.write(data)
        file.flush()
        yield _with_ffmpeg(Path(file.name), demuxer, max_s)


def _ways_of_path(path: Path, max_s: float) -> Iterator[Way]:
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise UnreadableAudioError("This is a folder, not a sound file.")
    if not path.is_file():
        raise UnreadableAudioError("This is a pipe or a device: please save its sound as a file.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise UnreadableAudioError(f"The file cannot be opened: {error.strerror}.") from error
    reads_directly, demuxer = _sniff(head)
    if reads_directly:
        yield lambda: decoders.open_directly(path, max_s)
        _check_ffmpeg_may_help()
    yield _with_ffmpeg(path, demuxer, max_s)


def _sniff(head: bytes) -> tuple[bool, str]:
    if not head:
        raise EmptyAudioError("The file is empty: please record or choose another one.")
    return decoders.sniff(head)


def _check_ffmpeg_may_help() -> None:
    """Leave what libsndfile cannot read to ffmpeg; without it nobody knows what is wrong."""
    if missing := decoders.missing_program():
        raise UnreadableAudioError(
            f"The file could not be read without {missing}, which is not installed here: please "
            "export it anew, best as WAV."
        )


def _with_ffmpeg(path: Path, demuxer: str, max_s: float) -> Way:
    if missing := decoders.missing_program():
        raise UnreadableAudioError(
            f"This kind of file needs {missing}, which is not installed here: please send WAV, "
            "FLAC, OGG or MP3."
        )
    # One second past the limit is enough to notice that it was passed.
    return lambda: decoders.open_with_ffmpeg(path, demuxer, max_s=max_s + 1)


def to_float(samples: np.ndarray) -> np.ndarray:
    """Floats as they are, integers scaled by their full range; float32."""
    kind = samples.dtype
    if kind.kind == "f":
        return samples.astype(np.float32)
    full_scale = 2.0 ** (8 * kind.itemsize - 1)
    offset = full_scale if kind.kind == "u" else 0.0  # unsigned PCM is centred on half its range
    return ((samples.astype(np.float64) - offset) / full_scale).astype(np.float32)
