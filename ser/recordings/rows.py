"""One file -> one row of a table, in a process of its own; what cannot be judged is a row, too."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.prediction import Prediction
from ser.process import keep_memory, one_thread
from ser.recordings.whole_files import readable
from ser.sound.audio import AudioError

COLUMNS = [
    *("file", "label", "confidence", "duration_s", "speech_share"),
    *(f"p_{name}" for name in LABELS),
    *("arousal", "valence", "warnings", "error"),
]
MORE_COLUMNS = ["model", "embedding"]  # of rows with embeddings: the revision, and float32 (n,)
DIED = "The process died that judged it: it may need more memory than there is, or be malicious."

Row = dict[str, object]


class Task(NamedTuple):
    """What a worker does with each file; `embedding`: whether its row has that, too."""

    checkpoint: str | os.PathLike | None = None
    emotions: tuple[str, ...] | None = None
    embedding: bool = False


_pipeline: EmotionPipeline | None = None  # of a worker
_task = Task()


def row_of(file: str, prediction: Prediction, embedding: bool = False) -> Row:
    """The row of an answer; numbers rounded as the JSON form has them.

    Where no speech was heard it has no label and no probabilities, and its warnings say so.
    """
    answer = prediction.to_dict()
    row = {
        "file": readable(file),
        "label": answer["label"],
        "confidence": None if prediction.reason else round(prediction.confidence, 6),
        "duration_s": answer["duration_s"],
        "speech_share": answer["speech_share"],
        **{f"p_{name}": (answer["probabilities"] or {}).get(name) for name in LABELS},
        "arousal": answer["arousal"],
        "valence": answer["valence"],
        "warnings": " ".join(filter(None, [answer["reason"], *answer["warnings"]])) or None,
        "error": None,
    }
    if embedding:
        row |= {"model": prediction.model["revision"], "embedding": prediction.embedding}
    return row


def row_of_error(file: str, error: str) -> Row:
    """The row of a file that could not be judged."""
    return {**dict.fromkeys(COLUMNS), "file": readable(file), "error": readable(error)}


def judge_file(
    pipeline: EmotionPipeline,
    file: str,
    emotions: Iterable[str] | None = None,
    embedding: bool = False,
    is_over: Callable[[], bool] | None = None,
) -> Row:
    """Judge one file among some emotions or all; raises nothing that a file may cause.

    Raises CancelledError soon after `is_over()` has become True.
    """
    try:
        prediction = pipeline.predict(file, is_over)
    except AudioError as error:
        return row_of_error(file, str(error))
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return row_of_error(file, reason)
    return row_of(file, prediction.restricted(emotions) if emotions else prediction, embedding)


def start_worker(task: Task, started: Connection) -> None:
    """Load the model in a worker, which ends with the process that started it; tell `started`."""
    global _pipeline, _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread()
    keep_memory()
    _pipeline, _task = EmotionPipeline.from_pretrained(task.checkpoint), task
    started.send_bytes(b"ready")


def judge_here(file: str) -> Row:
    """Judge one file in a worker."""
    return judge_file(_pipeline, file, _task.emotions, _task.embedding)


def _end_with_parent() -> None:
    """A worker that waits for work does not notice that nobody will send any."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
