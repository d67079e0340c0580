"""How fast the project is beside others, and beside its own past: the same clips in one run.

`SER_DATA=... python -m benchmarks.peers` prints the figures and writes them to
benchmarks/peers.json. Each system (`benchmarks.peer_systems`) sits in a process of its own, on one
thread, and is asked in turn with all others, in an order drawn anew each round: what slows the
machine slows all. A turn is a few questions, of which the first does not count: after another
system, none finds its weights in the processor's cache. In bulk others have two processes, half of
the files each; the project and its past are asked by their own command lines, of which the older
one takes a file after the other. It needs `.[peers]`, and some twelve minutes of an idle machine.

`--rounds 2 --files 8 --dry` tries it in small and writes nothing.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile

from benchmarks import peer_systems
from benchmarks.limit import limit
from benchmarks.peer_systems import BEFORE, LIBROSA, OPENSMILE, OURS, WAV2VEC2, WHISPER
from benchmarks.recordings import make as make_recordings
from benchmarks.serving import (
    CLIP_S,
    PORT,
    ROOT,
    clip,
    cpu_name,
    predict_over_the_api,
    wait_for_page,
)
from ser.checkpoints.checkpoint import EMBEDDED
from ser.sound.audio import SAMPLE_RATE
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "peers.json"
SCRIPT = Path(peer_systems.__file__)
SYSTEMS = [*OURS, BEFORE, *WAV2VEC2, WHISPER, OPENSMILE, LIBROSA]
LENGTHS_S = {CLIP_S: 15, 15.0: 5}  # seconds of a clip: rounds
IN_A_ROW = 4  # questions of a turn
STARTS = 5
FILES, HOUR_MINUTES = 744, 60.0
FEWER = {"wav2vec2-base": 60, "wav2vec2-large": 20, WHISPER: 60, OPENSMILE: 200, LIBROSA: 200}
QUANTILES = (0.5, 0.05, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, help="instead of " + str(LENGTHS_S))
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--minutes", type=float, default=HOUR_MINUTES)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, before() as past:
        folder, place = Path(name), Places(Path(name), past)
        subprocess.run([sys.executable, SCRIPT, "make", folder], cwd=ROOT, check=True)
        make_recordings(folder, asked.minutes, asked.files)
        results = {
            "clip_ms": {s: one_clip(place, s, asked.rounds or n) for s, n in LENGTHS_S.items()},
            "first_answer_s": first_answers(place, asked.rounds or STARTS),
            "app": first_pages(place, asked.rounds or STARTS),
            "files_a_second": {name: bulk(place, name) for name in SYSTEMS},
            "hour": {name: hour(place, name, asked.minutes) for name in ("default", BEFORE)},
            "model_bytes": {name: size(place, name) for name in SYSTEMS},
            "limit": limit(folder / f"clip {CLIP_S}.wav", CLIP_S),
        }
    results |= {
        "rounds": asked.rounds or list(LENGTHS_S.values()),
        "files": asked.files,
        "minutes": asked.minutes,
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}",
        "git_commit": git_commit(),
        "versions": {**versions(), **{n: version(n) for n in ("transformers", "opensmile")}},
    }
    print(json.dumps(results, indent=1))
    if not asked.dry:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


class Places:
    """Where the made weights and sounds lie, and the older commit; runs any system's commands."""

    def __init__(self, folder: Path, past: Path):
        self.folder, self.past = folder, past

    def took(self, name: str, *command: object) -> float:
        """Seconds that Python with `command` took."""
        start = time.perf_counter()
        wait(self.run(name, *command))
        return time.perf_counter() - start

    def run(self, name: str, *command: object, **more) -> subprocess.Popen:
        """Start Python with `command`, on the code of the system called `name`."""
        root = self.past if name == BEFORE else ROOT
        alone = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=root,
            env={**os.environ, **alone, **more.pop("env", {})},
            stdout=more.pop("stdout", subprocess.DEVNULL),
            stderr=subprocess.DEVNULL,
            text=True,
            **more,
        )


@contextmanager
def before() -> Iterator[Path]:
    """The files of the older commit, in a folder of their own."""
    with tempfile.TemporaryDirectory() as place:
        pack = ["git", "archive", BEFORE.split()[1]]
        archive = subprocess.run(pack, cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
        yield Path(place)


# --- the figures ------------------------------------------------------------------------------


def one_clip(place: Places, seconds: float, n_rounds: int) -> dict[str, dict]:
    """Of each system: milliseconds from a file to its answer, memory, and the ratio to ours.

    Ratios are of the same round: to the default, the median and the 5th and 95th percentile. Of the
    default also the milliseconds of its model alone.
    """
    path = place.folder / f"clip {seconds}.wav"
    speech = np.tile(clip(), int(seconds / CLIP_S) + 1)[: round(seconds * SAMPLE_RATE)]
    soundfile.write(path, speech, SAMPLE_RATE)
    found: dict[str, list[dict]] = {name: [] for name in SYSTEMS}
    with ExitStack() as stack:
        asked = {name: stack.enter_context(serving(place, name)) for name in SYSTEMS}
        for _ in range(n_rounds):
            for name in random.sample(SYSTEMS, len(SYSTEMS)):
                found[name].append(a_turn(asked[name], path))
    ms = {name: np.array([turn["ms"] for turn in turns]) for name, turns in found.items()}
    told = {
        name: {
            "ms": quantiles(ms[name]),
            "times_the_default": quantiles(ms[name] / ms["default"]),
            "peak_mb": max(turn["peak_mb"] for turn in found[name]),
        }
        for name in SYSTEMS
    }
    told["default"]["model_ms"] = quantiles(np.array([t["model_ms"] for t in found["default"]]))
    return told


def a_turn(system: subprocess.Popen, path: Path) -> dict:
    """Ask a system a few times; the medians of what it told, but for the first time."""
    answers = []
    for _ in range(IN_A_ROW):
        system.stdin.write(f"{path}\n")
        system.stdin.flush()
        answers.append(json.loads(system.stdout.readline()))
    values = [[a[what] or 0.0 for a in answers[1:]] for what in answers[0]]
    return dict(zip(answers[0], np.median(values, axis=1), strict=True))


@contextmanager
def serving(place: Places, name: str) -> Iterator[subprocess.Popen]:
    command = [SCRIPT, "serve", name, place.folder]
    process = place.run(name, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def first_answers(place: Places, n_starts: int) -> dict[str, dict]:
    """Seconds from nothing to the first answer, of fresh processes started in turn."""
    path = place.folder / f"clip {CLIP_S}.wav"
    names = place.folder / "one.txt"
    names.write_text(str(path))
    found: dict[str, list[float]] = {name: [] for name in SYSTEMS}
    for _ in range(n_starts):
        for name in random.sample(SYSTEMS, len(SYSTEMS)):
            if is_ser(name):
                command = ["-m", "ser", "--json", path, *checkpoint(name)]
            else:
                command = [SCRIPT, "many", name, place.folder, names]
            found[name].append(place.took(name, *command))
    ours = np.array(found["default"])
    return {
        name: {
            "s": quantiles(np.array(seconds)),
            "times_the_default": quantiles(np.array(seconds) / ours),
        }
        for name, seconds in found.items()
    }


def first_pages(place: Places, n_starts: int) -> dict[str, dict]:
    """Of the app now and then, started in turn: seconds to its first page, and its memory in MB."""
    found = {name: {"first_page_s": [], "peak_mb": []} for name in ("default", BEFORE)}
    url = f"http://127.0.0.1:{PORT}/"
    for _ in range(n_starts):
        for name, measured in found.items():
            start = time.perf_counter()
            app = place.run(name, "app.py", env={"GRADIO_SERVER_PORT": str(PORT)})
            try:
                wait_for_page(url)
                measured["first_page_s"].append(time.perf_counter() - start)
                predict_over_the_api(url)
                measured["peak_mb"].append(peer_systems.peak_mb(app.pid))
            finally:
                app.kill()
                app.wait()
    return {
        name: {what: quantiles(np.array(values)) for what, values in measured.items()}
        for name, measured in found.items()
    }


def bulk(place: Places, name: str) -> float:
    """Files a second on two cores, starting included."""
    files = sorted(map(str, (place.folder / "files").iterdir()))[: FEWER.get(name)]
    if name in OURS:
        out = place.folder / f"{name}.csv"
        command = ["-m", "ser", "folder", place.folder / "files", "--out", out, "--workers", 2]
        seconds = place.took(name, *command, *checkpoint(name))
    elif name == BEFORE:  # whose command line takes one file after the other
        seconds = place.took(name, "-m", "ser", "--json", *files)
    else:
        halves = [files[::2], files[1::2]]
        start = time.perf_counter()
        started = []
        for number, half in enumerate(halves):
            names = place.folder / f"half {number}.txt"
            names.write_text("\n".join(half))
            command = [SCRIPT, "many", name, place.folder, names]
            started.append(place.run(name, *command))
        for process in started:
            wait(process)
        seconds = time.perf_counter() - start
    return round(len(files) / seconds, 2)


def hour(place: Places, name: str, minutes: float) -> dict[str, float]:
    """Seconds that the recording took, and how many times as long it is."""
    if name == BEFORE:  # which refuses more than ten minutes
        command = ["-m", "ser", "--json", *sorted(place.folder.glob("part *.wav"))]
    else:
        out = place.folder / "talk.csv"
        command = ["-m", "ser", "timeline", place.folder / "talk.wav", "--out", out]
    seconds = place.took(name, *command)
    return {"s": round(seconds, 1), "times_real_time": round(60 * minutes / seconds, 1)}


def size(place: Places, name: str) -> int:
    """Bytes of the files that hold the model; openSMILE's own are a program besides."""
    if name in OURS:
        root = EMBEDDED / (OURS[name] or "")
    else:
        root = place.past / "ser/weights" if name == BEFORE else place.folder / name
    is_top = name in ("default", BEFORE)
    files = root.iterdir() if is_top else root.rglob("*")
    kept = (".safetensors", ".onnx", ".joblib", ".json")
    return sum(f.stat().st_size for f in files if f.suffix in kept and f.name != "metrics.json")


# --- small things -----------------------------------------------------------------------------


def is_ser(name: str) -> bool:
    return name in OURS or name == BEFORE


def checkpoint(name: str) -> list[str]:
    return ["--checkpoint", OURS[name]] if OURS.get(name) else []


def wait(process: subprocess.Popen) -> None:
    if process.wait():
        raise RuntimeError(f"{process.args} ended with {process.returncode}")


def quantiles(values: np.ndarray) -> list[float]:
    """The median, and the 5th and 95th percentile."""
    return [round(float(q), 3) for q in np.quantile(values, QUANTILES)]


if __name__ == "__main__":
    main()
