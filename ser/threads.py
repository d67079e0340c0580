"""How many threads a prediction takes."""

import torch
from threadpoolctl import threadpool_limits


def one_thread() -> None:
    """Let this process compute on one thread at a time, in torch and in numpy's BLAS.

    Two predictions on one thread each beat one on two, and the small matrix products of the
    descriptors wait longer for a second BLAS thread than they gain by it.
    """
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
