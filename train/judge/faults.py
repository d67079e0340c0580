"""How many answers stay when a recording has an ordinary fault that leaves the voice as it was."""

import json
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ser.checkpoints.config import CONFIG_NAME, read_config
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from train.clips.faults import FAULTS, at_usual_level
from train.corpora import CORPORA, data_sha256
from train.corpora.heard import heard_before
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, MEASURED
from train.judge import evaluate
from train.judge.finished import load_run
from train.judge.unheard import Session, unheard
from train.places import RESULTS, data_root, evidence_folder

FAULTS_NAME = "faults.json"
N_CLIPS = 48  # of each corpus
UNHEARD = "tess"


def faults(run: Path, results: Path = RESULTS) -> list[dict]:
    """Judge clips as they are and with each of FAULTS; a row a corpus and fault.

    `run` as in `unheard`. The folds of a cross-validation judge `N_CLIPS` of their test actors in
    all. Of runs that left a corpus out, the one without TESS judges as many of that. A lone run
    judges its test clips, and TESS where that is at hand and the run has not heard it; weights
    without test clips judge TESS. Writes faults.json into the run's evidence. Raises ValueError
    where there is no run, and where nobody is left to judge.
    """
    found = unheard(run)
    lone = found.sessions[0].run == run
    wanted = {MEASURED, UNHEARD} if lone else {MEASURED}
    if found.protocol.startswith(LEAVE_ONE_CORPUS_OUT):
        wanted = {UNHEARD}
    judged = [session for session in found.sessions if session.corpus in wanted]
    if lone and UNHEARD not in {session.corpus for session in judged}:
        judged += _unheard_too(run)
    chosen = replace(found, sessions=judged).balanced(N_CLIPS)
    if not chosen.sessions:
        raise ValueError(f"In {run} no weights are left to judge {' or '.join(sorted(wanted))}.")
    corpora = list(dict.fromkeys(session.corpus for session in chosen.sessions))
    rows = [row for corpus in corpora for row in _rows(corpus, chosen.of(corpus).sessions)]
    about = {"recipe": chosen.recipe, "protocol": chosen.protocol}
    origin = {"git_commit": evaluate.git_commit(), "versions": evaluate.versions()}
    path = evidence_folder(chosen.recipe, results) / chosen.protocol / FAULTS_NAME
    kept = json.loads(path.read_text()) if path.exists() else []
    kept = [row for row in kept if row["corpus"] not in corpora]
    evaluate.write_rows(path, [{**about, **row, **origin} for row in rows] + kept)
    return rows


def _unheard_too(run: Path) -> list[Session]:
    """TESS for a lone run that has test clips of its own; none where it has heard it."""
    config = read_config(run / CONFIG_NAME, str(run))
    if UNHEARD in {*config.training["corpora"], *heard_before(config, "corpora")}:
        return []
    clips = sorted(CORPORA[UNHEARD](data_root()), key=lambda u: u.stem)
    if not clips:
        print(f"{CORPORA[UNHEARD].title} is not here: it is left out.", file=sys.stderr)
    about = (config.training["fold"], config.training["seed"])
    return [Session(run, UNHEARD, *about, tuple(u for u in clips if u.emotion in LABELS))]


def _rows(corpus: str, sessions: Sequence[Session]) -> list[dict]:
    kept = dict.fromkeys(FAULTS, 0)
    for session in sessions:
        pipeline = load_run(session.run)
        for u in session.clips:
            voice = at_usual_level(load_audio(u.path))
            clean = _answer(pipeline, voice)
            for name, fault in FAULTS.items():
                kept[name] += _answer(pipeline, fault(voice, _rng(u.stem, name))) == clean
    clips = [u for session in sessions for u in session.clips]
    about = {
        "folds": sorted({session.fold for session in sessions}),
        "seed": sessions[0].seed,
        "n_clips": len(clips),
        "data_sha256": data_sha256(clips),
    }
    return [{"corpus": corpus, "fault": name, "kept": n, **about} for name, n in kept.items()]


def _answer(pipeline: EmotionPipeline, waveform: np.ndarray) -> int:
    return int(pipeline.predict((SAMPLE_RATE, waveform)).probabilities.argmax())


def _rng(stem: str, fault: str) -> np.random.Generator:
    """The same draw for the same clip and fault, whatever model is asked."""
    return np.random.default_rng(zlib.crc32(f"{stem} {fault}".encode()))
