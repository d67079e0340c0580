"""A finished run: its weights through the pipeline, its figures, and which of them to quote."""

from pathlib import Path

from ser.checkpoints import checkpoint
from ser.pipeline import EmotionPipeline
from train.corpora import data_sha256, load_corpora
from train.corpora.splits import choose_fold, make_splits
from train.judge import evidence
from train.judge.evaluate import Predictions, metrics_row, predict_all, write_rows
from train.places import RESULTS, evidence_folder

PREDICTIONS_NAME = "predictions.npz"


def load_run(run: Path) -> EmotionPipeline:
    """Load a finished run; ValueError where there is none, CheckpointError where it is damaged."""
    if not run.is_dir():
        raise ValueError(f"There is no run folder {run}.")
    return EmotionPipeline.from_pretrained(run)


def evaluate_run(run: Path) -> list[dict]:
    """Judge the run's validation and test clips through the pipeline; write its metrics.json.

    A refitted run has heard its validation speakers: its row about them is the rehearsal's.
    """
    pipeline = load_run(run)
    training = pipeline.checkpoint.config.training
    utterances = load_corpora(training["corpora"])
    fold, seed = training["fold"], training["seed"]
    split = choose_fold(make_splits(training["protocol"], utterances, seed), fold)
    rows, judged = [], {}
    data = data_sha256(utterances)
    for part in ("validation", "test"):
        rehearsed = part == "validation" and "refit" in training
        if rehearsed:
            who = {u.stem: u for u in utterances}
            judged[part] = Predictions.load(run / f"{part}-{PREDICTIONS_NAME}", who)
        elif training[f"{part}_speakers"] and split.parts[part]:
            judged[part] = predict_all(pipeline, split.parts[part], fold, seed)
        else:
            continue
        rows.append(
            metrics_row(
                judged[part],
                training["protocol"],
                training["recipe"],
                "recipe-crossval" if rehearsed else "these-weights",
                part,
                training["corpora"],
                data,
                best_epoch=training["best_epoch"],
                n_epochs=training["n_epochs"],
                minutes=training["minutes"],
                n_parameters=sum(p.numel() for p in pipeline.checkpoint.model.parameters()),
            )
        )
    evidence.draw(run, rows[-1], judged[rows[-1]["part"]])
    for part, predictions in judged.items():
        predictions.save(run / f"{part}-{PREDICTIONS_NAME}")
    write_rows(run / checkpoint.METRICS_NAME, rows)
    return rows


def quotable_rows(run: Path, results: Path = RESULTS) -> list[dict]:
    """Every figure that may be quoted for a run's weights.

    The run's own rows (scope these-weights), then the committed cross-validations of its recipe
    (scope recipe-crossval), which say what to expect from voices it has not heard. Raises
    CheckpointError where the run does not load, ValueError where it was not evaluated.
    """
    loaded = load_run(run).checkpoint
    if not loaded.metrics:
        raise ValueError(f"{run} has no {checkpoint.METRICS_NAME}: run `python -m train evaluate`.")
    recipe = evidence_folder(loaded.config.training["recipe"], results)
    return evidence.quotable(loaded.metrics, recipe, loaded.revision)
