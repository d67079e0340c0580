"""Standard error: what C libraries print there is bounded, and no secret is written.

Of a broken MP3, libmpg123 prints a line for each of thousands of frames. What is wrong is told in a
sentence of ours anyway. Of what Python itself writes all is kept, but for tokens and signatures,
which errors of other libraries may hold.
"""

import io
import os
import re
import sys
import threading
import time
from typing import BinaryIO

LONGEST = 1000  # bytes of a line
EVERY_S = 60.0
SECRETS = re.compile(
    r"hf_[A-Za-z0-9]{6,}|(?<=Bearer )[^\s'\"]+|"
    r"(?<=Signature=)[^&\s'\"]+|(?<=Security-Token=)[^&\s'\"]+|(?<=Credential=)[^&\s'\"]+"
)


def without_secrets(text: str) -> str:
    """The same with stars for the Hub's tokens, and what makes an address of a store a key."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := os.environ.get(name, "").strip():
            text = text.replace(token, "***")
    return SECRETS.sub("***", text)


class _Log(io.TextIOWrapper):
    """A text file without secrets."""

    def write(self, text: str) -> int:
        super().write(without_secrets(text))
        return len(text)


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
    file = os.fdopen(own, "wb")
    sys.stderr = _Log(file, encoding="utf-8", errors="backslashreplace", line_buffering=True)
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
            os.write(own, without_secrets(line.decode("utf-8", "backslashreplace")).encode())
        else:
            n_left_out += 1
