"""An hour, a live voice, a folder: time, memory, and how well utterances are found.

`SER_DATA=... python -m benchmarks.recordings` prints the figures and writes them to
benchmarks/recordings.json; each part runs in a process of its own. Beside them, in the same run,
stand commit 825258f, which hears ten minutes at a time and files one after the other, and a
pipeline of transformers with wav2vec2-base of random weights. Run it on an otherwise idle machine.

`--minutes 3 --files 40 --dry` tries it in small and writes nothing.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.serving import ROOT, cpu_name
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
from ser.recordings.folder import write_folder
from ser.recordings.stream import Stream
from ser.recordings.timeline import Segment, timeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from train.corpora import load_corpora
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "recordings.json"
BEFORE = "825258f"
ROOM_LEVEL = 1e-4  # RMS of what lies between clips
PAUSES_S = (0.8, 2.0)
GRID_S = 0.01  # on which speech and silence are compared
LOUD = 1e-3  # of the loudest power of a clip: from the first to the last such moment it is truth
CHUNK_S = 0.5
SPEAKERS = (1, 2, 4, 8)
SPEAKING_S = 60.0
PART_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--files", type=int, default=744)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part](options.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options.minutes, options.files)
        results = {"minutes": options.minutes, "files": options.files}
        for part in PARTS:
            results[part] = alone(part, folder)
            print(part, json.dumps(results[part]), flush=True)
    results["machine"] = f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}"
    results |= {"git_commit": git_commit(), "versions": versions()}
    if not options.dry:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def alone(part: str, folder: Path) -> dict | str:
    command = [sys.executable, "-m", "benchmarks.recordings", part, str(folder)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else f"ended with {done.returncode}"


# --- what is heard ----------------------------------------------------------------------------


def make(folder: Path, minutes: float, n_files: int) -> None:
    """A recording of clips with known borders, and a folder of links to clips."""
    utterances = load_corpora(["ravdess"])
    rng = np.random.default_rng(0)
    order = rng.permutation(len(utterances))
    pieces, borders_s, clips, n_samples, number = [], [], [], 0, 0
    while n_samples < minutes * 60 * SAMPLE_RATE:
        utterance = utterances[order[number % len(order)]]
        number += 1
        clip = spoken(load_audio(utterance.path))
        pause = rng.uniform(*PAUSES_S) * SAMPLE_RATE
        room = ROOM_LEVEL * rng.standard_normal(int(pause))
        pieces += [room.astype(np.float32), clip]
        start = n_samples + len(room)
        n_samples = start + len(clip)
        borders_s.append([start / SAMPLE_RATE, n_samples / SAMPLE_RATE])
        clips.append(str(utterance.path))
    samples = np.concatenate(pieces)
    soundfile.write(folder / "talk.wav", samples, SAMPLE_RATE)
    (folder / "truth.json").write_text(json.dumps({"borders_s": borders_s, "clips": clips}))
    for start in range(0, len(samples), int(PART_S * SAMPLE_RATE)):
        part = samples[start : start + int(PART_S * SAMPLE_RATE)]
        soundfile.write(folder / f"part {start}.wav", part, SAMPLE_RATE)
    (folder / "files").mkdir()
    for place, index in enumerate(order[:n_files]):
        path = Path(utterances[index].path).absolute()
        (folder / "files" / f"{place:04d}{path.suffix}").symlink_to(path)


def spoken(clip: np.ndarray) -> np.ndarray:
    """A clip between its silences, by loudness alone."""
    power = np.square(clip[: len(clip) // 160 * 160], dtype=np.float64).reshape(-1, 160).mean(1)
    loud = np.flatnonzero(power > LOUD * power.max())
    return clip[loud[0] * 160 : (loud[-1] + 1) * 160]


# --- the parts --------------------------------------------------------------------------------


def hour(folder: Path) -> dict:
    """Time and memory of a timeline, and its segments against the truth."""
    pipeline = loaded()
    start = time.perf_counter()
    found = timeline(pipeline, folder / "talk.wav")
    seconds = time.perf_counter() - start
    measured = {"s": round(seconds, 1), "peak_mb": peak_mb(), "segments": len(found.segments)}
    truth = json.loads((folder / "truth.json").read_text())
    return measured | against(found.segments, found.duration_s, truth, pipeline)


def against(segments: list[Segment], duration_s: float, truth: dict, pipeline) -> dict:
    """Border errors, missed and false speech, and labels beside those of single clips."""
    times_s = np.arange(0, duration_s, GRID_S)
    is_spoken = covered(times_s, truth["borders_s"])
    is_heard = covered(times_s, [(s.start_s, s.end_s) for s in segments])
    starts, ends, n_alike, n_found, known = [], [], 0, 0, {}
    for (start_s, end_s), clip in zip(truth["borders_s"], truth["clips"], strict=True):
        own = [s for s in segments if s.start_s < end_s and s.end_s > start_s]
        if not own:
            continue
        n_found += 1
        starts.append(own[0].start_s - start_s)
        ends.append(own[-1].end_s - end_s)
        if clip not in known:
            known[clip] = pipeline.predict((SAMPLE_RATE, spoken(load_audio(clip)))).emotion.name
        longest = max(own, key=lambda s: s.end_s - s.start_s)
        n_alike += longest.label == known[clip]
    return {
        "utterances": len(truth["clips"]),
        "found": n_found,
        "start_error_s": quantiles(starts),
        "end_error_s": quantiles(ends),
        "missed_speech": round(float((is_spoken & ~is_heard).sum() / is_spoken.sum()), 4),
        "false_speech": round(float((~is_spoken & is_heard).sum() / (~is_spoken).sum()), 4),
        "label_as_of_the_clip": round(n_alike / max(n_found, 1), 4),
    }


def stream(folder: Path) -> dict:
    """The whole recording live, as fast as it goes: memory at its start and its end."""
    pipeline = loaded()
    live, sizes_mb = Stream(pipeline, SAMPLE_RATE), []
    start = time.perf_counter()
    with soundfile.SoundFile(folder / "talk.wav") as sound:
        for block in sound.blocks(int(CHUNK_S * SAMPLE_RATE), dtype="int16"):
            live.push(block)
            sizes_mb.append(size_mb())
    live.finish()
    seconds = time.perf_counter() - start
    tenth = max(1, len(sizes_mb) // 10)
    first, last = max(sizes_mb[:tenth]), max(sizes_mb[-tenth:])
    return {"s": round(seconds, 1), "first_tenth_mb": first, "last_tenth_mb": last}


def speakers(folder: Path) -> dict:
    """Delay from the end of a chunk to its updates, with several speakers in real time."""
    pipeline = loaded()
    samples, _ = soundfile.read(folder / "talk.wav", dtype="int16", frames=int(600 * SAMPLE_RATE))
    found = {}
    for n in SPEAKERS:
        delays_ms: list[float] = []
        threads = [
            threading.Thread(
                target=speak, args=(pipeline, np.roll(samples, -k * 77_777), delays_ms)
            )
            for k in range(n)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found[n] = quantiles(delays_ms, (0.5, 0.95, 1.0))
    return {"delay_ms": found, "chunk_s": CHUNK_S, "quantiles": [0.5, 0.95, 1.0]}


def speak(pipeline: EmotionPipeline, samples: np.ndarray, delays_ms: list[float]) -> None:
    """Push chunks when they would be there, and note how late their updates are."""
    live, size = Stream(pipeline, SAMPLE_RATE), int(CHUNK_S * SAMPLE_RATE)
    begin = time.perf_counter() + np.random.default_rng(len(samples)).uniform(0, CHUNK_S)
    for number in range(round(SPEAKING_S / CHUNK_S)):
        there = begin + (number + 1) * CHUNK_S
        time.sleep(max(0.0, there - time.perf_counter()))
        live.push(samples[number * size : (number + 1) * size])
        delays_ms.append(1e3 * (time.perf_counter() - there))


def folders(folder: Path) -> dict:
    """Files a second at one and two workers, starting the processes included."""
    files = sorted(map(str, (folder / "files").iterdir()))
    found = {}
    for n in (1, 2):
        start = time.perf_counter()
        write_folder(files, folder / f"rows {n}.csv", n_workers=n)
        found[n] = round(len(files) / (time.perf_counter() - start), 2)
    return {"files_a_second": found}


def before(folder: Path) -> dict:
    """The same by an older commit: ten minutes at a time, files one after the other."""
    parts = sorted(map(str, folder.glob("part *.wav")))
    files = sorted(map(str, (folder / "files").iterdir()))
    found = {"commit": BEFORE}
    with tempfile.TemporaryDirectory() as place:
        pack = ["git", "archive", BEFORE]
        archive = subprocess.run(pack, cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
        for name, given in {"hour_in_parts_s": parts, "folder_s": files}.items():
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "ser", "--json", *given],
                cwd=place,
                env={**os.environ, "PYTHONPATH": place},
                check=True,
                stdout=subprocess.DEVNULL,
            )
            found[name] = round(time.perf_counter() - start, 1)
    return found | {"files_a_second": round(len(files) / found["folder_s"], 2)}


def transformers(folder: Path) -> dict:
    """wav2vec2-base by its pipeline, random weights, on the files, one after the other."""
    from transformers import (
        AudioClassificationPipeline,
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForSequenceClassification,
    )

    one_thread()
    model = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(num_labels=8)).eval()
    judge = AudioClassificationPipeline(model, feature_extractor=Wav2Vec2FeatureExtractor())
    files = sorted((folder / "files").iterdir())[:60]
    start = time.perf_counter()
    for file in files:
        judge({"raw": load_audio(file), "sampling_rate": SAMPLE_RATE})
    seconds = time.perf_counter() - start
    return {"files": len(files), "files_a_second": round(len(files) / seconds, 2)}


PARTS = {
    "hour": hour,
    "stream": stream,
    "speakers": speakers,
    "folder": folders,
    "before": before,
    "transformers": transformers,
}


def loaded() -> EmotionPipeline:
    one_thread()
    keep_memory()
    return EmotionPipeline.from_pretrained()


def covered(times_s: np.ndarray, spans_s: Iterable[tuple[float, float]]) -> np.ndarray:
    inside = np.zeros(len(times_s), dtype=bool)
    for start_s, end_s in spans_s:
        inside[np.searchsorted(times_s, start_s) : np.searchsorted(times_s, end_s)] = True
    return inside


def quantiles(values: list[float], at: tuple[float, ...] = (0.05, 0.5, 0.95)) -> list[float]:
    return [round(float(q), 3) for q in np.quantile(values, at)]


def peak_mb() -> int:
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024


def size_mb() -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024


if __name__ == "__main__":
    main()
