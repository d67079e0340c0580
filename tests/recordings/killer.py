"""A judge that a file kills: for processes that find it by its name."""

import os
import signal

from ser.recordings.rows import Row, judge_here


def judge(file: str) -> Row:
    """Judge, or die as a decoder does that a malicious file has taken over."""
    if "killer" in file:
        os.kill(os.getpid(), signal.SIGKILL)
    return judge_here(file)
