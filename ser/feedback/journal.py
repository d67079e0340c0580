"""An append-only file of JSON lines that survives a process killed between two writes."""

import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path


class Journal:
    """Events on disk, in order; `append` returns only once the disk has them."""

    def __init__(self, path: Path):
        self.path = path
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._cut_torn_line()

    def read(self) -> list[dict]:
        """Every event so far."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]

    def append(self, event: dict) -> None:
        """Add one event and wait for the disk; where that fails, the file is as it was."""
        with self.lock:
            n_bytes = self.path.stat().st_size
            try:
                with self.path.open("ab") as file:
                    file.write(json.dumps(event).encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                os.truncate(self.path, n_bytes)
                raise

    def rewrite(self, events: Iterable[dict]) -> None:
        """Replace everything, whole or not at all."""
        with self.lock:
            text = b"".join(json.dumps(event).encode() + b"\n" for event in events)
            write_durably(self.path, text)

    def _cut_torn_line(self) -> None:
        """Drop a last line that was being written when the process died."""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            write_durably(self.path, whole)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and wait for the disk."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
