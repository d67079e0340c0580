"""Who asks, and how much one visitor may ask for: a bucket of calls for each address."""

import ipaddress
import math
import os
import time
from collections import OrderedDict

from starlette.types import ASGIApp, Receive, Scope, Send

from server.limits import CALLS_A_SECOND, CALLS_AT_ONCE, MOST_VISITORS
from server.routes import SOCKETS, door, refused

TOO_MANY = "These are too many requests at a time: please try again in {} s."


class Buckets:
    """Tokens of each visitor: each call takes one, and they come back with time."""

    def __init__(self, at_once: float = CALLS_AT_ONCE, a_second: float = CALLS_A_SECOND):
        self._at_once, self._a_second = at_once, a_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and since when

    def take(self, visitor: str, now_s: float) -> float:
        """Take a token; 0, or how many seconds until there is one again."""
        left, since_s = self._left.pop(visitor, (self._at_once, now_s))
        left = min(self._at_once, left + self._a_second * (now_s - since_s))
        wait_s = 0.0 if left >= 1 else (1 - left) / self._a_second
        self._left[visitor] = (left if wait_s else left - 1, now_s)
        while len(self._left) > MOST_VISITORS:
            self._left.popitem(last=False)  # who asked longest ago
        return wait_s


class Visitors:
    """Answer 429 to a visitor who calls too often. The machine's own user is not counted.

    Whoever comes after this finds the visitor at `visitor` in the state of the request.
    """

    def __init__(self, app: ASGIApp, n_proxies: int, buckets: Buckets | None = None):
        self._app, self._n_proxies = app, n_proxies
        self._buckets = buckets or Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what is no call, and calls while there are tokens."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        visitor = address(scope, self._n_proxies)
        scope = {**scope, "state": {**scope.get("state", {}), "visitor": visitor}}
        if visitor and is_call(scope):
            wait_s = math.ceil(self._buckets.take(visitor, time.monotonic()))
            if wait_s and scope["type"] == "websocket":
                return await send({"type": "websocket.close"})
            if wait_s:
                answer = refused(429, TOO_MANY.format(wait_s), **{"Retry-After": str(wait_s)})
                return await answer(scope, receive, send)
        return await self._app(scope, receive, send)


def is_call(scope: Scope) -> bool:
    """Whether it costs the server work."""
    if scope["type"] == "websocket":
        return scope["path"] in SOCKETS
    at = door(scope["method"], scope["path"]) if scope["type"] == "http" else None
    return at is not None and at.is_call


def address(scope: Scope, n_proxies: int) -> str | None:
    """Who asks; None for the machine itself, which is not counted.

    Each proxy adds to X-Forwarded-For, at its right end, who asked it; `n_proxies` of them are
    trusted. What stands further to the left, the visitor may have written.
    """
    peer = (scope.get("client") or ("127.0.0.1", 0))[0]
    if n_proxies:
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        hops = [hop.strip() for hop in b",".join(lines).decode("latin-1").split(",")]
        peer = hops[-n_proxies] if len(hops) >= n_proxies and hops[-n_proxies] else peer
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return peer[:64]
    if found.is_loopback and not n_proxies:
        return None
    if found.version == 6:  # one line has 2 ** 64 of them
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def trusted_proxies() -> int:
    """How many proxies stand before the app, by SER_PROXIES; on a Space one, else none.

    Raises ValueError with a sentence.
    """
    text = os.environ.get("SER_PROXIES") or str(int("SPACE_ID" in os.environ))
    if not text.isdecimal() or int(text) > 9:
        raise ValueError(f"SER_PROXIES has to be a whole number from 0 to 9, not {text!r}.")
    return int(text)
