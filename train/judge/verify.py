"""Committed figures, made again from the audio by the committed weights of one fold."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.judge import evaluate, evidence, kept_fold, left_out
from train.judge.evaluate import Predictions, predict_all
from train.judge.finished import load_run
from train.judge.unheard import clips_of, protocol_of
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

    A run that left a corpus out is a fold, too. Raises ValueError where the evidence is not
    reproduced, or the weights take more than 10 MB; see `kept_fold` for what is kept.
    """
    training = load_run(run).checkpoint.config.training
    folder = evidence_folder(training["recipe"], results) / protocol_of(run, training)
    verified = verify(run, folder)
    kept_fold.keep(run, folder / WEIGHTS_FOLDER)
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

    Every probability must be that of oof.npz (of a corpus left out, plain.npz), and every figure of
    the fold that of metrics.json, to 1e-3. Raises ValueError, with what differs and by how much,
    where they are not.
    """
    pipeline = kept_fold.load_kept(weights)
    config = pipeline.checkpoint.config
    fold, seed = config.training["fold"], config.training["seed"]
    test = [u for clips in clips_of(config, str(weights)).values() for u in clips]
    stored = Predictions.load(_answers(folder), {u.stem: u for u in test}, of_some=True)
    stored = stored.only((stored.folds == fold) & (stored.seeds == seed))
    judged = predict_all(pipeline, test, fold, seed)
    gap = _largest_gap(judged, stored, folder)
    _compare_figures(evaluate.scores(judged), folder, fold, seed)
    return Verified(folder, fold, seed, len(test), gap)


def _answers(folder: Path) -> Path:
    """The file of the test clips' answers; ValueError where there is none."""
    names = (evidence.PREDICTIONS["test"], f"{left_out.VIEWS[0]}.npz")
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"{folder} holds neither {' nor '.join(names)}: nothing can be compared.")


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
