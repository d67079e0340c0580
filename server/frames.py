"""What a client of /live sends: its first message, frames of sound, and two commands.

Whatever is wrong with a frame is known before it is taken: one bad frame costs nothing else.
"""

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ser.sound.sources import are_finite
from server.limits import RATES_HZ, LiveLimits
from server.problems import Problem, ProblemError, chosen

FORMATS = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
AT_ONCE_S = 0.5  # of waiting sound is handed on together
EXAMPLE = '{"rate_hz": 16000, "format": "s16le"}'


@dataclass(frozen=True)
class Start:
    """How the frames are to be read."""

    rate_hz: int
    format: str
    emotions: tuple[str, ...] | None = None  # to judge among; None: all

    @property
    def dtype(self) -> np.dtype:
        """Of a sample."""
        return FORMATS[self.format]


class RefusedError(Exception):
    """A frame that is not heard, by its number, or a message (None); the session goes on."""

    def __init__(self, number: int | None, code: str, message: str):
        super().__init__(message)
        self.number, self.problem = number, Problem(code, message)

    def to_dict(self) -> dict:
        """The event that tells the client."""
        return {"type": "refused", "frame": self.number, "error": self.problem.to_dict()}


def read_start(text: str | None) -> Start | Problem:
    """Read the first message, or say what is wrong with it."""
    sent = _object(text)
    if sent is None:
        return Problem("bad_start", f"The first message has to be JSON, such as {EXAMPLE}.")
    rate_hz, form = sent.get("rate_hz"), sent.get("format")
    if type(rate_hz) is not int or rate_hz not in RATES_HZ:
        return Problem(
            "unsupported_rate",
            f"rate_hz has to be a whole number from {RATES_HZ[0]} to {RATES_HZ[-1]}.",
        )
    if not isinstance(form, str) or form not in FORMATS:
        return Problem("unsupported_format", f"format has to be one of {', '.join(FORMATS)}.")
    try:
        return Start(rate_hz, form, chosen(sent.get("emotions")))
    except ProblemError as error:
        return error.problem


def command(text: str | None) -> str:
    """Read a message between frames, "finish" or "reset"; raise RefusedError for any other."""
    kind = (_object(text) or {}).get("type")
    if kind not in ("finish", "reset"):
        raise RefusedError(
            None, "bad_message", 'Between frames only {"type": "finish"} and {"type": "reset"} go.'
        )
    return kind


def _object(text: str | None) -> dict | None:
    """A JSON object, None for anything else."""
    try:
        sent = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


class Sound(NamedTuple):
    """Samples (n,) that were taken together, and how late they are; or a mark to begin anew."""

    samples: np.ndarray
    late_s: float
    is_reset: bool = False


class Inbox:
    """The frames of one session that wait to be judged; never more than its limits allow."""

    def __init__(self, start: Start, limits: LiveLimits):
        self._start, self._limits = start, limits
        self._began_s = time.monotonic()
        self._waiting: deque[tuple[float, np.ndarray | None]] = deque()  # since when; None: reset
        self._n_waiting, self._n_taken = 0, 0  # samples
        self._n_frames, self._n_refused, self.n_refused_in_a_row = 0, 0, 0
        self._is_closed, self._changed = False, asyncio.Event()

    @property
    def elapsed_s(self) -> float:
        """Real time since the session began."""
        return time.monotonic() - self._began_s

    def counts(self) -> dict:
        """What was taken and what not, for the last event."""
        return {
            "taken_s": round(self._n_taken / self._start.rate_hz, 4),
            "frames": self._n_frames,
            "refused": self._n_refused,
        }

    def take(self, frame: bytes) -> None:
        """Keep a frame until it is judged. Raises RefusedError for one that is not to be heard."""
        number, self._n_frames = self._n_frames, self._n_frames + 1
        try:
            samples = self._checked(number, frame)
        except RefusedError:
            self._n_refused += 1
            self.n_refused_in_a_row += 1
            raise
        self.n_refused_in_a_row = 0
        self._n_taken += len(samples)
        self._n_waiting += len(samples)
        self._put(samples)

    def reset(self) -> None:
        """Begin a new recording after what waits."""
        self._put(None)

    def close(self) -> None:
        """No more will come."""
        self._is_closed = True
        self._changed.set()

    async def next(self) -> Sound | None:
        """Wait for what comes next; None at the end."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        since_s, first = self._waiting.popleft()
        if first is None:
            return Sound(np.empty(0, self._start.dtype), 0.0, is_reset=True)
        parts, n = [first], len(first)
        while (
            self._waiting
            and (following := self._waiting[0][1]) is not None
            and n + len(following) <= AT_ONCE_S * self._start.rate_hz
        ):
            parts.append(self._waiting.popleft()[1])
            n += len(following)
        self._n_waiting -= n
        # Late is what has waited for long and has as much behind it. What was sent ahead of real
        # time has much behind it at once, and is not late.
        waited_s = time.monotonic() - since_s
        late_s = min(waited_s, self._n_waiting / self._start.rate_hz)
        return Sound(np.concatenate(parts), late_s)

    def _put(self, samples: np.ndarray | None) -> None:
        self._waiting.append((time.monotonic(), samples))
        self._changed.set()

    def _checked(self, number: int, frame: bytes) -> np.ndarray:
        dtype, rate_hz, limits = self._start.dtype, self._start.rate_hz, self._limits
        if not frame:
            raise RefusedError(number, "empty", f"Frame {number} is empty.")
        if len(frame) % dtype.itemsize:
            raise RefusedError(
                number,
                "broken_sample",
                f"Frame {number} has {len(frame)} bytes, but a sample of {self._start.format} has "
                f"{dtype.itemsize}.",
            )
        n = len(frame) // dtype.itemsize
        if n > limits.frame_s * rate_hz:
            raise RefusedError(
                number,
                "too_long",
                f"Frame {number} has {n / rate_hz:.1f} s of sound: send {limits.frame_s:g} s at "
                "most, best a tenth of a second.",
            )
        samples = np.frombuffer(frame, dtype).astype(dtype.newbyteorder("="), copy=False)
        if dtype.kind == "f" and not are_finite(samples):
            raise RefusedError(
                number, "not_finite", f"Frame {number} has samples that are no numbers or no sound."
            )
        if (self._n_taken + n) / rate_hz > self.elapsed_s + limits.ahead_s:
            raise RefusedError(
                number,
                "ahead_of_real_time",
                f"Frame {number} is more than {limits.ahead_s:g} s ahead of real time: please send "
                "sound at the speed of speech.",
            )
        if (self._n_waiting + n) / rate_hz > limits.behind_s:
            raise RefusedError(
                number, "behind", f"Frame {number} cannot be heard: too much waits to be judged."
            )
        return samples
