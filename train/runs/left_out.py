"""`leave-one-corpus-out`: each corpus is judged by weights that never heard it, all choices nested.

For a corpus left out, penalty, temperature, certainty and the weight of adaptation are chosen by
leaving one out among the other ones. What is shipped is chosen by leaving each of all out, and has
no figure of its own.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ser.checkpoints.checkpoint import METRICS_NAME, CheckpointConfig
from ser.pipeline import EmotionPipeline
from ser.prediction import Prediction
from ser.process import one_thread
from train.cores import N_WORKERS
from train.corpora import Utterance, data_sha256, load_corpora
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, LEFT_OUT_IN_TURN, Split, make_splits
from train.judge import evaluate, left_out
from train.judge.evaluate import Predictions
from train.judge.finished import load_run
from train.places import evidence_folder
from train.recipes.recipe import Recipe
from train.runs.bank import Bank
from train.runs.choices import CHOICES_NAME, SHIPPED_NAME, LeftOutChoices, apart, choose
from train.runs.folders import run_folder
from train.runs.runs import save_run, told

SONG = "ravdess-song"


def leave_one_corpus_out(
    recipe: Recipe,
    seed: int,
    runs: Path,
    results: Path,
    without: Sequence[str] = (),
    n_jobs: int = N_WORKERS,
) -> list[dict]:
    """Fit and judge a recipe on each corpus left out; a row for each into `results`.

    All of `LEFT_OUT_IN_TURN` and RAVDESS song are learnt, but for those in `without`. The recipe
    is one of a linear head by corpus: ValueError for others. Runs that are there are kept.
    """
    name = "-without-".join([LEAVE_ONE_CORPUS_OUT, *without])
    corpora = [*LEFT_OUT_IN_TURN, SONG]
    learnable = [c for c in corpora if c not in without]
    utterances = load_corpora(corpora)
    splits, bank = make_splits(LEAVE_ONE_CORPUS_OUT, utterances, seed), None
    folders = [run_folder(runs / recipe.name / name, split.fold, seed) for split in splits]
    for corpus, split, run in zip(LEFT_OUT_IN_TURN, splits, folders, strict=True):
        if not (run / CHOICES_NAME).exists():
            bank = bank or Bank(recipe, utterances, seed)
            others = [c for c in LEFT_OUT_IN_TURN if c != corpus]
            _fit(bank, split, seed, run, others, apart(learnable, corpus))
    shipped = runs / recipe.name / name / SHIPPED_NAME
    if not without and not shipped.exists():
        bank = bank or Bank(recipe, utterances, seed)
        choose(bank, LEFT_OUT_IN_TURN, recipe.corpora).save(shipped)
    del bank
    with ProcessPoolExecutor(n_jobs, get_context("spawn"), initializer=one_thread) as pool:
        rows = list(pool.map(_judge, folders, LEFT_OUT_IN_TURN))
    folder = evidence_folder(recipe.name, results) / name
    folder.mkdir(parents=True, exist_ok=True)
    evaluate.write_rows(folder / METRICS_NAME, [row | {"protocol": name} for row in rows])
    for view in left_out.VIEWS:
        heard = [Predictions.load(run / f"{view}.npz", _people(utterances)) for run in folders]
        Predictions.join(heard).save(folder / f"{view}.npz")
    return rows


def _people(utterances: Sequence[Utterance]) -> dict[str, Utterance]:
    return {u.stem: u for u in utterances}


def _fit(
    bank: Bank,
    split: Split,
    seed: int,
    run: Path,
    judged: Sequence[str],
    learnable: Sequence[str],
) -> None:
    choices = choose(bank, judged, learnable)
    model = bank.heads(learnable)[choices.strength].into(bank.model)
    learnt = tuple(u for u in split.train if u.corpus in learnable)
    recipe = bank.recipe.on_corpora(learnable)
    config = CheckpointConfig(
        model_name=recipe.model_name,
        model_args=recipe.model_args | model.checkpoint_args,
        features=recipe.features,
        training=told(recipe, Split(split.protocol, split.fold, learnt, (), split.test), seed)
        | {"recipe": bank.recipe.name, "corpora": list(learnable)},
    )
    save_run(run, model, choices.into(config))
    choices.save(run / CHOICES_NAME)


def _judge(run: Path, corpus: str) -> dict:
    """Judge a corpus plain and with its own statistics, from the files; its row."""
    pipeline = load_run(run)
    training = pipeline.checkpoint.config.training
    utterances = make_splits(
        LEAVE_ONE_CORPUS_OUT, load_corpora([*LEFT_OUT_IN_TURN, SONG]), training["seed"]
    )[training["fold"] - 1].test
    views = _views(pipeline, utterances, run)
    choices = asdict(LeftOutChoices.load(run / CHOICES_NAME))
    return left_out.row(corpus, views, training, data_sha256(utterances), choices)


def _views(
    pipeline: EmotionPipeline, utterances: Sequence[Utterance], run: Path
) -> dict[str, Predictions]:
    """Answers to all clips, plain and adapted to what they have in common; kept in the run."""
    paths = {view: run / f"{view}.npz" for view in left_out.VIEWS}
    people, training = _people(utterances), pipeline.checkpoint.config.training
    if not all(path.exists() for path in paths.values()):
        plain = [_slim(pipeline.predict(u.path)) for u in utterances]
        adapted = pipeline.adapted(plain)
        own = [_slim(adapted.predict(u.path)) for u in utterances]
        for view, answers in zip(left_out.VIEWS, (plain, own), strict=True):
            probabilities = np.array([answer.probabilities for answer in answers])
            of_view = Predictions.of(utterances, probabilities, training["fold"], training["seed"])
            of_view.save(paths[view])
    return {view: Predictions.load(path, people) for view, path in paths.items()}


def _slim(answer: Prediction) -> Prediction:
    """The same without its sound: a corpus of them fits into memory."""
    return replace(answer, waveform=answer.waveform[:0], features=answer.features[:0])
