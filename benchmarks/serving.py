"""How fast one clip is answered, how soon the first page is served, how much memory that takes.

`python -m benchmarks.serving` prints the figures and writes them to benchmarks/results.json. Run
it on an otherwise idle machine: there, processor time is nearly all of the time that passes.
`--model SOURCE` times a model that is not embedded yet, in the same way, and only prints.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import soundfile

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.features import extract
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
from ser.sound.audio import SAMPLE_RATE, load_audio
from train.judge.evaluate import git_commit, versions

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results.json"
CLIP_S = 3.7  # a RAVDESS clip, on average
SPEECH_S = 1.9  # of it, between its silences
N_RUNS = 200
N_STARTS = 5
PORT = 7899


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="SOURCE", help="a folder or a Hub name; writes nothing")
    source = parser.parse_args().model
    one_thread()
    keep_memory()
    if source:
        print(json.dumps(time_prediction(source), indent=1))
        return
    results = {
        "clip_s": CLIP_S,
        "n_runs": N_RUNS,
        **time_prediction(),
        "start": time_start(),
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}",
        "git_commit": git_commit(),
        "versions": versions(),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def clip() -> np.ndarray:
    """Speech without a pause, so that trimming saves nothing: the slowest clip of its length."""
    speech = load_audio(GOLDEN_CLIP)
    return np.tile(speech, 2)[: int(CLIP_S * SAMPLE_RATE)]


def time_prediction(source: str | None = None) -> dict[str, dict]:
    """Milliseconds of every stage, from a 16 kHz WAV file, warm, one thread; beside `best`.

    The two are asked in turn, so what slows the machine slows both; `times_faster` is the median
    of the pairs' ratios, and the 5th and 95th percentile.
    """
    pipeline = EmotionPipeline.from_pretrained(source)
    best = EmotionPipeline.from_pretrained("best")
    mfcc = EmotionPipeline.from_pretrained("founding").config
    waveform = clip()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        soundfile.write(path, waveform, SAMPLE_RATE)
        rows, best_rows = in_turn([pipeline, best], path)
        at_48_khz = Path(folder) / "clip48.wav"
        soundfile.write(at_48_khz, np.repeat(waveform, 3), 3 * SAMPLE_RATE)
        whole_48 = [pipeline.predict(at_48_khz).timings_ms["total"] for _ in range(N_RUNS)]
        with_silence = Path(folder) / "silence.wav"
        silence = np.zeros(int((CLIP_S - SPEECH_S) / 2 * SAMPLE_RATE), np.float32)
        speech = waveform[: int(SPEECH_S * SAMPLE_RATE)]
        soundfile.write(with_silence, np.concatenate([silence, speech, silence]), SAMPLE_RATE)
        whole_silent = [pipeline.predict(with_silence).timings_ms["total"] for _ in range(N_RUNS)]
    ratios = [b["total"] / a["total"] for a, b in zip(rows, best_rows, strict=True)]
    return {
        "prediction_ms": {
            **stages(rows),
            "total, 48 kHz file": summary(whole_48),
            f"total, {SPEECH_S} s of it speech, as in RAVDESS": summary(whole_silent),
            "39 MFCC alone, the founding model's": summary(timed(lambda: extract(waveform, mfcc))),
            "39 MFCC by librosa": summary(timed(lambda: librosa_features(waveform))),
        },
        "best": {
            "prediction_ms": stages(best_rows),
            "times_faster": [round(float(r), 2) for r in np.percentile(ratios, [50, 5, 95])],
        },
    }


def in_turn(pipelines: list[EmotionPipeline], path: Path) -> list[list[dict[str, float]]]:
    """Of each pipeline, the stages of `N_RUNS` predictions in ms, after ten to warm up."""
    rows = [[] for _ in pipelines]
    for _ in range(N_RUNS + 10):
        for pipeline, its_rows in zip(pipelines, rows, strict=True):
            start = time.process_time()
            timings_ms = pipeline.predict(path).timings_ms
            processor_ms = (time.process_time() - start) * 1e3
            its_rows.append({**timings_ms, "total, processor time": processor_ms})
    return [its_rows[10:] for its_rows in rows]


def stages(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of every stage."""
    return {stage: summary([row[stage] for row in rows]) for stage in rows[0]}


def librosa_features(waveform: np.ndarray) -> np.ndarray:
    """The same 39 features before normalisation, computed by the library that defines them."""
    mfcc = librosa.feature.mfcc(
        y=waveform,
        sr=SAMPLE_RATE,
        n_mfcc=13,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=40,
        window="hamming",
        pad_mode="constant",
    )
    return np.concatenate([mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)])


def time_start() -> dict[str, float]:
    """Seconds from `python app.py` to the first served page, and the app's peak memory in MB."""
    seconds, megabytes = [], []
    for _ in range(N_STARTS):
        start = time.perf_counter()
        environment = {**os.environ, "GRADIO_SERVER_PORT": str(PORT)}
        app = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            wait_for_page(f"http://127.0.0.1:{PORT}/")
            seconds.append(time.perf_counter() - start)
            predict_over_the_api(f"http://127.0.0.1:{PORT}/")
            status = Path(f"/proc/{app.pid}/status").read_text()
            megabytes.append(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)
        finally:
            app.kill()
            app.wait()
    return {
        "first_page_s": round(float(np.median(seconds)), 2),
        "first_page_s_worst": round(max(seconds), 2),
        "peak_memory_mb": round(max(megabytes)),
        "n_starts": N_STARTS,
    }


def wait_for_page(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as page:
                page.read()
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def predict_over_the_api(url: str) -> None:
    from gradio_client import Client, handle_file

    Client(url, verbose=False).predict(handle_file(str(GOLDEN_CLIP)), api_name="/predict")


def timed(step: Callable[[], object], n_runs: int = N_RUNS) -> list[float]:
    """Milliseconds of each of `n_runs` calls, after three to warm up."""
    found = []
    for _ in range(n_runs + 3):
        start = time.perf_counter()
        step()
        found.append((time.perf_counter() - start) * 1e3)
    return found[3:]


def summary(milliseconds: list[float]) -> dict[str, float]:
    return {
        "median": round(float(np.median(milliseconds)), 2),
        "p95": round(float(np.percentile(milliseconds, 95)), 2),
    }


def cpu_name() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor()


if __name__ == "__main__":
    main()
