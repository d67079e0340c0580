"""Many hours: files -> Parquet parts, by workers of Ray on one machine or on many.

A part is written by the worker that judged its files, under a name that these alone tell, whole or
not at all. So whatever dies, what is to be done is what no part holds.
"""

import logging
import os
import secrets
import signal
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from math import isqrt

from ser.pipeline import EmotionPipeline
from ser.recordings.bulk_worker import Job, Worker
from ser.recordings.parts import Parts, Tally, in_batches, part_name
from ser.recordings.rows import DIED, Task, row_of_error
from ser.recordings.stores import is_address
from ser.recordings.whole_files import OutputError, readable
from ser.restriction import checked

MOST_IN_A_PART, MOST_RECORDINGS_IN_A_PART = 1000, 20
PARTS_A_WORKER = 8  # or more, so that none waits long for the last one
N_TRIES = 2  # of a batch whose worker dies, then of each of its files
MOST_LETTERS = 300  # of what Ray says
MOST_DEAD_STARTS = 3  # of workers one after the other; then the run stops
STORE_BYTES = 100 << 20  # for Ray's objects on this machine: names only


class BulkError(RuntimeError):
    """A run stopped; the message says why. Started again, it goes on."""


def bulk(
    files: Iterable[str | os.PathLike],
    out: str | os.PathLike,
    checkpoint: str | os.PathLike | None = None,
    emotions: Iterable[str] | None = None,
    n_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    embedding: bool = False,
    segments: bool = False,
    address: str | None = None,
    again: bool = False,
) -> Tally:
    """Judge files, here or at addresses, and write their rows as Parquet parts below `out`.

    Rows are those of `folder`, or with `segments` one for each utterance (`SEGMENT_COLUMNS`). Files
    of which a part tells are not judged again, except with `again` those with an error. `progress`
    is called with the files done and those there are. Ray is started here, unless it runs in this
    process already or `address` names a cluster; its workers are as many as there are cores.

    Raises BulkError, OutputError where `out` cannot be written, CheckpointError, ValueError for
    emotions that are none.
    """
    chosen = None if emotions is None else checked(emotions)
    loaded = EmotionPipeline.from_pretrained(checkpoint).checkpoint
    out = os.fspath(out)
    task = Task(checkpoint, chosen, embedding)
    job = Job(
        task,
        segments,
        out if is_address(out) else os.path.abspath(out),
        os.getcwd(),
        loaded.revision,
        loaded.embedding_size if embedding else 0,
    )
    names = _by_row(files)
    parts = Parts(job.out)
    parts.claim(
        {
            "model": {"name": loaded.name, "revision": loaded.revision},
            "emotions": chosen and list(chosen),
            "embedding": embedding,
            "segments": segments,
        }
    )
    before = parts.tally(names, again)
    missing = [file for name, file in names.items() if name not in before.files]
    tell = progress or (lambda *_: None)
    tell(len(names) - len(missing), len(names))
    if missing:
        with running_ray(address, n_workers) as n_workers:
            _judge(missing, job, parts, n_workers, lambda left: tell(len(names) - left, len(names)))
    tally = parts.tally(names)
    if lost := names.keys() - tally.files:
        raise BulkError(f"{len(lost)} files are in no part, such as {min(lost)}: please try again.")
    tally.new_audio_s = tally.audio_s - before.audio_s
    return tally


def _by_row(files: Iterable[str | os.PathLike]) -> dict[str, str]:
    """Each file once, by the name that its row has."""
    names: dict[str, str] = {}
    for file in map(os.fspath, files):
        if names.setdefault(readable(file), file) != file:
            raise OutputError(
                f"Two files are called {readable(file)} in UTF-8: rename one, please."
            )
    return names


def _judge(
    files: list[str], job: Job, parts: Parts, n_workers: int, tell: Callable[[int], None]
) -> None:
    """See to it that each file is in a part; `tell` how many are not yet.

    What a batch's worker died of is found by judging its files in smaller ones, then one at a time.
    One that kills its workers even so has a row that says so.
    """
    most = MOST_RECORDINGS_IN_A_PART if job.segments else MOST_IN_A_PART
    in_a_part = min(most, -(-len(files) // (PARTS_A_WORKER * n_workers)))
    for size in dict.fromkeys((in_a_part, isqrt(in_a_part), 1)):
        batches, n_left = list(in_batches(files, size)), len(files)
        left = {part_name(batch): batch for batch in batches}
        for batch in _done(batches, job, n_workers):
            del left[part_name(batch)]
            n_left -= len(batch)
            tell(n_left)
        written = set(parts.names()) if left else ()  # by workers that died right after
        files = [file for name, batch in left.items() if name not in written for file in batch]
        if not files:
            return
    rows = [row_of_error(file, DIED) for file in files]
    parts.write(files, rows, job.columns, job.embedding_size)
    tell(0)


def _done(batches: list[list[str]], job: Job, n_workers: int) -> Iterator[list[str]]:
    """Batches as they are written; those whose workers keep dying never come.

    A worker has one batch at a time, so that it is known what it died of.
    """
    import ray
    from ray import exceptions

    start = ray.remote(num_cpus=1, max_restarts=0)(Worker).remote
    waiting, n_tries, n_dead_starts = deque(batches), Counter(), 0
    asked: dict = {}  # answer to come: its worker, and the batch, None while the worker starts

    def ask(worker, batch: list[str] | None) -> None:
        answer = worker.write.remote(batch) if batch else worker.why_not.remote()
        asked[answer] = worker, batch

    try:
        for _ in range(min(n_workers, len(batches))):
            ask(start(job), None)
        while waiting or any(batch for _, batch in asked.values()):
            (answer,), _ = ray.wait(list(asked))
            worker, batch = asked.pop(answer)
            try:
                stop = ray.get(answer)
            except (exceptions.RayActorError, exceptions.OutOfMemoryError) as error:
                n_dead_starts += batch is None
                if n_dead_starts > MOST_DEAD_STARTS:
                    raise BulkError(f"Workers die as they start: {_told(error)}") from error
                if batch:
                    n_tries[part_name(batch)] += 1
                    if n_tries[part_name(batch)] < N_TRIES:
                        waiting.append(batch)
                ask(start(job), None)
                continue
            if stop:
                raise BulkError(stop)
            n_dead_starts = 0
            if waiting:
                ask(worker, waiting.popleft())
            if batch:
                yield batch
    except (exceptions.RayError, ConnectionError) as error:
        raise BulkError(f"Ray stopped: {_told(error)}") from error
    finally:
        for worker, _ in asked.values():
            ray.kill(worker)


def _told(error: Exception) -> str:
    """The last line of a long story, where the reason stands."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()[:MOST_LETTERS]


@contextmanager
def running_ray(address: str | None, n_workers: int | None) -> Iterator[int]:
    """Ray while it is needed; how many workers it is to have."""
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray
    except ImportError as error:
        raise BulkError(
            "This needs Ray, which is not installed here: pip install 'speech-emotion[scale]'."
        ) from error
    is_ours = not ray.is_initialized()
    if is_ours:
        logging.getLogger("ray").setLevel(logging.CRITICAL + 1)
        n_cpus = None if address else n_workers or os.cpu_count() or 1
        local = {"num_cpus": n_cpus, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        stop = signal.getsignal(signal.SIGTERM)
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if not address:  # else Ray keeps one in the home folder
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the error says the same
                ray.init(address or "local", **quiet, **({} if address else local))
        except (ConnectionError, ImportError, OSError, RuntimeError, ValueError) as error:
            hint = f" at {address} (does it want a token? see docs/bulk.md)" if address else ""
            raise BulkError(f"Ray cannot be used{hint}: {_told(error)}") from error
        with suppress(ValueError):  # only the main thread may; elsewhere Ray does not, either
            signal.signal(signal.SIGTERM, stop)  # Ray has put its own there
    try:
        yield n_workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if is_ours:
            ray.shutdown()
