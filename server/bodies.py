"""What is sent along with a request: so much, within a time, and as there is room for it."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.limits import (
    BODY_PATIENCE_S,
    FREE_BYTES,
    SLOWEST_BYTES_S,
    UPLOADS_BYTES,
)
from server.routes import door, refused

UPLOAD = "/gradio_api/upload"


class _RefusedError(Exception):
    """Too much was sent, or too slowly."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.answer = refused(status, sentence)


class Bodies:
    """Bound every body by the door at which it comes in, also one that does not tell its size.

    `stored` gives the bytes of all visitors' files, and the folder where they lie.
    """

    def __init__(
        self,
        app: ASGIApp,
        stored: Callable[[], tuple[int, Path]],
        all_bytes: int = UPLOADS_BYTES,
        patience_s: float = BODY_PATIENCE_S,
    ):
        self._app, self._stored = app, stored
        self._all, self._patience_s = all_bytes, patience_s
        self._promised = 0  # bytes of the uploads that go on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, 408 or 507 with a sentence; hand on everything else."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        at = door(scope["method"], scope["path"])
        most = at.body_bytes if at else 0
        told = dict(scope["headers"]).get(b"content-length", b"")
        size = int(told) if told.isdigit() else None
        if (size or 0) > most:
            return await _too_large(most)(scope, receive, send)
        if scope["path"] != UPLOAD:
            return await self._bounded(most, scope, receive, send)
        size = most if size is None else size
        if not await asyncio.to_thread(self._has_room, size):
            text = "There is no room for it now: please try again in some minutes."
            return await refused(507, text)(scope, receive, send)
        self._promised += size
        try:
            return await self._bounded(most, scope, receive, send)
        finally:
            self._promised -= size

    def _has_room(self, size: int) -> bool:
        lying, folder = self._stored()
        free = shutil.disk_usage(folder).free - FREE_BYTES
        return lying + self._promised + size <= self._all and self._promised + size <= free

    async def _bounded(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        began_s, n_bytes = time.monotonic(), 0
        is_read = is_answered = False
        refusal: _RefusedError | None = None

        async def read() -> Message:
            nonlocal n_bytes, is_read, refusal
            if is_read:
                return await receive()  # which waits until the client is gone
            try:
                async with asyncio.timeout(self._patience_s):
                    message = await receive()
            except TimeoutError:
                refusal = _RefusedError(408, _SLOW)
                raise refusal from None
            n_bytes += len(message.get("body", b""))
            is_read = not message.get("more_body", False)
            if n_bytes > most:
                refusal = _RefusedError(413, _LARGE.format(_megabytes(most)))
            elif not is_read and n_bytes < self._least(time.monotonic() - began_s):
                refusal = _RefusedError(408, _SLOW)
            if refusal:
                raise refusal
            return message

        async def answer(message: Message) -> None:
            nonlocal is_answered
            if refusal and not is_answered:
                return  # what the app makes of it; ours follows
            is_answered = True
            await send(message)

        try:
            await self._app(scope, read, answer)
        except Exception:
            if refusal is None or is_answered:
                raise
        if refusal and not is_answered:
            await refusal.answer(scope, receive, send)

    def _least(self, elapsed_s: float) -> float:
        """Bytes that have to be there after so long."""
        return SLOWEST_BYTES_S * (elapsed_s - self._patience_s)


_SLOW = "It did not arrive in time: please try again over a better connection."
_LARGE = "This is too large: at most {} are taken here."


def _too_large(most: int) -> JSONResponse:
    return refused(413, _LARGE.format(_megabytes(most)))


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes >> 20} MB" if n_bytes else "0 bytes"
