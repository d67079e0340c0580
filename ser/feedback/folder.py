"""The folder here in which shared recordings wait: one process's own, with room kept back."""

import contextlib
import fcntl
import io
import os
from pathlib import Path

import numpy as np
import soundfile

from ser.sound.audio import SAMPLE_RATE

RESERVE_BYTES = 1 << 16  # given up where a withdrawal finds no room on the disk


class FolderError(RuntimeError):
    """The folder cannot be used; the message says why."""


class Folder:
    """A folder that is locked until `close`, or until this process ends in any way."""

    def __init__(self, path: Path):
        self.path = path
        self.audio = path / "audio"
        self._lock: int | None = None
        try:
            self.audio.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderError(f"{path} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise FolderError(f"{path} is in use by another process.") from error
        self.keep_reserve()

    def close(self) -> None:
        """Let another process have it; nothing happens the second time."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            self.close()

    def keep_reserve(self) -> None:
        """Take room for hard times, where there is some."""
        path = self.path / "reserve"
        if path.exists() and path.stat().st_size == RESERVE_BYTES:
            return
        try:
            path.write_bytes(os.urandom(RESERVE_BYTES))  # what no disk stores in less room
        except OSError:
            self.give_up_reserve()

    def give_up_reserve(self) -> None:
        """Make that room free."""
        with contextlib.suppress(OSError):
            (self.path / "reserve").unlink(missing_ok=True)

    def delete_sound(self, row: dict) -> None:
        """Delete the sound of a row, if it is still here."""
        if "file_name" in row:
            (self.audio / row["file_name"]).unlink(missing_ok=True)


def as_flac(waveform: np.ndarray) -> bytes:
    """Encode in 16 bits; what a float file held beyond full scale is scaled down, not cut off."""
    waveform = waveform / max(1.0, float(np.abs(waveform).max()))
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
