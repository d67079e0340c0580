"""A prediction takes one thread."""

import subprocess
import sys

ASK = """
import numpy, torch
from threadpoolctl import threadpool_info
from ser.threads import one_thread
one_thread()
print(torch.get_num_threads(), *{pool["num_threads"] for pool in threadpool_info()})
"""


def test_torch_and_blas_compute_on_one_thread():
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]
