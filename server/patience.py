"""The HTTP protocol of uvicorn, with a limit to how long it waits for a client."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.limits import HEAD_S


class PatientProtocol(H11Protocol):
    """Close a connection on which no whole request head comes within `HEAD_S`.

    uvicorn itself waits for ever for the first request, and for a later one from its first byte on.
    It also reads, for as long as it comes, a body that was refused already: the client would not
    see why otherwise. That is bounded in the same way.
    """

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait on, or no longer."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Take up the next request, which may have begun to come."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start the clock where something is awaited and it does not run yet; else stop it."""
        is_ours = self.transport.get_protocol() is self  # not a WebSocket by now
        is_refused = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        is_awaited = self.conn.their_state is h11.IDLE or is_refused
        is_awaited = is_awaited and not self.timeout_keep_alive_task
        if not is_ours or not is_awaited or self.transport.is_closing():
            self._rest()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self.transport.close)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
