"""Many hours: `bulk` at one and two workers, `folder` on the same files, and what Ray itself takes.

`SER_DATA=... python -m benchmarks.bulk` prints the figures and writes them to benchmarks/bulk.json.
Each run is a process of its own; those compared take turns. Run it on an otherwise idle machine,
where `.[scale]` is installed. `--files 40 --rounds 1 --dry` tries it in small and writes nothing.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path

import soundfile

from benchmarks.serving import ROOT, cpu_name
from ser.recordings.bulk import bulk, running_ray
from ser.recordings.folder import write_folder
from train.corpora import load_corpora
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "bulk.json"
WORKERS = (1, 2)
EVERY_S = 0.25  # memory is looked at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("n_workers", nargs="?", type=int)
    parser.add_argument("--files", type=int, default=3 * 1440)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.part:
        PARTS[options.part](options.folder, options.n_workers)
        return
    with tempfile.TemporaryDirectory() as name:
        hours = make(Path(name), options.files)
        runs = [(part, n) for part in PARTS for n in WORKERS]
        seen = {run: [] for run in runs}
        for _ in range(options.rounds):
            for part, n in runs:
                seen[part, n].append(alone(part, Path(name), n))
                print(part, n, json.dumps(seen[part, n][-1]), flush=True)
    results = {"files": options.files, "hours": round(hours, 3), "rounds": options.rounds}
    for part in PARTS:
        results[part] = {n: told(seen[part, n], hours) for n in WORKERS}
    for row in results["ray"].values():
        del row["hours_a_minute"]  # it hears nothing
    results["machine"] = f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}"
    results |= {"git_commit": git_commit(), "versions": versions() | {"ray": version("ray")}}
    print(json.dumps(results, indent=1))
    if not options.dry:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def make(folder: Path, n_files: int) -> float:
    """A folder of links to clips, to each as often as need be; how many hours they last."""
    (folder / "clips").mkdir()
    seconds = 0.0
    for number, utterance in enumerate(islice(cycle(load_corpora(["ravdess"])), n_files)):
        link = folder / "clips" / f"{number:06d}{utterance.path.suffix}"
        link.symlink_to(utterance.path.resolve())
        seconds += soundfile.info(utterance.path).duration
    return seconds / 3600


def alone(part: str, folder: Path, n_workers: int) -> dict:
    """Seconds of a run, and the most memory that it and all its processes had."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.bulk", part, str(folder), str(n_workers)]
    going = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_S):
            peak.append(memory_mb(going.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    status = going.wait()
    spent_s = time.perf_counter() - start
    over.set()
    watching.join()
    if status:
        raise SystemExit(f"{part} with {n_workers} workers ended with {status}")
    return {"s": round(spent_s, 2), "peak_mb": max(peak)}


def memory_mb(pid: int) -> int:
    """Memory of a process and all below it; what several share is counted once."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return 0
    own = re.search(r"Pss:\s+(\d+)", rollup)
    return (int(own[1]) // 1024 if own else 0) + sum(memory_mb(int(child)) for child in below)


def told(runs: list[dict], hours: float) -> dict:
    """Medians, the fastest and the slowest, and hours of audio a minute."""
    seconds = sorted(run["s"] for run in runs)
    return {
        "s": [seconds[0], statistics.median(seconds), seconds[-1]],
        "hours_a_minute": round(60 * hours / statistics.median(seconds), 2),
        "peak_mb": max(run["peak_mb"] for run in runs),
    }


def by_bulk(folder: Path, n_workers: int) -> None:
    with tempfile.TemporaryDirectory() as out:
        bulk(clips(folder), Path(out) / "parts", n_workers=n_workers)


def by_folder(folder: Path, n_workers: int) -> None:
    with tempfile.TemporaryDirectory() as out:
        write_folder(clips(folder), Path(out) / "rows.parquet", n_workers=n_workers)


def ray_alone(folder: Path, n_workers: int) -> None:
    """Start Ray, give it a moment to be seen, and stop it."""
    with running_ray(None, n_workers):
        time.sleep(2 * EVERY_S)


def clips(folder: Path) -> list[str]:
    return sorted(map(str, (folder / "clips").iterdir()))


PARTS = {"folder": by_folder, "bulk": by_bulk, "ray": ray_alone}


if __name__ == "__main__":
    main()
