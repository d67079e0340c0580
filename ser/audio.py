"""Any file, bytes or array -> checked mono float32 at 16 kHz.

Nothing here trusts what a file claims: the header is judged before a sample is decoded, samples
are decoded block by block and resampled at once, so memory stays bounded by the ten minutes that
are allowed, whatever the container says.
"""

import io
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 16_000  # Hz; everything behind this module speaks it
MAX_DURATION_S = 600.0
MIN_DURATION_S = 0.3  # this or less holds no syllable to judge
MAX_CHANNELS = 8
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000
SILENCE_PEAK_DB = -80.0  # dBFS; a quiet voice peaks well above
BLOCK_FRAMES = 65_536  # frames decoded at a time
UNKNOWN_FRAMES = 2**62  # libsndfile's way to say that a streamed FLAC does not tell its length
FFMPEG_TIMEOUT_S = 60.0

AudioSource = str | os.PathLike | bytes | tuple[int, np.ndarray]


class AudioError(ValueError):
    """The sound cannot be judged; the message tells a visitor what to do."""


class UnreadableAudioError(AudioError):
    """Not a sound file, a damaged one, or one in a form that nothing here decodes."""


class EmptyAudioError(AudioError):
    """No samples at all."""


class TooShortError(AudioError):
    """`MIN_DURATION_S` or less."""


class TooLongError(AudioError):
    """More than `MAX_DURATION_S`."""


class TooManyChannelsError(AudioError):
    """More than `MAX_CHANNELS` channels."""


class UnsupportedRateError(AudioError):
    """A sample rate outside `MIN_RATE_HZ` to `MAX_RATE_HZ`."""


class NotFiniteError(AudioError):
    """NaN or infinite samples."""


class SilentError(AudioError):
    """A peak under `SILENCE_PEAK_DB`."""


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
        float32 of shape (n_samples,) at 16 kHz: the channels' mean, resampled with soxr's HQ
        filter, at the level it was recorded with.

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
    _check_header(samples.shape[0], rate_hz, samples.shape[1])
    if samples.dtype.kind not in "iuf":
        raise UnreadableAudioError(f"Samples of type {samples.dtype}: expected floats or integers.")
    blocks = (
        _to_float(samples[start : start + BLOCK_FRAMES])
        for start in range(0, len(samples), BLOCK_FRAMES)
    )
    return _collect(blocks, rate_hz)


def _load_bytes(data: bytes) -> np.ndarray:
    if not data:
        raise EmptyAudioError("The file is empty: please record or choose another one.")
    reads_directly, ffmpeg_format = _sniff(data[:64])
    if reads_directly:
        try:
            return _load_soundfile(io.BytesIO(data))
        except soundfile.LibsndfileError as error:
            if ffmpeg_format is None:
                _raise_unreadable(error)
    with tempfile.NamedTemporaryFile(prefix="ser-") as file:  # a pipe cannot be seeked, MP4 must
        file.write(data)
        file.flush()
        return _load_ffmpeg(Path(file.name), ffmpeg_format)


def _load_path(path: Path) -> np.ndarray:
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if not path.is_file():
        raise UnreadableAudioError("This is a folder, not a sound file.")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise UnreadableAudioError(f"The file cannot be opened: {error.strerror}.") from error
    if not head:
        raise EmptyAudioError("The file is empty: please record or choose another one.")
    reads_directly, ffmpeg_format = _sniff(head)
    if reads_directly:
        try:
            return _load_soundfile(path)
        except soundfile.LibsndfileError as error:
            if ffmpeg_format is None:
                _raise_unreadable(error)
    return _load_ffmpeg(path, ffmpeg_format)


def _load_soundfile(file: Path | io.BytesIO) -> np.ndarray:
    with soundfile.SoundFile(file) as sound:
        n_frames = sound.frames if sound.frames < UNKNOWN_FRAMES else None
        _check_header(n_frames, sound.samplerate, sound.channels)
        return _collect(_soundfile_blocks(sound), sound.samplerate)


def _soundfile_blocks(sound: soundfile.SoundFile) -> Iterator[np.ndarray]:
    while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield block


def _load_ffmpeg(path: Path, ffmpeg_format: str) -> np.ndarray:
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        raise UnreadableAudioError(
            "This kind of file needs ffmpeg, which is not installed here: please send WAV, FLAC, "
            "OGG or MP3."
        )
    rate_hz, n_channels, duration_s = _probe(path, ffmpeg_format)
    _check_header(None if duration_s is None else round(duration_s * rate_hz), rate_hz, n_channels)
    command = _ffmpeg_command("ffmpeg", path, ffmpeg_format)
    # -t one second past the limit: enough to notice that the limit was passed.
    command += ["-map", "0:a:0", "-t", str(MAX_DURATION_S + 1), "-f", "f32le"]
    command += ["-ac", str(n_channels), "-ar", str(rate_hz), "pipe:1"]
    with _Child(command) as child:
        return _collect(child.float_blocks(n_channels), rate_hz)


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


def _collect(blocks: Iterator[np.ndarray], rate_hz: int) -> np.ndarray:
    """Blocks of (n, n_channels) float32 -> checked mono at 16 kHz, never holding the original."""
    resampler = None
    if rate_hz != SAMPLE_RATE:
        resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    pieces, n_frames = [], 0
    for block in blocks:
        n_frames += len(block)
        _check_not_too_long(n_frames / rate_hz)
        mono = block.mean(axis=1, dtype=np.float32)
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
    waveform = np.concatenate(pieces)
    if peak_db(waveform - waveform.mean()) < SILENCE_PEAK_DB:  # a constant offset is no sound
        raise SilentError("It is silent: please check that the microphone is on, and speak up.")
    return waveform


def _to_float(samples: np.ndarray) -> np.ndarray:
    kind = samples.dtype
    if kind.kind == "f":
        return samples.astype(np.float32)
    full_scale = 2.0 ** (8 * kind.itemsize - 1)
    offset = full_scale if kind.kind == "u" else 0.0  # unsigned PCM is centred on half its range
    return ((samples.astype(np.float64) - offset) / full_scale).astype(np.float32)


# --- containers ---------------------------------------------------------------------------------


def _sniff(head: bytes) -> tuple[bool, str | None]:
    """First bytes -> (does libsndfile read this?, the demuxer ffmpeg is told to use, or None)."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return True, "wav"
    if head[:4] == b"fLaC":
        return True, "flac"
    if head[:4] == b"OggS":
        return True, "ogg"
    if head[:3] == b"ID3":
        return True, "mp3"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return True, "aiff"
    if head[:4] == b"caff":
        return True, "caf"
    if head[:4] == b".snd":
        return True, "au"
    if head[4:8] == b"ftyp":
        return False, "mov"  # M4A, MP4, 3GP
    if head[:4] == b"\x1aE\xdf\xa3":
        return False, "matroska"  # WebM
    if head[:6] == b"#!AMR\n" or head[:9] == b"#!AMR-WB\n":
        return False, "amr"
    if head[:4] == b"\x30\x26\xb2\x75":
        return False, "asf"  # WMA
    if len(head) > 1 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:
            return False, "aac"
        if head[1] & 0xE0 == 0xE0:
            return True, "mp3"
    raise UnreadableAudioError(
        "This is not a sound file known here: please send WAV, FLAC, OGG, MP3, M4A or WebM."
    )


def _raise_unreadable(error: Exception) -> NoReturn:
    raise UnreadableAudioError(
        "The file cannot be decoded: it is damaged or not a sound file. Please export it anew."
    ) from error


def _ffmpeg_command(program: str, path: Path, ffmpeg_format: str) -> list[str]:
    command = [program, "-v", "error", "-protocol_whitelist", "file", "-f", ffmpeg_format]
    if program == "ffmpeg":
        command[1:1] = ["-nostdin", "-threads", "1"]
    return [*command, "-i", f"file:{path.resolve()}"]


def _probe(path: Path, ffmpeg_format: str) -> tuple[int, int, float | None]:
    """Ask ffprobe for rate, channels and (where the container says so) duration in seconds."""
    command = _ffmpeg_command("ffprobe", path, ffmpeg_format)
    command += ["-select_streams", "a:0", "-of", "json"]
    command += ["-show_entries", "stream=sample_rate,channels:format=duration"]
    with _Child(command) as child:
        answer = child.read_all()
    try:
        found = json.loads(answer)
        stream = found["streams"][0]
        duration = found.get("format", {}).get("duration")
        return int(stream["sample_rate"]), int(stream["channels"]), duration and float(duration)
    except (ValueError, KeyError, IndexError) as error:
        _raise_unreadable(error)


class _Child:
    """A child process whose output is read until a deadline, and which is dead afterwards."""

    def __init__(self, command: list[str]):
        self.command = command
        self.timed_out = False

    def __enter__(self) -> "_Child":
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.timer = threading.Timer(FFMPEG_TIMEOUT_S, self._on_deadline)
        self.timer.start()
        return self

    def __exit__(self, *_) -> None:
        self.timer.cancel()
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()

    def _on_deadline(self) -> None:
        self.timed_out = True
        self.process.kill()

    def read_all(self) -> bytes:
        data = self.process.stdout.read(1 << 20)
        self._check_end()
        return data

    def float_blocks(self, n_channels: int) -> Iterator[np.ndarray]:
        """Raw little-endian float32 on standard output -> blocks of (n, n_channels)."""
        n_bytes = BLOCK_FRAMES * n_channels * 4
        while data := self.process.stdout.read(n_bytes):
            whole = len(data) - len(data) % (4 * n_channels)
            yield np.frombuffer(data[:whole], "<f4").reshape(-1, n_channels)
        self._check_end()

    def _check_end(self) -> None:
        status = self.process.wait()
        if self.timed_out:
            raise UnreadableAudioError(
                f"Decoding took over {FFMPEG_TIMEOUT_S:.0f} s and was stopped: please send a "
                "shorter recording, or WAV, FLAC, OGG or MP3."
            )
        if status != 0:
            _raise_unreadable(subprocess.CalledProcessError(status, self.command))
