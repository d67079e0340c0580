"""How many answers stay when a recording has an ordinary fault that leaves the voice as it was."""

import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from train.clips.faults import FAULTS, at_usual_level
from train.corpora import CORPORA, Utterance, data_sha256, load_corpora
from train.corpora.heard import heard_before
from train.corpora.splits import MEASURED, choose_fold, make_splits
from train.judge import evaluate
from train.judge.finished import load_run
from train.places import RESULTS, data_root, evidence_folder

FAULTS_NAME = "faults.json"
N_CLIPS = 48  # of each corpus
UNHEARD = "tess"


def faults(run: Path, results: Path = RESULTS) -> list[dict]:
    """Judge clips as they are and with each of FAULTS; a row a corpus and fault.

    The clips are `N_CLIPS` of the run's own test actors, and as many of TESS where it is at hand
    and the run has not heard it. Writes faults.json into the run's evidence. ValueError where there
    is no run, or where it has nobody left to test it.
    """
    pipeline = load_run(run)
    config = pipeline.checkpoint.config
    training = config.training
    if missing := {"recipe", "protocol", "fold", "seed", "corpora"} - set(training):
        raise ValueError(f"{run} does not tell its {' and '.join(sorted(missing))}.")
    split = choose_fold(
        make_splits(training["protocol"], load_corpora([MEASURED]), training["seed"]),
        training["fold"],
    )
    if not split.test:
        raise ValueError(f"{run} has learned from all speakers: nobody is left to judge.")
    judged = {MEASURED: split.test}
    if UNHEARD not in {*training["corpora"], *heard_before(config, "corpora")}:
        there = sorted(CORPORA[UNHEARD](data_root()), key=lambda u: u.stem)
        if not there:
            print(f"{CORPORA[UNHEARD].title} is not here: it is left out.", file=sys.stderr)
        judged |= {UNHEARD: [u for u in there if u.emotion in LABELS]} if there else {}
    rows = [row for name, clips in judged.items() for row in _rows(pipeline, name, clips)]
    about = {name: training[name] for name in ("recipe", "protocol", "fold", "seed")}
    origin = {"git_commit": evaluate.git_commit(), "versions": evaluate.versions()}
    path = evidence_folder(training["recipe"], results) / training["protocol"] / FAULTS_NAME
    kept = json.loads(path.read_text()) if path.exists() else []
    kept = [row for row in kept if row["corpus"] not in judged]
    evaluate.write_rows(path, [{**about, **row, **origin} for row in rows] + kept)
    return rows


def _rows(pipeline: EmotionPipeline, corpus: str, clips: Sequence[Utterance]) -> list[dict]:
    rng = np.random.default_rng(0)
    chosen = [clips[n] for n in sorted(rng.permutation(len(clips))[:N_CLIPS])]
    voices = {u.stem: at_usual_level(load_audio(u.path)) for u in chosen}
    clean = [_answer(pipeline, voices[u.stem]) for u in chosen]
    rows = []
    for name, fault in FAULTS.items():
        kept = [
            _answer(pipeline, fault(voices[u.stem], _rng(u.stem, name))) == answer
            for u, answer in zip(chosen, clean, strict=True)
        ]
        rows.append(
            {
                "corpus": corpus,
                "fault": name,
                "kept": sum(kept),
                "n_clips": len(kept),
                "data_sha256": data_sha256(chosen),
            }
        )
    return rows


def _answer(pipeline: EmotionPipeline, waveform: np.ndarray) -> int:
    return int(pipeline.predict((SAMPLE_RATE, waveform)).probabilities.argmax())


def _rng(stem: str, fault: str) -> np.random.Generator:
    """The same draw for the same clip and fault, whatever model is asked."""
    return np.random.default_rng(zlib.crc32(f"{stem} {fault}".encode()))
