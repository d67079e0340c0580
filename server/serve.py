"""uvicorn, run by us: which address, and a clean end on SIGTERM."""

import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI

from server.limits import FRAME_BYTES, KEEP_ALIVE_S, MAX_CONNECTIONS, STOP_S
from server.patience import PatientProtocol

PORT = 7860  # a Space looks there
HIGHEST_PORT = 65_535


def listen() -> socket.socket:
    """Take the address that GRADIO_SERVER_NAME and GRADIO_SERVER_PORT name, as Gradio does.

    Without them 127.0.0.1 (on a Space 0.0.0.0) and 7860. The next port is tried only where
    GRADIO_NUM_PORTS says how many may be. Raises OSError with a sentence where none can be had.
    """
    name = os.environ.get("GRADIO_SERVER_NAME") or (
        "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
    )
    first = _number("GRADIO_SERVER_PORT", PORT)
    n_ports = _number("GRADIO_NUM_PORTS", 1)
    last = min(first + n_ports - 1, HIGHEST_PORT)
    host = name.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, last + 1):
        with contextlib.suppress(OSError):
            return socket.create_server((host, port), family=family, backlog=2048)
    what = f"Port {first} cannot" if first == last else f"No port from {first} to {last} can"
    raise OSError(
        f"{what} be had at {name}: name another one in "
        "GRADIO_SERVER_PORT, or another address in GRADIO_SERVER_NAME."
    )


def _number(setting: str, default: int) -> int:
    text = os.environ.get(setting) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise OSError(f"{setting} has to be a whole number from 1 to {HIGHEST_PORT}, not {text!r}.")
    return int(text)


def address(listening: socket.socket) -> str:
    """Give the address that a browser on this machine opens."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Ends what would otherwise keep connections open, before uvicorn waits for them."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], Awaitable[None]]):
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody new in, end what goes on, then everything else."""
        for server in self.servers:
            server.close()
        await self._ending()
        await super().shutdown(sockets)


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Answer until SIGTERM or Ctrl+C."""

    async def ending() -> None:
        app.state.page.app.stop_event.set()  # pages keep a stream open that ends only with this
        await app.state.live.close(STOP_S)

    config = uvicorn.Config(
        app,
        log_level="warning",
        http=PatientProtocol,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES,
        timeout_graceful_shutdown=int(STOP_S),
    )
    with contextlib.suppress(KeyboardInterrupt):
        Server(config, ending).run(sockets=[listening])
