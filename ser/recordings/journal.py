"""What a folder run has done so far, beside its output: a line a file, so that it can be killed."""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ser.recordings.rows import Row
from ser.recordings.whole_files import OutputError

VERSION = 2  # 1 had no arousal and valence


def mark(file: str) -> list[int]:
    """Size and time of a file: another one under the same name is another file."""
    try:
        found = os.stat(file)
    except OSError:
        return [-1, 0]
    return [found.st_size, found.st_mtime_ns]


class Journal:
    """The journal of the output `path`, kept under the name `path` + ".journal".

    `run` says what the rows depend on, such as the model. Raises OutputError where a journal lies
    there that another run writes just now, or that depends on something else.
    """

    def __init__(self, path: Path, run: dict):
        self.path = path.with_name(f"{path.name}.journal")
        self.rows: dict[str, Row] = {}
        self._marks: dict[str, list[int]] = {}  # of files that have been begun
        while not self._open():
            self.close()
        try:
            self._read({"version": VERSION, **run})
        except BaseException:
            self.close()
            raise

    def _open(self) -> bool:
        """Open the file for this run alone; False if another run took it away meanwhile."""
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise OutputError(f"Another run is using {self.path} just now.") from error
            raise OutputError(f"{self.path} cannot be locked: {error.strerror}.") from error
        return self._is_there()

    def _is_there(self) -> bool:
        """Whether the file that is open is still the one of that name."""
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _read(self, run: dict) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1  # a run that was killed may have written half a line
        if whole < len(data):
            os.ftruncate(self._file, whole)
        lines = data[:whole].splitlines()
        if not lines:
            self._write(run)
            return
        try:
            head, *entries = [json.loads(line, object_hook=_unpacked) for line in lines]
            found = {file: (row, stamp) for file, stamp, row in entries}
        except (ValueError, TypeError) as error:
            raise OutputError(f"{self.path} is no journal of a run: please remove it.") from error
        if head != run:
            raise OutputError(
                f"{self.path} belongs to a run with another model or other options: please remove "
                "it to begin anew, or name another output."
            )
        for file, (row, stamp) in found.items():
            if stamp == mark(file):
                self.rows[file] = row

    def begun(self, files: Iterable[str]) -> Iterator[str]:
        """Hand files on to be judged; one that changes from now on is another one."""
        for file in files:
            self._marks[file] = mark(file)
            yield file

    def add(self, file: str, row: Row) -> None:
        """Write down a row; it is there when this returns, whoever kills the process then."""
        self._write([file, self._marks.pop(file, None) or mark(file), row])
        self.rows[file] = row

    def _write(self, entry) -> None:
        line = memoryview(json.dumps(entry, default=_packed).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from error

    def close(self) -> None:
        """Let others write it."""
        os.close(self._file)

    def remove(self) -> None:
        """Take it away, when the output is there."""
        if self._is_there():  # nobody has put another in its place
            self.path.unlink()
        self.close()


def _packed(value: object) -> dict[str, str]:
    """A vector as JSON holds it in few bytes, little-endian float32 in base64."""
    return {"float32": b64encode(np.asarray(value, "<f4").tobytes()).decode()}


def _unpacked(found: dict) -> dict | np.ndarray:
    return np.frombuffer(b64decode(found["float32"]), "<f4") if set(found) == {"float32"} else found
