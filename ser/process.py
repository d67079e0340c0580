"""How much of the machine a process takes: threads and memory."""

import ctypes
import os
import sys

from threadpoolctl import threadpool_limits

# mallopt(3): the names of glibc's settings, and values that no prediction comes near
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
TRIM_THRESHOLD, MMAP_THRESHOLD = 1 << 30, 32 << 20
N_ARENAS = 2  # each keeps memory of its own; threads come and go, predictions run two at a time


def one_thread() -> None:
    """Let this process compute on one thread at a time, in torch and in numpy's BLAS.

    Two predictions on one thread each beat one on two, and the small matrix products of the
    descriptors wait longer for a second BLAS thread than they gain by it.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # for torch, where it is loaded later or not at all
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")


def keep_memory() -> None:
    """Let glibc keep what a prediction frees for the next one; elsewhere do nothing.

    Else it returns large arrays to the system, which hands them out again page by page, zeroed:
    a fifth of a prediction's time. For processes that predict: one that trains on batches of many
    sizes would grow.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD)
        mallopt(M_ARENA_MAX, N_ARENAS)


def give_memory_back() -> None:
    """Give what is kept for the next prediction back to the system; elsewhere do nothing."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None:
        trim(0)
