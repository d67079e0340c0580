"""Containers -> blocks of samples: libsndfile where it can, else ffmpeg on a short lead.

ffmpeg is told the container (never left to guess), may open nothing but that file, reads nothing
from the terminal, and is dead when its time is up or the reader is done.
"""

import io
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ser.sound.budget import Budget
from ser.sound.errors import UnreadableAudioError
from ser.sound.joined import Slice, pieces
from ser.sound.lengths import (
    UNSUPPORTED,
    lacks_its_end,
    length_told,
    refuse_ima_wav,
    share_there,
)
from ser.sound.resampling import Resampler

BLOCK_FRAMES = 65_536  # decoded at a time
UNKNOWN_FRAMES = 2**36  # nothing is that long: more is a way to say that nobody knows
WRONGLY_DECODED = {("AIFF", "IMA_ADPCM")}  # as noise: Apple's is laid out in another way
FFMPEG_TIMEOUT_S = 60.0  # for ten minutes of sound
PROCESSOR_S = 20.0  # that libsndfile may take for as much
DAMAGED = "The file cannot be decoded: it is damaged or not a sound file. Please export it anew."


@dataclass(frozen=True)
class Stream:
    """What a header says, and the samples behind it: float32 blocks of (n, n_channels).

    `n_frames` is None where the container does not tell its length; it may also lie.
    `n_promised` is how many there would be had the file not been cut off, where that shows; where
    it shows only that something is missing, `lacks_its_end`.
    """

    rate_hz: int
    n_channels: int
    n_frames: int | None
    blocks: Iterator[np.ndarray]
    n_promised: int | None = None
    lacks_its_end: bool = False


def sniff(head: bytes) -> tuple[bool, str]:
    """Tell from the first bytes whether libsndfile reads this, and ffmpeg's name for it.

    Raises UnreadableAudioError for what is no container known here.
    """
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
    known = "WAV, FLAC, OGG or MP3" if missing_program() else "WAV, FLAC, OGG, MP3, M4A or WebM"
    raise UnreadableAudioError(f"This is not a sound file known here: please send {known}.")


class _SoundFile(soundfile.SoundFile):
    """A SoundFile that is read from start to end where seeking harms.

    soundfile seeks after every block to where it stands. An MP3 of variable rate is then decoded
    without the frames before, up to 0.4 off, and a FLAC of unknown length has lost its last block.
    """

    def seekable(self) -> bool:
        is_harmed = self.format == "MP3" or self.frames >= UNKNOWN_FRAMES
        return not is_harmed and super().seekable()


@contextmanager
def open_directly(file: Path | io.BytesIO, max_s: float) -> Iterator[Stream]:
    """Open a sound of at most `max_s` with libsndfile.

    It is given an open file and never a name: it would take the suffix .raw for a statement. Of
    files that were put end to end all are read, in the form of the first one. Raises
    soundfile.LibsndfileError, also between blocks, where it cannot be read, and TooMuchError where
    that takes too long.
    """
    budget = Budget(PROCESSOR_S * max(1.0, max_s / 600))
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        first, *others = found = pieces(opened)
        if not others:
            descriptor = opened.fileno() if isinstance(file, Path) else None
            with _open_one(first, budget, descriptor) as stream:
                yield stream
            return
        headers = [_header(piece, budget) for piece in found]
        rate_hz, n_channels = headers[0].rate_hz, headers[0].n_channels
        lengths = [(one.n_frames, one.n_promised, one.rate_hz) for one in headers]
        is_told = all(n_frames is not None for n_frames, *_ in lengths)
        n_frames = sum(n * rate_hz // rate for n, _, rate in lengths) if is_told else None
        n_promised = sum(n * rate_hz // rate for _, n, rate in lengths) if is_told else None
        blocks = (
            block for piece in found for block in _blocks_as(piece, rate_hz, n_channels, budget)
        )
        yield Stream(rate_hz, n_channels, n_frames, blocks, n_promised, headers[-1].lacks_its_end)


@contextmanager
def _open_one(piece: Slice, budget: Budget, descriptor: int | None = None) -> Iterator[Stream]:
    """Open a piece; by the descriptor of its file, where it is all of that and needs no mending.

    Then libsndfile reads by itself. Where it calls Python for bytes, a Ctrl-C in that moment is
    lost, and what was read ends there.
    """
    refuse_ima_wav(piece)
    share, is_cut = share_there(piece), lacks_its_end(piece)
    with length_told(piece) as told, _opened(told, piece, descriptor) as sound:
        if (sound.format, sound.subtype) in WRONGLY_DECODED:
            raise soundfile.LibsndfileError(UNSUPPORTED)
        n_frames = sound.frames if sound.frames < UNKNOWN_FRAMES else None
        n_promised = n_frames and round(n_frames / share)
        blocks = _soundfile_blocks(sound, budget)
        yield Stream(sound.samplerate, sound.channels, n_frames, blocks, n_promised, is_cut)


def _opened(told: object, piece: Slice, descriptor: int | None) -> _SoundFile:
    if told is not piece or descriptor is None:
        return _SoundFile(told)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return _SoundFile(descriptor, closefd=False)


def _header(piece: Slice, budget: Budget) -> Stream:
    with _open_one(piece, budget) as stream:
        return stream


def _blocks_as(piece: Slice, rate_hz: int, n_channels: int, budget: Budget) -> Iterator[np.ndarray]:
    """Blocks (n, n_channels) of a file, brought to this rate and number of channels."""
    with _open_one(piece, budget) as stream:
        resampler = Resampler(stream.rate_hz, rate_hz, n_channels)
        for block in stream.blocks:
            if stream.n_channels != n_channels:
                block = np.repeat(block.mean(axis=1, keepdims=True), n_channels, axis=1)
            yield resampler.push(block)
        yield resampler.finish()


def _soundfile_blocks(sound: _SoundFile, budget: Budget) -> Iterator[np.ndarray]:
    """All blocks, as far as the budget goes."""
    while True:
        start_s = time.thread_time()
        block = sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
        budget.spend(time.thread_time() - start_s)
        if not len(block):
            return
        yield block


def missing_program() -> str | None:
    """Tell which of ffmpeg and its prober is not installed; None where both are."""
    return next((name for name in ("ffmpeg", "ffprobe") if not shutil.which(name)), None)


@contextmanager
def open_with_ffmpeg(path: Path, demuxer: str, max_s: float) -> Iterator[Stream]:
    """Open with ffmpeg, for at most `max_s` seconds; UnreadableAudioError where it cannot."""
    rate_hz, n_channels, duration_s = _probe(path, demuxer)
    command = _command("ffmpeg", path, demuxer)
    command += ["-map", "0:a:0", "-t", str(max_s), "-f", "f32le"]
    command += ["-ac", str(n_channels), "-ar", str(rate_hz), "pipe:1"]
    if demuxer == "aac":  # which does not tell: ffprobe guesses from the first bit rate
        duration_s = None
    n_frames = None if duration_s is None else round(duration_s * rate_hz)
    counts_bytes = n_frames and demuxer in ("wav", "caf", "mov")  # that are there
    n_promised = round(n_frames / share_there(path)) if counts_bytes else n_frames
    timeout_s = FFMPEG_TIMEOUT_S * max(1.0, max_s / 600)
    with _Child(command, timeout_s) as child:
        blocks = child.float_blocks(n_channels)
        yield Stream(rate_hz, n_channels, n_frames, blocks, n_promised, lacks_its_end(path))


def _command(program: str, path: Path, demuxer: str) -> list[str]:
    command = [program, "-v", "error", "-protocol_whitelist", "file", "-f", demuxer]
    if program == "ffmpeg":
        command[1:1] = ["-nostdin", "-threads", "1"]
    return [*command, "-i", f"file:{path.resolve()}"]


def _probe(path: Path, demuxer: str) -> tuple[int, int, float | None]:
    """Ask ffprobe for rate, channels and (where the container says so) duration in seconds."""
    command = _command("ffprobe", path, demuxer)
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
        raise UnreadableAudioError(DAMAGED) from error


class _Child:
    """A child process for which the reader waits no longer than this, and dead afterwards."""

    def __init__(self, command: list[str], timeout_s: float | None = None):
        self.command = command
        self.timeout_s = self.left_s = FFMPEG_TIMEOUT_S if timeout_s is None else timeout_s
        self.timed_out = False

    def __enter__(self) -> "_Child":
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()

    def _on_deadline(self) -> None:
        self.timed_out = True
        self.process.kill()

    def _read(self, n_bytes: int) -> bytes:
        """As many bytes, or those before the end; what the reader does in between is no waiting."""
        start = time.monotonic()
        timer = threading.Timer(max(0.0, self.left_s), self._on_deadline)
        timer.start()
        try:
            return self.process.stdout.read(n_bytes)
        finally:
            timer.cancel()
            self.left_s -= time.monotonic() - start

    def read_all(self) -> bytes:
        data = self._read(1 << 20)
        self._check_end()
        return data

    def float_blocks(self, n_channels: int) -> Iterator[np.ndarray]:
        """Raw little-endian float32 on standard output -> blocks of (n, n_channels)."""
        n_bytes = BLOCK_FRAMES * n_channels * 4
        while data := self._read(n_bytes):
            whole = len(data) - len(data) % (4 * n_channels)
            yield np.frombuffer(data[:whole], "<f4").reshape(-1, n_channels)
        self._check_end()

    def _check_end(self) -> None:
        status = self.process.wait()
        if self.timed_out:
            raise UnreadableAudioError(
                f"Decoding took over {self.timeout_s:.0f} s and was stopped: please send a "
                "shorter recording, or WAV, FLAC, OGG or MP3."
            )
        if status != 0:
            raise UnreadableAudioError(DAMAGED)
