"""Many files on all cores: rows as they are done, whatever a file does to its process."""

import multiprocessing
import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from ser.recordings.rows import DIED, Row, Task, judge_here, row_of_error, start_worker

AHEAD = 4  # files that wait, for each worker
NOT_STARTED = (
    "The processes that judge files end as soon as they start. In a script, call this under "
    '`if __name__ == "__main__":`, for each of them reads the script. Else there is too little '
    "memory for them."
)


class WorkersError(RuntimeError):
    """No process that judges files could start; the message says what to do."""


def rows_as_done(
    files: Iterable[str], task: Task, n_workers: int | None
) -> Iterator[tuple[str, Row]]:
    """Each file and its row, in the order in which they are done.

    Processes are started afresh, not forked: threads of a loaded model do not survive that. When
    one dies, what was under way is judged again, a file at a time, to find the one that killed it.
    """
    n_workers = n_workers or os.cpu_count() or 1
    waiting, is_over = iter(files), False
    while not is_over:
        pool = _Pool(task, n_workers, n_workers * (1 + AHEAD))
        is_over = yield from _until_broken(pool, waiting)
        suspects, is_cleared = iter(pool.under_way()), is_over
        while not is_cleared:
            alone = _Pool(task, 1, 1)
            is_cleared = yield from _until_broken(alone, suspects)
            for file in alone.under_way():
                yield file, row_of_error(file, DIED)


def _until_broken(pool: "_Pool", files: Iterator[str]) -> Generator[tuple[str, Row], None, bool]:
    """Files and rows until all are done, or, which is told, until a process has died."""
    try:
        yield from pool.rows(files)
        return True
    except BrokenProcessPool as error:
        if not pool.has_started():
            raise WorkersError(NOT_STARTED) from error
        return False
    finally:
        pool.close()


class _Pool:
    """Processes, and the files that they have been given."""

    def __init__(self, task: Task, n_workers: int, n_ahead: int):
        self._n_ahead = n_ahead
        self._given: dict[Future[Row], str] = {}
        context = multiprocessing.get_context("spawn")
        self._started, started = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            n_workers,
            mp_context=context,
            initializer=start_worker,
            initargs=(task, started),
        )

    def rows(self, files: Iterator[str]) -> Iterator[tuple[str, Row]]:
        """Give out files, a few ahead; BrokenProcessPool when a process has died."""
        while True:
            for file in islice(files, self._n_ahead - len(self._given)):
                try:
                    self._given[self._pool.submit(judge_here, file)] = file
                except BrokenProcessPool:
                    self._given[Future()] = file  # taken from the list, and not done
                    raise
            if not self._given:
                return
            done, _ = wait(self._given, return_when=FIRST_COMPLETED)
            for future in done:
                row = future.result()
                yield self._given.pop(future), row

    def has_started(self) -> bool:
        """Whether any of the processes has ever been ready."""
        return self._started.poll()

    def under_way(self) -> list[str]:
        """Files that were given out and are not done."""
        return list(self._given.values())

    def close(self) -> None:
        """End the processes, those at once that have work of which nobody wants to know."""
        if self._given:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
