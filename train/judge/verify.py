"""Committed figures, made again from the audio by the committed weights of one fold."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser.checkpoints import checkpoint
from train.corpora import load_corpora
from train.corpora.splits import MEASURED, SPEAKER_DEPENDENT, choose_fold, make_splits
from train.judge import evaluate, evidence
from train.judge.evaluate import Predictions, predict_all
from train.judge.finished import load_run
from train.judge.size import check_size
from train.places import RESULTS, evidence_folder, evidence_folders

WEIGHTS_FOLDER = "fold-weights"
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Verified:
    """What was reproduced, and the largest difference of a probability."""

    folder: Path
    fold: int
    seed: int
    n_clips: int
    gap: float


def keep_fold(run: Path, results: Path = RESULTS) -> Verified:
    """Put a fold's weights beside its recipe's evidence, once they reproduce it.

    Raises ValueError where they do not, or take more than 10 MB.
    """
    training = load_run(run).checkpoint.config.training
    check_size(run)
    folder = evidence_folder(training["recipe"], results) / training["protocol"]
    verified = verify(run, folder)
    (folder / WEIGHTS_FOLDER).mkdir(exist_ok=True)
    for name in checkpoint.file_names(run):
        shutil.copyfile(run / name, folder / WEIGHTS_FOLDER / name)
    return verified


def verify_all(results: Path = RESULTS) -> list[Verified]:
    """Verify every fold whose weights are committed; ValueError where there is none."""
    found = [
        path for of in evidence_folders(results) for path in sorted(of.glob(f"*/{WEIGHTS_FOLDER}"))
    ]
    if not found:
        raise ValueError(f"No weights of a fold lie in {results}: see `python -m train keep-fold`.")
    return [verify(folder, folder.parent) for folder in found]


def verify(weights: Path, folder: Path) -> Verified:
    """Judge a fold's test clips from the audio and compare with the evidence in `folder`.

    Every probability must be that of oof.npz, and every figure of the fold that of metrics.json,
    to 1e-3. Raises ValueError, with what differs and by how much, where they are not.
    """
    pipeline = load_run(weights)
    training = pipeline.checkpoint.config.training
    fold, seed = training["fold"], training["seed"]
    splits = make_splits(training["protocol"], load_corpora([MEASURED]), seed)
    test = choose_fold(splits, fold).test
    heard = {u.speaker for u in test} & {
        s for part in ("train", "validation") for s in training[f"{part}_speakers"]
    }
    if heard and training["protocol"] not in SPEAKER_DEPENDENT:
        raise ValueError(f"{weights} has heard the test actors {', '.join(sorted(heard))}.")
    stored = Predictions.load(folder / evidence.PREDICTIONS["test"])
    stored = stored.only((stored.folds == fold) & (stored.seeds == seed))
    judged = predict_all(pipeline, test, fold, seed)
    gap = _largest_gap(judged, stored, folder)
    _compare_figures(evaluate.scores(judged), folder, fold, seed)
    return Verified(folder, fold, seed, len(test), gap)


def _largest_gap(judged: Predictions, stored: Predictions, folder: Path) -> float:
    at = {name: i for i, name in enumerate(stored.files)}
    if set(at) != set(judged.files):
        raise ValueError(f"{folder} is about other test clips than the fold of these weights.")
    order = [at[name] for name in judged.files]
    if not np.array_equal(stored.labels[order], judged.labels):
        raise ValueError(f"{folder} names other emotions than the corpus does.")
    gaps = np.abs(judged.probabilities - stored.probabilities[order]).max(axis=1)
    worst = int(gaps.argmax())
    if not gaps[worst] <= TOLERANCE:
        raise ValueError(
            f"{folder}: the probabilities of {int((gaps > TOLERANCE).sum())} of {len(gaps)} clips "
            f"are not reproduced; those of {judged.files[worst]} differ by {gaps[worst]:.4f}."
        )
    return float(gaps[worst])


def _compare_figures(scores: dict[str, float], folder: Path, fold: int, seed: int) -> None:
    rows = [row for row in evidence.read_rows(folder) if row["part"] == "test"]
    folds = [f for row in rows for f in row["per_fold"] if (f["fold"], f["seed"]) == (fold, seed)]
    if not folds:
        raise ValueError(f"{folder} has no row for fold {fold}, seed {seed}.")
    for name, value in scores.items():
        if not abs(folds[0][name] - value) <= TOLERANCE:
            raise ValueError(
                f"{folder}: {name} of fold {fold}, seed {seed} is {value:.5f}; its metrics.json "
                f"says {folds[0][name]:.5f}."
            )
