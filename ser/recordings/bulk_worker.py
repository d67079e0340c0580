"""What a worker of `bulk` does: it judges a batch of files, writes their part, and says so."""

import os
import platform
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ser.checkpoints.checkpoint import CheckpointError
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
from ser.recordings.labels import tables
from ser.recordings.parts import Parts
from ser.recordings.rows import COLUMNS, MORE_COLUMNS, Row, Task, judge_file, row_of_error
from ser.recordings.stores import fetched_ahead
from ser.recordings.timeline import Timeline, timeline
from ser.recordings.whole_files import OutputError, readable
from ser.sound.audio import AudioError

SEGMENT_COLUMNS = [*tables.COLUMNS, "duration_s", "warnings", "error"]


class Job(NamedTuple):
    """What all workers of a run do, and where; `segments`: a row for each utterance."""

    task: Task
    segments: bool
    out: str
    folder: str  # in which names that are not absolute are found
    revision: str
    embedding_size: int = 0

    @property
    def columns(self) -> list[str]:
        """The columns of its rows."""
        if self.segments:
            return SEGMENT_COLUMNS
        return [*COLUMNS, *(MORE_COLUMNS if self.task.embedding else [])]


class Worker:
    """One model on one thread, in a process of Ray's."""

    def __init__(self, job: Job):
        with suppress(OSError):  # not there on this node: then its names are not, either
            os.chdir(job.folder)
        one_thread()
        keep_memory()
        self._job, self._stop = job, ""
        try:
            self._pipeline = EmotionPipeline.from_pretrained(job.task.checkpoint)
            self._parts = Parts(job.out)
            self._parts.check_claimed()
        except (CheckpointError, OutputError) as error:
            self._stop = f"On {platform.node()}: {error}"
            return
        if (revision := self._pipeline.checkpoint.revision) != job.revision:
            self._stop = f"On {platform.node()}: the model is {revision}, not {job.revision}."

    def why_not(self) -> str:
        """Why the run must stop, if it must."""
        return self._stop

    def write(self, files: list[str]) -> str:
        """Judge files and write their part; why the run must stop, if it must."""
        try:
            rows = [row for file, path in fetched_ahead(files) for row in self._rows(file, path)]
            self._parts.write(files, rows, self._job.columns, self._job.embedding_size)
        except OutputError as error:
            return str(error)
        return ""

    def _rows(self, file: str, path: Callable[[], str]) -> list[Row]:
        judge = self._segments if self._job.segments else self._clip
        try:
            return judge(file, path())
        except Exception as error:  # among millions of files there is one that nobody foresaw
            reason = str(error) or type(error).__name__
            known = isinstance(error, AudioError | OSError)
            return [row_of_error(file, reason if known else f"{type(error).__name__}: {reason}")]

    def _clip(self, file: str, path: str) -> list[Row]:
        task = self._job.task
        row = judge_file(self._pipeline, path, task.emotions, task.embedding)
        return [row | {"file": readable(file)}]

    def _segments(self, file: str, path: str) -> list[Row]:
        found = timeline(self._pipeline, path, emotions=self._job.task.emotions, n_threads=1)
        return rows_of_timeline(found, file)


def rows_of_timeline(found: Timeline, file: str) -> list[Row]:
    """A row for each utterance, or one without times where nobody spoke."""
    common = {
        "file": readable(file),
        "duration_s": found.duration_s,
        "warnings": " ".join(found.warnings) or None,
    }
    segments = [
        {
            "start_s": s.start_s,
            "end_s": s.end_s,
            "label": s.label,
            "confidence": s.confidence,
            "speech_share": s.speech_share,
            "channel": s.channel,
            **{f"p_{n}": p for n, p in zip(LABELS, _floats(s.probabilities), strict=True)},
        }
        for s in found.segments
    ]
    return [common | segment for segment in segments or [{}]]


def _floats(probabilities) -> list[float | None]:
    return [None] * len(LABELS) if probabilities is None else [float(p) for p in probabilities]
