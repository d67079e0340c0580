"""What visitors send: where it lies and until when. Addresses are refused, the examples' aside."""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from server.limits import MAX_UPLOAD_BYTES, UPLOADS_BYTES
from server.problems import Problem

EXAMPLES_PATH = "/examples/"  # of their addresses on this server
LOG = logging.getLogger(__name__)


class Budget:
    """Refuse an upload before it is sent: one that is too large, or that finds no room left."""

    def __init__(
        self, app: ASGIApp, most_bytes: int = MAX_UPLOAD_BYTES, all_bytes: int = UPLOADS_BYTES
    ):
        self._app, self._most, self._all = app, most_bytes, all_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 or 507 with a sentence; hand on everything else."""
        if scope["type"] == "http" and scope["path"].endswith("/gradio_api/upload"):
            sent = dict(scope["headers"]).get(b"content-length", b"")
            size = int(sent) if sent.isdigit() else 0
            if size > self._most:
                return await _refused(413, "This is too large.")(scope, receive, send)
            if size + await asyncio.to_thread(_stored) > self._all:
                text = "There is no room for it now: please try again in some minutes."
                return await _refused(507, text)(scope, receive, send)
        return await self._app(scope, receive, send)


def _refused(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status, {"Connection": "close"})


def _stored() -> int:
    """Bytes that lie in the folder of uploads."""
    total = 0
    for folder, _, names in os.walk(os.environ.get("GRADIO_TEMP_DIR", "")):
        for name in names:
            with contextlib.suppress(OSError):  # deleted meanwhile
                total += os.stat(os.path.join(folder, name)).st_size
    return total


def folder_of_uploads(delete_age_s: float, sweep_every_s: float) -> Path:
    """Make the folder where Gradio keeps what it is sent, and delete there what is old.

    It is a folder of its own, since everything in it is deleted.
    """
    folder = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir())) / "ser-recordings"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    gr.mcp.DEFAULT_TEMP_DIR = str(folder)  # it was read when Gradio was imported
    threading.Thread(target=_sweep, args=[folder, delete_age_s, sweep_every_s], daemon=True).start()
    return folder


def _sweep(folder: Path, delete_age_s: float, sweep_every_s: float) -> None:
    """Delete old recordings for ever; `delete_cache` alone forgets uploads that were cut off."""
    while True:
        try:
            for path in folder.rglob("*"):
                if path.is_file() and time.time() - path.stat().st_ctime >= delete_age_s:
                    path.unlink()
        except OSError:  # a file that vanished meanwhile, for one; the next sweep comes soon
            LOG.warning("A sweep of the recordings was cut short", exc_info=True)
        time.sleep(sweep_every_s)


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
