"""Work on many clips, on all cores where that is worth it."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from tqdm import tqdm

from ser.process import one_thread

N_WORKERS = os.cpu_count() or 1
CLIPS_WORTH_PROCESSES = 500  # starting processes takes seconds
CLIPS_AT_ONCE = 8  # given to a process

Clip = TypeVar("Clip")
Found = TypeVar("Found")


def on_all_cores(
    function: Callable[[Clip], Found], clips: Sequence[Clip], what: str
) -> list[Found]:
    """Return `function(clip)` of each clip in order, under a bar that says `what`.

    Where there are many clips, `function` and they go to other processes, of one thread each.
    """
    with ExitStack() as stack:
        run = map
        if len(clips) >= CLIPS_WORTH_PROCESSES:
            pool = ProcessPoolExecutor(N_WORKERS, get_context("spawn"), initializer=one_thread)
            run = partial(stack.enter_context(pool).map, chunksize=CLIPS_AT_ONCE)
        return list(tqdm(run(function, clips), what, len(clips)))
