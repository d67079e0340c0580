"""What adaptation gains on corpora that were left out: by how many clips, and by which."""

import json
from pathlib import Path

import numpy as np

from ser.labels import LABELS
from train.corpora import load_corpora
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, LEFT_OUT_IN_TURN
from train.fit.by_corpus import Head
from train.judge.finished import load_run
from train.judge.left_out import ADAPTATION_NAME
from train.places import evidence_folder
from train.recipes.recipe import Recipe
from train.runs.bank import Bank, Scored
from train.runs.choices import gain_of_sets
from train.runs.folders import run_folder

SIZES = (1, 2, 5, 10, 20, 50)
ONE_SIDED = ("angry", "sad", "neutral")
ONE_SIDED_SIZES = (5, 20)
N_DRAWS = 10
VOICES = ("ravdess", "cremad")  # of whom there are calm or neutral sentences enough
CALM = [LABELS.index(name) for name in ("neutral", "calm")]
CALM_CLIPS = 4


def adaptation(recipe: Recipe, seed: int, runs: Path, results: Path) -> list[dict]:
    """Gains of UA, 0 to 1, of the weights of each corpus left out; written into `results`.

    A row a corpus and kind of set: `n` mixed clips, or clips of one emotion, or of one speaker, and
    `voice`: calm clips of the speaker who is then judged on others. Raises ValueError where
    `leave-out` has not made the weights.
    """
    bank = Bank(recipe, load_corpora([*LEFT_OUT_IN_TURN, "ravdess-song"]), seed)
    base = runs / recipe.name / LEAVE_ONE_CORPUS_OUT
    rows = []
    for fold, corpus in enumerate(LEFT_OUT_IN_TURN, start=1):
        loaded = load_run(run_folder(base, fold, seed)).checkpoint
        head, k = Head.of(loaded.model), loaded.config.adaptation_clips
        calibration = loaded.config.temperature, loaded.config.distance_slope
        for n in SIZES:
            gain = gain_of_sets(bank, head, calibration, corpus, k, n, None, N_DRAWS)
            rows.append({"corpus": corpus, "set": "mixed", "n": n, "k": k, "gain": round(gain, 4)})
        for emotion in ONE_SIDED:
            for n in ONE_SIDED_SIZES:
                gain = gain_of_sets(bank, head, calibration, corpus, k, n, emotion, N_DRAWS)
                row = {"corpus": corpus, "set": emotion, "n": n, "k": k, "gain": round(gain, 4)}
                rows.append(row)
        if corpus in VOICES:
            gain = voice_gain(bank, head, calibration, corpus, k)
            row = {"corpus": corpus, "set": "voice", "n": CALM_CLIPS, "k": k}
            rows.append(row | {"gain": round(gain, 4)})
    path = evidence_folder(recipe.name, results) / LEAVE_ONE_CORPUS_OUT / ADAPTATION_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def voice_gain(
    bank: Bank, head: Head, calibration: tuple[float, float], corpus: str, k: float
) -> float:
    """Gain of UA where each speaker's clips are judged after some calm or neutral ones of theirs.

    Calm and neutral clips are not judged.
    """
    rows = bank.rows(corpus)
    labels, speakers = bank.labels(rows), bank.speakers(rows)
    before, after = [], []
    for speaker in np.unique(speakers):
        theirs = rows[speakers == speaker]
        is_calm = np.isin(labels[speakers == speaker], CALM)
        calm, others = theirs[is_calm][:CALM_CLIPS], theirs[~is_calm]
        if not len(calm) or not len(others):
            continue
        shift = bank.heard(head, calm, calibration).shift(range(len(calm)), k, is_calm=True)
        before.append(bank.scored(head, others))
        after.append(bank.scored(head, others, shift))
    return _joined(after).ua - _joined(before).ua


def _joined(parts: list[Scored]) -> Scored:
    columns = ("labels", "logits", "distance")
    return Scored(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
