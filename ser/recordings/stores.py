"""Files that lie elsewhere: found below an address, listed in a table, fetched to be heard.

An address is what fsspec understands, such as `s3://bucket/prefix` or `hf://datasets/user/name`.
"""

import csv
import os
import re
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from ser.recordings.folder import SUFFIXES
from ser.recordings.labels.tables import check_parquet
from ser.recordings.whole_files import OutputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
PATH_COLUMNS = ("file", "path", "audio", "filename", "url")
N_TRIES = 3
N_AHEAD = 4  # files on their way while one is judged
WAIT_S = 0.5  # before the second try, twice as long before each later one
MOST_BYTES = 8 << 30  # of a file: three hours of two channels at 96 kHz and 32 bits are as many
FINAL = (PermissionError, IsADirectoryError)  # waiting changes nothing

Found = TypeVar("Found")


class StoreError(OSError):
    """A store did not give what it was asked for; the message says what and how often."""


def is_address(name: str) -> bool:
    """Whether a name is none on this machine."""
    return bool(ADDRESS.match(name))


def opened(address: str) -> tuple["AbstractFileSystem", str]:
    """The store of an address, and the path there; StoreError where nobody can open such."""
    try:
        import fsspec

        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:  # a protocol without its package, or without any
        raise StoreError(f"{address}: {one_line(error)}") from error


def tried(address: str, ask: Callable[[], Found]) -> Found:
    """Ask a store, again after a while if it fails; StoreError when it keeps failing."""
    for n_tries in range(1, N_TRIES + 1):
        try:
            return ask()
        except StoreError:
            raise
        except FileNotFoundError as error:
            raise StoreError(f"{address}: There is no such file.") from error
        except FINAL as error:
            raise StoreError(f"{address}: {one_line(error)}") from error
        except Exception as error:  # each store has its own kinds
            if n_tries == N_TRIES:
                told = f"{address}: the store failed {N_TRIES} times: {one_line(error)}"
                raise StoreError(told) from error
        time.sleep(WAIT_S * 2 ** (n_tries - 1))
    raise AssertionError


def one_line(error: Exception) -> str:
    """What an error says, without line breaks."""
    told = getattr(error, "strerror", None) or str(error)
    return " ".join(told.split()) or type(error).__name__


def sounds_below(address: str) -> list[str]:
    """Addresses of the sounds below one, or itself where it is a sound; hidden ones are left out.

    Raises StoreError.
    """
    store, path = opened(address)
    below = tried(address, lambda: store.find(path))
    return sorted(store.unstrip_protocol(name) for name in below if _is_sound(name, path))


def _is_sound(name: str, root: str) -> bool:
    hidden = any(part.startswith(".") for part in name.removeprefix(root).split("/"))
    return not hidden and os.path.splitext(name)[1].lower() in SUFFIXES


@contextmanager
def fetched(name: str) -> Iterator[str]:
    """A path with what a name stands for, while it is needed; StoreError where it cannot be had."""
    if not is_address(name):
        yield name
        return
    store, path = opened(name)

    def fetch() -> None:
        size = store.info(path).get("size") or 0
        if size > MOST_BYTES:
            raise StoreError(f"{name}: {size:,} bytes are more than a recording may have.")
        store.get_file(path, local)

    with tempfile.TemporaryDirectory(prefix="ser-") as folder:
        local = os.path.join(folder, "sound")
        tried(name, fetch)
        yield local


def fetched_ahead(names: Iterable[str]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each name with what gives its path or raises StoreError, as `fetched` does.

    The next few are on their way meanwhile. A path is good until the next name.
    """
    coming: deque[tuple[str, Future[str], ExitStack]] = deque()
    with ThreadPoolExecutor(N_AHEAD) as pool:

        def given() -> Iterator[tuple[str, Callable[[], str]]]:
            name, path, stack = coming.popleft()
            with stack:
                yield name, path.result

        for name in names:
            stack = ExitStack()
            path = pool.submit(stack.enter_context, fetched(name))
            coming.append((name, path, stack))
            if len(coming) > N_AHEAD:
                yield from given()
        while coming:
            yield from given()


def names_in_table(table: str, column: str | None = None) -> Iterator[str]:
    """Names in a column of a .csv, .tsv or .parquet, on this machine or at an address.

    Without `column`, the first of `PATH_COLUMNS` that is there. A cell that names nothing comes out
    as what it is, so that it is missed later on. Raises StoreError, or OutputError without pyarrow.
    """
    store, path = opened(table)
    is_parquet = os.path.splitext(path)[1].lower() == ".parquet"
    cells = _parquet_cells if is_parquet else _csv_cells
    try:
        for number, cell in enumerate(cells(store, path, table, column), 1):
            yield cell or f"{table}: row {number} names no file"
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, StoreError | OutputError):
            raise
        raise StoreError(f"{table} cannot be read as a table: {one_line(error)}") from error


def _csv_cells(
    store: "AbstractFileSystem", path: str, table: str, column: str | None
) -> Iterator[str]:
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    options = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    with tried(table, lambda: store.open(path, "rt", **options)) as file:
        rows = csv.reader(file, delimiter=delimiter)
        index = _column(next(rows, []), table, column)
        for row in rows:
            if row:  # a blank line is none
                yield row[index].strip() if index < len(row) else ""


def _parquet_cells(
    store: "AbstractFileSystem", path: str, table: str, column: str | None
) -> Iterator[str]:
    check_parquet()
    import pyarrow.parquet

    with tried(table, lambda: store.open(path, "rb")) as file:
        parquet = pyarrow.parquet.ParquetFile(file)
        names = parquet.schema_arrow.names
        chosen = names[_column(names, table, column)]
        for batch in parquet.iter_batches(columns=[chosen], use_threads=False):
            for cell in batch.column(0).to_pylist():
                if not isinstance(cell, str | None):
                    raise StoreError(
                        f"{table}: the column {chosen} holds no names, but {type(cell).__name__}."
                    )
                yield cell or ""


def _column(names: list[str], table: str, column: str | None) -> int:
    for wanted in [column] if column else PATH_COLUMNS:
        if wanted in names:
            return names.index(wanted)
    wanted = f"column {column}" if column else f"column {', '.join(PATH_COLUMNS)}"
    raise StoreError(f"{table} has no {wanted}; it has {', '.join(names) or 'none'}.")
