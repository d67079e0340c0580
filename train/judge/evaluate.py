"""Clips through the served pipeline -> predictions -> rows of metrics.json."""

import json
import platform
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import AudioSource
from train.corpora import RavdessName, Utterance
from train.judge import metrics
from train.places import ROOT

VERSIONED = ("torch", "numpy", "scipy", "librosa", "soxr", "soundfile", "scikit-learn")


@dataclass(frozen=True)
class Predictions:
    """Answers for n clips: `labels` (n,) as intended, `probabilities` (n, 8), who, which fold."""

    files: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    speakers: np.ndarray
    sexes: np.ndarray
    folds: np.ndarray
    seeds: np.ndarray

    @classmethod
    def of(
        cls, utterances: Sequence[Utterance], probabilities: np.ndarray, fold: int, seed: int
    ) -> "Predictions":
        """Of clips of one of the eight emotions each: `probabilities` (n, 8)."""
        return cls(
            np.array([u.stem for u in utterances]),
            np.array([LABELS.index(u.emotion) for u in utterances]),
            probabilities,
            np.array([u.speaker for u in utterances]),
            np.array([u.sex for u in utterances]),
            np.full(len(utterances), fold),
            np.full(len(utterances), seed),
        )

    @classmethod
    def join(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """One after the other."""
        return cls(*(np.concatenate(column) for column in zip(*map(_columns, parts), strict=True)))

    def only(self, chosen: np.ndarray) -> "Predictions":
        """The rows where `chosen` (n,) is True."""
        return Predictions(*(column[chosen] for column in _columns(self)))

    def save(self, path: Path) -> None:
        """Write .npz: `file` (name without extension), `label`, `fold`, `seed`, `probabilities`."""
        arrays = {
            "file": self.files,
            "label": self.labels,
            "fold": self.folds,
            "seed": self.seeds,
            "probabilities": self.probabilities.astype(np.float32),
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():  # np.savez takes no array called `file`
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    @classmethod
    def load(
        cls, path: Path, who: Mapping[str, Utterance] | None = None, of_some: bool = False
    ) -> "Predictions":
        """Read back; speaker and sex come from `who`, or from RAVDESS's names, by file name.

        Only the clips in `who` are read where it is `of_some`.
        """
        with np.load(path) as saved:
            chosen = np.isin(saved["file"], list(who)) if of_some else slice(None)
            files = saved["file"][chosen]
            if who is None:
                people = [_ravdess_person(name) for name in files]
            else:
                people = [(who[name].speaker, who[name].sex) for name in files]
            speakers, sexes = (np.array(column) for column in zip(*people, strict=True))
            return cls(
                files,
                saved["label"][chosen],
                saved["probabilities"][chosen].astype(np.float64),
                speakers,
                sexes,
                saved["fold"][chosen],
                saved["seed"][chosen],
            )


def _columns(p: Predictions) -> tuple:
    return p.files, p.labels, p.probabilities, p.speakers, p.sexes, p.folds, p.seeds


def _ravdess_person(stem: str) -> tuple[str, str]:
    name = RavdessName.parse(stem)
    if name is None:
        raise ValueError(f"{stem} is not the name of a RAVDESS clip.")
    return f"ravdess-{name.actor:02d}", name.sex


def predict_all(
    pipeline: EmotionPipeline,
    utterances: Sequence[Utterance],
    fold: int,
    seed: int,
    hear: Callable[[Utterance], AudioSource] = lambda utterance: utterance.path,
) -> Predictions:
    """Judge every clip from its file, exactly as a visitor's recording is judged.

    `hear` may put another sound in the file's place.
    """
    answers = [
        pipeline.predict(hear(u)).probabilities for u in tqdm(utterances, "clips", leave=False)
    ]
    return Predictions.of(utterances, np.array(answers), fold, seed)


def scores(p: Predictions) -> dict[str, float]:
    """The figures of one set of predictions, 0 to 1 (nll in nats)."""
    return {
        name: round(getattr(metrics, name)(p.labels, p.probabilities), 5)
        for name in ("ua", "wa", "macro_f1", "ece", "nll", "brier")
    }


def metrics_row(
    p: Predictions,
    protocol: str,
    recipe: str,
    scope: str,
    part: str,
    corpora: Sequence[str],
    data_sha256: str,
    **extra: object,
) -> dict:
    """One row of metrics.json.

    UA, WA and macro-F1 are means over folds and seeds. ECE, its floor and the coverage are pooled
    over the folds of a seed, then averaged: the seeds judge the same clips and are no more of
    them. NLL, Brier score, the tables and the interval (95 %, bootstrap over speakers) are pooled
    over both. `ua_std_seeds` is None where the seeds judged other folds, as those of rehearsals
    may, each of which keeps the seed that it began with. `scope` is `these-weights` or
    `recipe-crossval`; `part` says which clips were judged.
    """
    if scope not in ("these-weights", "recipe-crossval"):
        raise ValueError(f"scope is these-weights or recipe-crossval, not {scope!r}.")
    per_fold = []
    for seed, fold in np.unique(np.stack([p.seeds, p.folds], axis=1), axis=0):
        chosen = p.only((p.seeds == seed) & (p.folds == fold))
        per_fold.append(
            {"seed": int(seed), "fold": int(fold), "n": len(chosen.labels), **scores(chosen)}
        )
    by_seed: dict[int, dict[int, float]] = {}
    for row in per_fold:
        by_seed.setdefault(row["seed"], {})[row["fold"]] = row["ua"]
    comparable = len(by_seed) > 1 and len({tuple(folds) for folds in by_seed.values()}) == 1
    seed_means = [np.mean(list(folds.values())) for folds in by_seed.values()]
    pooled = scores(p)
    mean = {k: float(np.mean([row[k] for row in per_fold])) for k in ("ua", "wa", "macro_f1")}
    groups = {"per_speaker": p.speakers, "per_sex": p.sexes}
    counts = metrics.confusion(p.labels, p.probabilities)
    return {
        "protocol": protocol,
        "recipe": recipe,
        "scope": scope,
        "part": part,
        "corpora": list(corpora),
        "seeds": [int(s) for s in np.unique(p.seeds)],
        "n_clips": len(np.unique(p.files)),
        "n_speakers": len(np.unique(p.speakers)),
        **{k: round(v, 5) for k, v in mean.items()},
        "ci95": [
            round(x, 5) for x in metrics.bootstrap_ci95(p.labels, p.probabilities, p.speakers)
        ],
        "ua_std_seeds": round(float(np.std(seed_means, ddof=1)), 5) if comparable else None,
        **calibration(p),
        **{k: pooled[k] for k in ("nll", "brier")},
        "per_fold": per_fold,
        "per_class": _rounded(metrics.recalls(p.labels, p.probabilities)),
        **{
            name: _rounded(metrics.ua_by_group(p.labels, p.probabilities, column))
            for name, column in groups.items()
        },
        "confusion": counts.tolist(),
        "confusion_pairs": [
            {**pair, "share": round(pair["share"], 4)} for pair in metrics.confusion_pairs(counts)
        ],
        **extra,
        "git_commit": git_commit(),
        "data_sha256": data_sha256,
        "versions": versions(),
    }


def calibration(p: Predictions) -> dict:
    """ECE, what a perfect model stays under, and accuracy by coverage: means over the seeds."""
    by_seed = []
    for seed in np.unique(p.seeds):
        one = p.only(p.seeds == seed)
        by_seed.append(
            {
                "ece": metrics.ece(one.labels, one.probabilities),
                "ece_floor95": metrics.ece_floor95(one.probabilities),
                "coverage_area": metrics.coverage_area(one.labels, one.probabilities),
                **metrics.coverage(one.labels, one.probabilities),
            }
        )
    mean = {name: round(float(np.mean([row[name] for row in by_seed])), 5) for name in by_seed[0]}
    named = {name: mean.pop(name) for name in ("ece", "ece_floor95", "coverage_area")}
    return {**named, "coverage": mean}


def recount(row: dict, p: Predictions) -> dict:
    """The row anew from its predictions: what a metric that was added later says about them.

    What the predictions do not hold (minutes, epochs, versions, the commit) is kept.
    """
    identity = {k: row[k] for k in ("protocol", "recipe", "scope", "part", "corpora")}
    counted = metrics_row(p, **identity, data_sha256=row["data_sha256"])
    kept = {k: row[k] for k in ("git_commit", "versions")}
    return {**row, **counted, **kept}


def write_rows(path: Path, rows: Sequence[dict]) -> None:
    """Write metrics.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")


def git_commit() -> str:
    """The commit of this code, with `+` where files differ from it; `unknown` outside git."""

    def git(*args: str) -> str:
        command = ["git", "-C", str(ROOT), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Of Python and of every library that decides a figure."""
    found = {"python": platform.python_version()}
    return found | {name: version(name).split("+")[0] for name in VERSIONED}


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
