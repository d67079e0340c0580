"""Stopping what goes on for one visit, or still waits for its turn.

What goes on ends by itself and says what it leaves. Gradio's `cancels` would not do: what had been
said before may arrive after it, and stay; and it may hit what the visitor asks next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


class Stops:
    """Which visits want what they asked for to stop."""

    def __init__(self):
        self._going: dict[str, Event] = {}
        self._dropped: set[str] = set()  # visits that no longer want what waits for its turn

    @contextmanager
    def going(self, visit: str) -> Iterator[Event]:
        """While something goes on for a visit: set once it is to stop, maybe from the start."""
        stop = self._going[visit] = Event()
        if visit in self._dropped:
            self._dropped.discard(visit)
            stop.set()
        try:
            yield stop
        finally:
            self._going.pop(visit, None)

    def stop(self, visit: str) -> None:
        """Stop what goes on, or else what comes next."""
        if visit in self._going:
            self._going[visit].set()
        else:
            self._dropped.add(visit)
