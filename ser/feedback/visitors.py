"""How often each visitor has done something in the last hour: counted, in memory, and not known."""

import hashlib
import secrets
import time
from collections import deque

HOUR_S = 3600.0


class Visitors:
    """Times of the last hour by visitor, on a clock that nobody sets."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._times: dict[bytes, deque[float]] = {}

    def times(self, visitor: str) -> deque[float]:
        """Those of one visitor; `count` adds to them."""
        oldest = time.monotonic() - HOUR_S
        self._times = {key: times for key, times in self._times.items() if times[-1] > oldest}
        times = self._times.get(self._key(visitor), deque())
        while times and times[0] <= oldest:
            times.popleft()
        return times

    def count(self, visitor: str) -> None:
        """Add one, now."""
        self._times.setdefault(self._key(visitor), deque()).append(time.monotonic())

    def _key(self, visitor: str) -> bytes:
        return hashlib.sha256(self._salt + visitor.encode()).digest()
