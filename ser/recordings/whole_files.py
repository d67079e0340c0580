"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path


class OutputError(ValueError):
    """A file cannot be written; the message says why."""


def check_writable(path: Path, sources: Iterable[str | os.PathLike] = ()) -> None:
    """Raise OutputError where `path` cannot be written, before any work is done for it.

    It may be none of `sources`, the files to read, either.
    """
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder: please name a file.")
        if path.exists() and not path.is_file():  # which a file would take the place of
            raise OutputError(f"{path} is a pipe or a device: please name a file.")
        if not path.parent.is_dir():
            raise OutputError(f"There is no folder {path.parent}: please make it first.")
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be written to: {error.strerror}.") from error
    if path.exists() and any(_is_same(path, source) for source in sources):
        raise OutputError(f"{path} is one of the files to read: please name another output.")


def _is_same(path: Path, source: str | os.PathLike) -> bool:
    try:
        return path.samefile(source)
    except OSError:  # it is not there
        return False


def write_whole(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a file under another name in the same folder, then give it its own.

    Whatever happens on the way, no half of it lies under `path`, and what lay there before stays.
    Raises OutputError where it cannot be written, as on a full disk.
    """
    check_writable(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=".ser-", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        fill(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with line feeds, whole."""
    write_whole(path, lambda temporary: temporary.write_bytes(text.encode()))


def readable(name: str | os.PathLike) -> str:
    """A file's name as UTF-8 can say it; what is not UTF-8 becomes a question mark."""
    return os.fsencode(name).decode("utf-8", "replace")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
