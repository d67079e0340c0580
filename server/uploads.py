"""What visitors send: where it lies and until when. Addresses are refused, the examples' aside."""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr

from ser.process import give_memory_back
from server.problems import Problem

EXAMPLES_PATH = "/examples/"  # of their addresses on this server
LOG = logging.getLogger(__name__)


def stored() -> tuple[int, Path]:
    """How many bytes lie in the folder of uploads, and that folder."""
    top, total = os.environ.get("GRADIO_TEMP_DIR", ""), 0
    for folder, _, names in os.walk(top):
        for name in names:
            with contextlib.suppress(OSError):  # deleted meanwhile
                total += os.stat(os.path.join(folder, name)).st_size
    return total, Path(top or tempfile.gettempdir())


def folder_of_uploads(delete_age_s: float, sweep_every_s: float) -> Path:
    """Make the folder where Gradio keeps what it is sent, and delete there what is old.

    It is a folder of its own, since everything in it is deleted.
    """
    top = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
    top.mkdir(parents=True, exist_ok=True)
    folder = own_folder(top)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    gr.mcp.DEFAULT_TEMP_DIR = str(folder)  # it was read when Gradio was imported
    threading.Thread(target=_sweep, args=[folder, delete_age_s, sweep_every_s], daemon=True).start()
    return folder


def own_folder(top: Path) -> Path:
    """A folder in `top` that nobody else can read: voices lie in it.

    In a shared `top` its name may be taken by another user; then it has this user's number in it.
    """
    for name in ("ser-recordings", f"ser-recordings-{os.getuid()}"):
        folder = top / name
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            folder.chmod(0o700)  # one of an earlier version let others in
            return folder
    return Path(tempfile.mkdtemp(prefix="ser-recordings-", dir=top))


def _sweep(folder: Path, delete_age_s: float, sweep_every_s: float) -> None:
    """Delete old recordings for ever, and give back memory that they took.

    `delete_cache` alone forgets what a process that was killed left behind.
    """
    sweep = Sweep(folder, delete_age_s)
    while True:
        try:
            sweep.once()
        except OSError:  # a file that vanished meanwhile, for one; the next sweep comes soon
            LOG.warning("A sweep of the recordings was cut short", exc_info=True)
        give_memory_back()
        time.sleep(sweep_every_s)


class Sweep:
    """Deletes recordings of an age, also where somebody sets the clock.

    How old those are that were there at the start, only the clock tells. Later ones are known since
    the sweep that saw them first.
    """

    def __init__(self, folder: Path, delete_age_s: float):
        self._folder, self._delete_age_s = folder, delete_age_s
        self._since: dict[tuple[Path, int], float] = {}  # by file and its last change
        self._is_first = True

    def once(self) -> None:
        """Look at every file, delete the old ones."""
        now_s, here = time.monotonic(), {}
        for path in self._folder.rglob("*"):
            if path.is_file():
                changed = path.stat()
                known = (path, changed.st_ctime_ns)
                age_s = max(0.0, time.time() - changed.st_ctime) if self._is_first else 0.0
                since_s = self._since.setdefault(known, now_s - age_s)
                if now_s - since_s >= self._delete_age_s:
                    path.unlink()
                else:
                    here[known] = since_s
        self._since, self._is_first = here, False


def examples(folder: Path) -> dict[str, Path]:
    """The sounds that have an address here, by their name in it."""
    return {path.name: path for path in sorted(folder.glob("*.flac"))}


def example_address(here: str, sounds: Mapping[str, Path]) -> str:
    """Give the address of the first example: on a Space the public one, else as seen from here."""
    space = os.environ.get("SPACE_HOST")
    return (f"https://{space}" if space else here) + EXAMPLES_PATH + next(iter(sounds))


def fetch_nothing(known: Mapping[str, Path]) -> None:
    """Put this in the place of Gradio's download, which fetches any address whole into memory.

    The address of an example gets a copy of its file; whatever else is refused by a gr.Error.
    Nothing is ever fetched.
    """

    async def instead_of_a_download(url: str, cache_dir: str) -> str:
        found = re.fullmatch(rf"(?:/.*)?{EXAMPLES_PATH}([^/]+)", urlsplit(url).path)
        if not found or found[1] not in known:
            raise Problem("address", "Please send the sound itself, not its address.").told()
        return await asyncio.to_thread(_copy, known[found[1]], Path(cache_dir))

    gr.processing_utils.async_ssrf_protected_download = instead_of_a_download


def run_no_ffprobe() -> None:
    """Keep Gradio from asking ffprobe about each example; without it the start would fail.

    Browsers play FLAC.
    """
    gr.processing_utils.audio_is_playable = lambda path: True


def _copy(path: Path, folder: Path) -> str:
    """Give a file that may be deleted, under the same name."""
    folder.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=folder))
    return str(shutil.copyfile(path, own / path.name))
