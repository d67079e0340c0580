"""How answers change when the same clip comes louder, noisier, duller or over a telephone."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from train.clips import effects
from train.corpora import Utterance, data_sha256, load_corpora
from train.corpora.splits import Split, choose_fold, make_splits
from train.judge import evaluate, evidence, metrics
from train.judge.evaluate import Predictions, predict_all
from train.judge.finished import load_run
from train.judge.unheard import run_folders
from train.places import RESULTS, evidence_folder

ROBUSTNESS_NAME = "robustness.json"

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Difference = tuple[float, float, float]  # with its 95 % interval


def _white_noise_20_db(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return effects.add_noise(waveform, rng.standard_normal(len(waveform)), snr_db=20)


CONDITIONS: dict[str, Change] = {
    "gain -20 dB": lambda waveform, rng: effects.gain(waveform, -20),
    "gain +6 dB, clipped at full scale": lambda waveform, rng: effects.gain(waveform, 6),
    "white noise 20 dB under the speech": _white_noise_20_db,
    "tilt +3 dB per octave": lambda waveform, rng: effects.tilt(waveform, 3),
    "tilt -3 dB per octave": lambda waveform, rng: effects.tilt(waveform, -3),
    "telephone, 300 to 3400 Hz, mu-law": lambda waveform, rng: effects.telephone(waveform),
}


def robustness(run: Path, results: Path = RESULTS) -> list[dict]:
    """Judge the test clips of a run as they are and under each of CONDITIONS.

    `run` is a run folder, or the folder of a cross-validation, whose folds and seeds are pooled.
    A run without test clips is asked about its validation clips. Writes robustness.json into
    `results/RECIPE/PROTOCOL`: a row a condition, with the share of answers that stay, and the UA
    before, after and changed (95 % interval over speakers). ValueError where there is no run, or
    where it has learned from everybody.
    """
    judged: dict[str, list[Predictions]] = {}
    about, folds, clips = {}, [], []
    for folder in run_folders(run):
        pipeline = load_run(folder)
        training = pipeline.checkpoint.config.training
        splits = _splits(training)
        split = choose_fold(splits, training["fold"])
        part = next((p for p in ("test", "validation") if training[f"{p}_speakers"]), None)
        if part is None:
            raise ValueError(f"{folder} has learned from all speakers: nobody is left to judge.")
        for condition, predictions in _judge(pipeline, split, part, training["seed"]).items():
            judged.setdefault(condition, []).append(predictions)
        folds.append(split.fold)
        clips += split.parts[part]
        name = evidence.protocol_name(training["protocol"], folds, len(splits))
        about = {"protocol": name, "recipe": training["recipe"], "part": part}
    rows = _rows(about, {name: Predictions.join(parts) for name, parts in judged.items()})
    origin = {
        "git_commit": evaluate.git_commit(),
        "data_sha256": data_sha256(clips),
        "versions": evaluate.versions(),
    }
    path = evidence_folder(about["recipe"], results) / about["protocol"] / ROBUSTNESS_NAME
    evaluate.write_rows(path, [{**row, **origin} for row in rows])
    return rows


def _splits(training: dict) -> list[Split]:
    return make_splits(training["protocol"], load_corpora(training["corpora"]), training["seed"])


def _judge(pipeline: EmotionPipeline, split: Split, part: str, seed: int) -> dict[str, Predictions]:
    """Answers of one fold by condition; `as recorded` is the first."""
    changes = {"as recorded": lambda waveform, rng: waveform, **CONDITIONS}
    return {
        name: predict_all(pipeline, split.parts[part], split.fold, seed, hear=_through(change))
        for name, change in changes.items()
    }


def _through(change: Change) -> Callable[[Utterance], tuple[int, np.ndarray]]:
    """Read a clip and change it; what is drawn depends on the clip's name alone."""

    def hear(utterance: Utterance) -> tuple[int, np.ndarray]:
        rng = np.random.default_rng(zlib.crc32(utterance.stem.encode()))
        return SAMPLE_RATE, change(load_audio(utterance.path), rng)

    return hear


def _rows(about: dict, judged: dict[str, Predictions]) -> list[dict]:
    clean, *changed = judged.items()
    before = clean[1]
    return [
        {
            **about,
            "condition": name,
            "seeds": [int(s) for s in np.unique(before.seeds)],
            "folds": [int(f) for f in np.unique(before.folds)],
            "n_clips": len(np.unique(before.files)),
            **compared(before, after),
        }
        for name, after in changed
    ]


def compared(before: Predictions, after: Predictions) -> dict:
    """Share of answers that stay, UA of both, and its change with the interval over speakers.

    `per_speaker` holds `unchanged` and `ua_change` of each speaker's own clips.
    """
    stays = before.probabilities.argmax(axis=1) == after.probabilities.argmax(axis=1)
    sides = [(p.labels, p.probabilities, p.speakers) for p in (before, after)]
    change, low, high = metrics.paired_gain(*sides)
    own_ua, own_ua_after = (metrics.ua_by_group(*side) for side in sides)
    own = {
        "unchanged": {who: stays[before.speakers == who].mean() for who in own_ua},
        "ua_change": {who: own_ua_after[who] - own_ua[who] for who in own_ua},
    }
    return {
        "unchanged": round(float(stays.mean()), 5),
        "ua_before": round(metrics.ua(*sides[0][:2]), 5),
        "ua_after": round(metrics.ua(*sides[1][:2]), 5),
        "ua_change": round(change, 5),
        "ua_change_ci95": [round(low, 5), round(high, 5)],
        "per_speaker": {
            measure: {who: round(float(value), 5) for who, value in values.items()}
            for measure, values in own.items()
        },
    }


def beside(rows: Sequence[dict], reference: Sequence[dict]) -> dict[str, dict[str, Difference]]:
    """What `rows` say per speaker minus what `reference` says, by condition: means over speakers.

    Paired by speaker, so a voice that any model mishears in noise cancels. Conditions that only
    one of them was judged under are left out; ValueError where the speakers differ.
    """
    known = {row["condition"]: row["per_speaker"] for row in reference}
    return {
        row["condition"]: {
            measure: metrics.paired_mean(known[row["condition"]][measure], own)
            for measure, own in row["per_speaker"].items()
        }
        for row in rows
        if row["condition"] in known
    }
