"""/live alone, in a thread of its own, and what a real WebSocket client says to it."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.limits import FRAME_BYTES, LiveLimits
from server.live import Live
from server.visitors import Visitors
from tests.schema import check

RATE_HZ = 16_000
START = {"rate_hz": RATE_HZ, "format": "s16le"}


@contextmanager
def live_server(
    pipeline, limits: LiveLimits | None = None, n_proxies: int = 0
) -> Iterator[tuple[str, Live]]:
    """Give its address and its sessions."""
    app, live = FastAPI(), Live(pipeline, limits)
    app.add_middleware(Visitors, n_proxies=n_proxies)

    @app.websocket("/live")
    async def talk(one: WebSocket) -> None:
        await live.talk(one)

    config = uvicorn.Config(app, log_level="warning", ws_max_size=FRAME_BYTES, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"ws://127.0.0.1:{listening.getsockname()[1]}/live", live
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def int16(samples: np.ndarray) -> np.ndarray:
    return np.round(samples * 32767).astype(np.int16)


def frames(samples: np.ndarray, n: int) -> list[bytes]:
    return [samples[i : i + n].tobytes() for i in range(0, len(samples), n)]


async def begin(connection: ClientConnection, start: dict | str = START) -> dict:
    """Send the first message; the first event."""
    await connection.send(start if isinstance(start, str) else json.dumps(start))
    return await event(connection)


async def event(connection: ClientConnection) -> dict:
    found = json.loads(await asyncio.wait_for(connection.recv(), 30))
    check("event", found)
    return found


async def rest(connection: ClientConnection) -> list[dict]:
    """Every event until the connection is closed."""
    events = []
    try:
        while True:
            events.append(await event(connection))
    except ConnectionClosed:
        return events


async def say(url: str, parts: list[bytes], start: dict = START) -> tuple[list[dict], int]:
    """Send frames and "finish"; every event after "ready", and the code of the close."""
    async with connect(url) as connection:
        assert (await begin(connection, start))["type"] == "ready"
        for part in parts:
            await connection.send(part)
        await connection.send(json.dumps({"type": "finish"}))
        return await rest(connection), connection.close_code
