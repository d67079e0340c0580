"""The numeric tests under several instruction sets and numbers of threads: `make test-numeric`.

torch's kernels heed ATEN_CPU_CAPABILITY, oneDNN heeds ONEDNN_MAX_CPU_ISA. MKL, which takes the
Fourier transforms and the products, and numpy heed neither, and are told the like by variables of
their own: they are what differs most between processors.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

TESTS = Path(__file__).parent
CPUINFO = Path("/proc/cpuinfo")
AVX2 = {"avx2", "fma"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}


class Level(NamedTuple):
    """What torch, MKL and oneDNN call it (None: all there is), the flags it needs, numpy's names.

    oneDNN goes no further than torch: torch's attention of 16 bits asks oneDNN whether it can, and
    then needs AVX-512 of its own, as it has on every processor on which oneDNN can.
    """

    name: str
    flags: set[str]
    mkl: str | None
    onednn: tuple[str | None, ...]
    numpy: str


LEVELS = (
    Level("default", set(), "SSE4_2", ("AVX2",), r"$^"),
    Level("avx2", AVX2, "AVX2", ("AVX2",), r"AVX|AVX2|FMA3|F16C|X86_V3"),
    Level("avx512", AVX512, None, ("AVX2", None), r".*"),
)
N_THREADS = (1, 2)


class Set(NamedTuple):
    """A name for the table, the environment (None: unset), and the processor's flags it needs."""

    name: str
    environment: dict[str, str | None]
    flags: set[str]
    n_threads: int


def sets() -> Iterator[Set]:
    """All of them, those of one thread first."""
    for n_threads in N_THREADS:
        for level in LEVELS:
            for onednn in level.onednn:
                environment = {
                    "SER_TEST_THREADS": str(n_threads),
                    "ATEN_CPU_CAPABILITY": level.name,
                    "MKL_ENABLE_INSTRUCTIONS": level.mkl,
                    "NPY_DISABLE_CPU_FEATURES": " ".join(beyond(level)) or None,
                    "ONEDNN_MAX_CPU_ISA": onednn,
                }
                flags = level.flags | (AVX2 if onednn else set())
                name = f"{level.name:7}  oneDNN {onednn or 'own':4}  threads {n_threads}"
                yield Set(name, environment, flags, n_threads)


def beyond(level: Level) -> list[str]:
    """Return numpy's names of what this processor has and the level has not."""
    there = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return [name for name in there if not re.fullmatch(level.numpy, name)]


def processor_flags(cpuinfo: str) -> set[str]:
    """Read them from the text of /proc/cpuinfo."""
    found = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return set(found[1].split()) if found else set()


def run(one: Set, files: list[Path]) -> tuple[bool, str]:
    """Run the tests; whether they passed, and a row of the table."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "numeric", "-p", "no:cacheprovider"]
    environment = {**os.environ, **one.environment}
    start = time.monotonic()
    done = subprocess.run(
        [*command, *map(str, files)],
        cwd=TESTS.parent,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines() or [done.stderr.strip() or "nothing was said"]
    seconds = time.monotonic() - start
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR", "E  "))]
    row = f"{one.name}  {lines[-1].strip('= ')} ({seconds:.0f} s)"
    return done.returncode == 0, "\n".join([row, *failed])


def main() -> int:
    """Print a row for each set; 1 where one of them failed."""
    flags = processor_flags(CPUINFO.read_text() if CPUINFO.exists() else "")
    files = [p for p in sorted(TESTS.rglob("test_*.py")) if "mark.numeric" in p.read_text()]
    chosen = []
    for one in sets():
        if lacking := sorted(one.flags - flags):
            print(f"{one.name}  passed over: the processor lacks {', '.join(lacking)}")
        else:
            chosen.append(one)
    passed = []
    for n_threads in N_THREADS:
        alike = [one for one in chosen if one.n_threads == n_threads]
        with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // n_threads)) as pool:
            for ok, row in pool.map(lambda one: run(one, files), alike):
                print(row, flush=True)
                passed.append(ok)
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
