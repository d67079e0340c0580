"""How far a command has come, on standard error: one line on a terminal, else one every 10 s."""

import sys
import time

from ser.cli.shared import note
from ser.recordings.reading import clock

EVERY_S, EVERY_S_IN_A_FILE = 0.2, 10.0
STEADY_S = 1.0  # after which the time left is told


class Progress:
    """Counts up to `total` (None: unknown) in a unit that `text` names, such as "files"."""

    def __init__(self, is_quiet: bool, done: float = 0.0):
        self._is_quiet, self._first = is_quiet, done
        self._is_terminal = sys.stderr.isatty()
        self._start = self._last = time.monotonic()

    def left_s(self, done: float, total: float | None) -> float | None:
        """Seconds left at the speed so far; None while nobody knows."""
        spent = time.monotonic() - self._start
        if total is None or done <= self._first or spent < STEADY_S:
            return None
        return spent * max(0.0, total - done) / (done - self._first)

    def rate(self, done: float) -> float:
        """How much is done a second."""
        return (done - self._first) / max(time.monotonic() - self._start, 1e-9)

    def tell(self, text: str, done: float, total: float | None) -> None:
        """Say where it stands, now and then."""
        now = time.monotonic()
        if self._is_quiet or now - self._last < (
            EVERY_S if self._is_terminal else EVERY_S_IN_A_FILE
        ):
            return
        self._last = now
        left_s = self.left_s(done, total)
        line = text if left_s is None else f"{text}, {clock(left_s)} left"
        print(f"\r\033[K{line}" if self._is_terminal else line, end="", file=sys.stderr)
        print(end="" if self._is_terminal else "\n", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._is_terminal and not self._is_quiet:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class FilesProgress:
    """Tells of many files, of which some were done before."""

    def __init__(self, is_quiet: bool):
        self._is_quiet = is_quiet
        self._progress: Progress | None = None

    def tell(self, n_done: int, n_files: int) -> None:
        """Say where it stands, now and then; the first time, what was done before."""
        if self._progress is None:
            self._progress = Progress(self._is_quiet, n_done)
            if n_done and not self._is_quiet:
                note(f"{n_done} of {n_files} files were done before")
        text = f"{n_done} of {n_files} files, {self._progress.rate(n_done):.1f} a second"
        self._progress.tell(text, n_done, n_files)

    def end(self) -> None:
        """Clear the line."""
        if self._progress:
            self._progress.end()
