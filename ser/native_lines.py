"""What C libraries print on standard error, bounded.

Of a broken MP3, libmpg123 prints a line for each of thousands of frames. What is wrong is told in a
sentence of ours anyway. What Python itself writes is not touched.
"""

import os
import sys
import threading
import time
from typing import BinaryIO

LONGEST = 1000  # bytes of a line
EVERY_S = 60.0


def bound_native_lines(most: int, every_s: float = EVERY_S) -> None:
    """Let at most so many lines through in `every_s` seconds, from now on.

    Nothing happens where standard error is closed, or is caught already, as in tests.
    """
    if sys.stderr is None or sys.stderr is not sys.__stderr__:
        return
    sys.stderr.flush()
    own = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = os.fdopen(own, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    lines = os.fdopen(reading, "rb")
    threading.Thread(target=_pass_on, args=[lines, own, most, every_s], daemon=True).start()


def _pass_on(lines: BinaryIO, own: int, most: int, every_s: float) -> None:
    since_s, n_passed, n_left_out = time.monotonic(), 0, 0
    while line := lines.readline(LONGEST):
        if time.monotonic() - since_s > every_s:
            if n_left_out and most:
                os.write(own, b"(%d more lines of C libraries were left out)\n" % n_left_out)
            since_s, n_passed, n_left_out = time.monotonic(), 0, 0
        if n_passed < most:
            n_passed += 1
            os.write(own, line)
        else:
            n_left_out += 1
