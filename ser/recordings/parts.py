"""A folder of Parquet parts, here or in a store: each whole or not there, each file in one."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ser.recordings.labels.tables import check_parquet, write_parquet
from ser.recordings.rows import Row
from ser.recordings.stores import Found, StoreError, is_address, opened, tried
from ser.recordings.whole_files import OutputError, write_whole

if TYPE_CHECKING:
    import pyarrow

VERSION = 1
RUN = "_run.json"  # readers of Parquet folders leave out what begins with _
COUNTED = ["file", "label", "duration_s", "error"]


@dataclass
class Tally:
    """The files that parts hold, and what became of those that are wanted."""

    wanted: Collection[str] = ()
    files: set[str] = field(default_factory=set)
    n_judged: int = 0
    n_silent: int = 0  # in which nobody speaks
    n_errors: int = 0
    audio_s: float = 0.0
    new_audio_s: float = 0.0  # of it, what this run heard

    def add(self, rows: Iterable[Row]) -> None:
        """Count the rows of a part; a file has one, or one an utterance, all in the same part."""
        found: dict[str, tuple[bool, bool, float]] = {}
        for row in rows:
            has_label, has_error, _ = found.get(row["file"], (False, False, 0.0))
            has_label, has_error = has_label or bool(row["label"]), has_error or bool(row["error"])
            found[row["file"]] = has_label, has_error, row["duration_s"] or 0.0
        self.files |= set(found)
        for file, (has_label, has_error, seconds) in found.items():
            if file in self.wanted:
                self.n_errors += has_error
                self.n_judged += has_label and not has_error
                self.n_silent += not has_label and not has_error
                self.audio_s += seconds


class Parts:
    """The parts below `out`, a folder or an address. Raises OutputError where that cannot be."""

    def __init__(self, out: str):
        check_parquet()
        self.out = out.rstrip("/")
        self._is_local = not is_address(out)
        try:
            self._store, self._root = opened(out)
        except StoreError as error:
            raise OutputError(str(error)) from error

    def claim(self, run: dict) -> None:
        """Say what the rows depend on, or find it said; OutputError where that differs."""
        run = {"version": VERSION, **run}
        if self._is_local:
            self._make_folder()
        names = self._names()
        if RUN in names:
            found = self._get(RUN)
            try:
                is_same = json.loads(found) == json.loads(json.dumps(run))
            except ValueError as error:
                raise OutputError(f"{self.out}/{RUN} cannot be read: please remove it.") from error
            if not is_same:
                raise OutputError(
                    f"{self.out} belongs to a run with another model or other options: please name "
                    "another output."
                )
        elif any(name.endswith(".parquet") for name in names):
            raise OutputError(f"{self.out} holds other tables: please name another output.")
        else:
            self._put(RUN, json.dumps(run, indent=1).encode())

    def check_claimed(self) -> None:
        """Raise OutputError where `claim` is not seen, as on a node that has another disk."""
        if RUN not in self._names():
            raise OutputError(
                f"{self.out} is not the folder of this run: please name one that all nodes share, "
                "or an address."
            )

    def names(self) -> list[str]:
        """The names of the parts that are there."""
        return [name for name in self._names() if name.endswith(".parquet")]

    def write(self, files: Iterable[str], rows: list[Row], columns: list[str], size: int) -> None:
        """Write the rows of some files as one part; a second time it takes the first one's place.

        `size` is that of an embedding, 0 without.
        """
        buffer = io.BytesIO()
        write_parquet({name: [row.get(name) for row in rows] for name in columns}, buffer, size)
        self._put(part_name(files), buffer.getvalue())

    def tally(self, wanted: Collection[str], again: bool = False) -> Tally:
        """Count what is there of `wanted`, and see to it that each file is in one part alone.

        A worker that was taken for dead may have written what another one did, too: rows of a file
        that is in an earlier part are taken out. With `again`, so are those with an error.
        """
        tally = Tally(wanted)
        for name in self.names():
            rows = self._read(name, COUNTED).to_pylist()
            failed = {row["file"] for row in rows if again and row["error"]}
            leave = failed | {row["file"] for row in rows if row["file"] in tally.files}
            if leave:
                self._take_out(name, leave)
            tally.add(row for row in rows if row["file"] not in leave)
        return tally

    def _take_out(self, name: str, files: set[str]) -> None:
        import pyarrow.parquet

        table = self._read(name)
        left = table.filter([file not in files for file in table["file"].to_pylist()])
        if not len(left):
            self._ask(name, lambda: self._store.rm_file(self._path(name)))
            return
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(left, buffer)
        self._put(name, buffer.getvalue())

    def _read(self, name: str, columns: list[str] | None = None) -> "pyarrow.Table":
        import pyarrow.parquet

        try:  # by this thread alone: others may hold the bytes when Python ends, which aborts it
            file = pyarrow.parquet.ParquetFile(io.BytesIO(self._get(name)))
            return file.read(columns=columns, use_threads=False)
        except (pyarrow.ArrowException, OSError) as error:
            raise OutputError(
                f"{self.out}/{name} is no part of this run: please remove it; its files will be "
                "judged again."
            ) from error

    def _names(self) -> list[str]:
        def ask() -> list[str]:
            self._store.invalidate_cache()
            return self._store.ls(self._root, detail=False) if self._exists() else []

        return sorted(path.rsplit("/", 1)[-1] for path in self._ask("", ask))

    def _exists(self) -> bool:
        return self._is_local or self._store.exists(self._root)

    def _get(self, name: str) -> bytes:
        return self._ask(name, lambda: self._store.cat_file(self._path(name)))

    def _put(self, name: str, data: bytes) -> None:
        """Write whole or not at all: on a disk by renaming, in a store by one request."""
        if self._is_local:
            write_whole(Path(self.out) / name, lambda temporary: temporary.write_bytes(data))
        else:
            self._ask(name, lambda: self._store.pipe_file(self._path(name), data))

    def _ask(self, name: str, ask: Callable[[], Found]) -> Found:
        try:
            return tried(f"{self.out}/{name}", ask)
        except StoreError as error:
            raise OutputError(str(error)) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _make_folder(self) -> None:
        try:
            os.makedirs(self.out, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.out} cannot be a folder: {error.strerror}.") from error


def part_name(files: Iterable[str]) -> str:
    """The name of the part with these files: told by their names alone, whoever writes it."""
    digest = hashlib.sha256(b"\0".join(os.fsencode(file) for file in files)).hexdigest()
    return f"part-{digest[:16]}.parquet"


def in_batches(files: list[str], size: int) -> Iterator[list[str]]:
    """Some files at a time, in their order."""
    return (files[start : start + size] for start in range(0, len(files), size))
