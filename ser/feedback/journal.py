"""An append-only file of JSON lines that survives a process killed between two writes."""

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path


class JournalError(ValueError):
    """A line of a journal is damaged; the message says which."""


class Journal:
    """Events on disk, in order; `append` returns only once the disk has them."""

    def __init__(self, path: Path):
        self.path = path
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._cut_torn_line()

    def read(self) -> list[dict]:
        """Every event so far; JournalError where a line is none."""
        return [
            _event(line, f"{self.path}, line {number}")
            for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], start=1)
        ]

    def append(self, event: dict) -> None:
        """Add one event and wait for the disk; where that fails, the file is as it was."""
        with self.lock:
            n_bytes = self.path.stat().st_size
            try:
                with self.path.open("ab") as file:
                    file.write(_line(event))
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                os.truncate(self.path, n_bytes)
                raise

    def rewrite(self, events: Iterable[dict]) -> None:
        """Replace everything, whole or not at all."""
        with self.lock:
            write_durably(self.path, b"".join(map(_line, events)))

    def _cut_torn_line(self) -> None:
        """Drop a last line that was being written when the process died; a full disk allows it."""
        data = self.path.read_bytes()
        n_whole = data.rfind(b"\n") + 1
        if n_whole < len(data):
            os.truncate(self.path, n_whole)


def _line(event: dict) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _event(line: bytes, place: str) -> dict:
    try:
        event = json.loads(line)
    except ValueError as error:
        raise JournalError(f"{place} is damaged.") from error
    if not isinstance(event, dict):
        raise JournalError(f"{place} is no event.")
    return event


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and wait for the disk."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
