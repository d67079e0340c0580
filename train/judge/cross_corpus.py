"""One set of weights on corpora that it never heard: other people, sentences, rooms, languages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser.checkpoints.checkpoint import METRICS_NAME, CheckpointConfig
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from train.corpora import Utterance, data_sha256, load_corpora
from train.corpora.heard import heard_before
from train.judge import evaluate, evidence, metrics
from train.judge.evaluate import Predictions, predict_all
from train.judge.finished import load_run
from train.places import RESULTS, evidence_folder

CROSS_CORPUS = "cross-corpus"
OTHERS = ("cremad", "tess", "emodb", "emovo")


def cross_corpus(
    run: Path, corpora: Sequence[str] | None = None, results: Path = RESULTS
) -> list[dict]:
    """Judge the clips of each other corpus; a row for each into results/RECIPE/cross-corpus.

    By default, the corpora are those of `OTHERS` that the run has not heard. Clips of an emotion
    outside the eight are left out. A row's figures allow all eight answers; `ua_restricted` and
    `wa_restricted` choose among the corpus's own emotions. Rows name the weights they are about;
    rows of other weights are replaced. Raises ValueError where a speaker was heard in training.
    """
    pipeline = load_run(run)
    config = pipeline.checkpoint.config
    training = config.training
    corpora = unheard_corpora(config) if corpora is None else corpora
    rows = []
    for name in corpora:
        clips = [u for u in load_corpora([name]) if u.emotion in LABELS]
        check_unheard(config, name, clips)
        judged = predict_all(pipeline, clips, training["fold"], training["seed"])
        rows.append(_row(pipeline, name, judged, data_sha256(clips)))
    path = evidence_folder(training["recipe"], results) / CROSS_CORPUS / METRICS_NAME
    kept = evidence.read_rows(path.parent) if path.exists() else []
    kept = [
        row
        for row in kept
        if row["weights"] == pipeline.checkpoint.revision and row["tested_on"] not in corpora
    ]
    evaluate.write_rows(path, sorted(kept + rows, key=lambda row: row["tested_on"]))
    return rows


def unheard_corpora(config: CheckpointConfig) -> list[str]:
    """Those of `OTHERS` on which the weights were not fitted."""
    heard = {*config.training["corpora"], *heard_before(config, "corpora")}
    return [name for name in OTHERS if name not in heard]


def check_unheard(config: CheckpointConfig, name: str, clips: Sequence[Utterance]) -> None:
    """ValueError where the weights were fitted or stopped on a corpus or speaker of the clips."""
    training = config.training
    heard = {s for part in ("train", "validation") for s in training.get(f"{part}_speakers", ())}
    known = sorted((heard | set(heard_before(config, "speakers"))) & {u.speaker for u in clips})
    if name in (*training["corpora"], *heard_before(config, "corpora")) or known:
        raise ValueError(
            f"These weights have heard {name} ({', '.join(known[:3]) or 'its speakers'}): what "
            "they score there says nothing about other people."
        )


def _row(pipeline: EmotionPipeline, name: str, p: Predictions, data: str) -> dict:
    training = pipeline.checkpoint.config.training
    among = metrics.restricted(p.labels, p.probabilities)
    return evaluate.metrics_row(
        p,
        CROSS_CORPUS,
        training["recipe"],
        "these-weights",
        "test",
        training["corpora"],
        data,
        tested_on=name,
        classes=[LABELS[k] for k in np.unique(p.labels)],
        ua_restricted=round(metrics.ua(p.labels, among), 5),
        wa_restricted=round(metrics.wa(p.labels, among), 5),
        ua_restricted_ci95=[
            round(x, 5) for x in metrics.bootstrap_ci95(p.labels, among, p.speakers)
        ],
        weights=pipeline.checkpoint.revision,
    )
