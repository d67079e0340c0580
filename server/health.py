"""Is the app well: the model still gives its golden answer, and how much is going on."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock

from ser.checkpoints.checkpoint import CheckpointError
from ser.pipeline import EmotionPipeline
from server.limits import HEALTH_EVERY_S, HEALTH_PATIENCE_S

BROKEN = "The golden clip could not be judged."
SILENT = "The model has not answered in time."
LOG = logging.getLogger(__name__)


class Health:
    """Judge the golden clip at most every `every_s`, and tell the outcome in between.

    A pipeline that was just loaded has just given its golden answer; the first report says so.
    """

    def __init__(
        self,
        pipeline: EmotionPipeline,
        every_s: float = HEALTH_EVERY_S,
        patience_s: float = HEALTH_PATIENCE_S,
    ):
        self._pipeline = pipeline
        self._every_s, self._patience_s = every_s, patience_s
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._running: tuple[float, Future[str | None]] | None = None  # since when, and what
        self._found: tuple[float, str | None] = (time.monotonic(), None)  # when, and what was wrong

    def report(self, going_on: Callable[[], dict]) -> tuple[int, dict]:
        """HTTP status, 200 or 503, and the JSON object that says why; waits up to `patience_s`."""
        when_s, wrong = self._checked()
        model = self._pipeline.checkpoint
        return 503 if wrong else 200, {
            "status": "failing" if wrong else "ok",
            "problem": wrong,
            "model": {"name": model.name, "revision": model.revision},
            "checked_s_ago": round(time.monotonic() - when_s, 1),
            **going_on(),
        }

    def _checked(self) -> tuple[float, str | None]:
        with self._lock:
            if self._running is None and time.monotonic() - self._found[0] >= self._every_s:
                self._running = (time.monotonic(), self._thread.submit(self._check))
            running = self._running
        if running is None:
            return self._found
        since_s, answer = running
        left_s = self._patience_s - (time.monotonic() - since_s)
        if not wait([answer], timeout=max(0.0, left_s)).done:
            return self._found[0], SILENT
        with self._lock:
            if self._running is running:
                self._found, self._running = (time.monotonic(), answer.result()), None
            return self._found

    def _check(self) -> str | None:
        try:
            self._pipeline.check_golden()
        except CheckpointError as error:
            return str(error)
        except Exception:
            LOG.exception(BROKEN)
            return BROKEN
        return None
