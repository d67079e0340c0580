"""A run folder from start to end: rehearse, fit, save.

runs/RECIPE/PROTOCOL/fold-K-seed-S/ holds config.json, model.safetensors, metrics.json,
history.csv, validation- and test-predictions.npz, and pictures of its history, confusions,
calibration and coverage; run.json, which says what the run is; and last.pt, from which an
interrupted one goes on. A linear one also keeps, for its students, unheard-predictions.npz.

Where the recipe says `refit`, the choices (how many epochs, the temperature) are made in a
rehearsal, fold-K-rehearsal/, on the validation speakers. The runs then learn those as well, and
their validation predictions are the rehearsal's.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.pipeline import EmotionPipeline
from train import places
from train.clips.store import FeatureStore
from train.corpora import Utterance, content_hash, data_sha256, load_corpora
from train.corpora.splits import (
    REHEARSED_ON,
    UNREHEARSED,
    Split,
    choose_fold,
    make_splits,
    with_some_validating,
    with_validation,
)
from train.fit import cost, loop
from train.judge import evidence, pictures
from train.judge.evaluate import Predictions, git_commit, predict_all
from train.judge.finished import PREDICTIONS_NAME, evaluate_run, load_run
from train.recipes.recipe import Recipe
from train.runs import distill
from train.runs.choices import choices_for
from train.runs.folders import claim, claimed_seed, rehearsal_folder, run_folder
from train.runs.pretrain import Pretraining


def fit_run(
    recipe: Recipe,
    protocol: str,
    fold: int,
    seed: int,
    run: Path,
    announce: bool = False,
    runs: Path | None = None,
) -> list[dict]:
    """Train one fold into `run` (or finish what is there) and return its metrics rows.

    A recipe that says `refit` is rehearsed first, in a folder beside `run`, and one that says
    `pretrain` starts from a fit in `runs` (`places.RUNS`), where that was not done. Raises
    ValueError where a folder holds anything else than the beginning of this very run.
    """
    recipe = without_refit(recipe) if protocol in UNREHEARSED else recipe
    rehearsals = []
    if recipe.train.refit:
        rehearsed, folds = REHEARSED_ON.get(protocol, (protocol, [fold]))
        home = run.parent.parent / rehearsed if protocol in REHEARSED_ON else run.parent
        rehearsals = [rehearsal_folder(home, number) for number in folds]
        for number, folder in zip(folds, rehearsals, strict=True):
            rehearse(recipe, rehearsed, number, seed, folder, announce, runs)
    elif protocol in REHEARSED_ON:
        raise ValueError(f"{protocol} holds nobody out to choose on: its recipes need `refit`.")
    utterances = load_corpora(recipe.corpora)
    split = choose_fold(make_splits(protocol, utterances, seed), fold)
    if rehearsals:
        split = with_validation(split, utterances)
    elif not split.validation:
        split = with_some_validating(split)
    return _fit_split(recipe, split, seed, run, utterances, announce, runs, rehearsals)


def rehearse(
    recipe: Recipe,
    protocol: str,
    fold: int,
    seed: int,
    run: Path,
    announce: bool = False,
    runs: Path | None = None,
) -> list[dict]:
    """Make a fold's choices: fit it without the validation speakers, and judge only those.

    One rehearsal serves the runs of every seed; where it was begun, it keeps the seed it has.
    """
    begun = claimed_seed(run)
    seed = seed if begun is None else begun
    utterances = load_corpora(recipe.corpora)
    split = choose_fold(make_splits(protocol, utterances, seed), fold)
    if recipe.pretrain.recipe:
        Pretraining(recipe).check_apart(split)  # from those who test, too
    split = replace(split, test=())
    recipe = without_refit(recipe)
    return _fit_split(recipe, split, seed, run, utterances, announce, runs, rehearsing=True)


def without_refit(recipe: Recipe) -> Recipe:
    """The same recipe, which chooses on its validation clips and leaves it at that."""
    members = tuple(without_refit(member) for member in recipe.members)
    return replace(recipe, train=replace(recipe.train, refit=False), members=members)


def _fit_split(
    recipe: Recipe,
    split: Split,
    seed: int,
    run: Path,
    utterances: Sequence[Utterance],
    announce: bool,
    runs: Path | None,
    rehearsals: Sequence[Path] = (),
    rehearsing: bool = False,
) -> list[dict]:
    base = runs or places.RUNS
    if recipe.members:
        folders = [
            _fit_earlier(member, split, seed, base, announce, rehearsing)
            for member in recipe.members
        ]
        return _join(recipe, split, seed, run, utterances, folders, rehearsals)
    start, taught_by, more = None, None, {}
    if recipe.pretrain.recipe:
        pretraining = Pretraining(recipe)
        pretraining.check_apart(split)
        start = pretraining.fit(seed, base)
        more["pretrained"] = content_hash(start / checkpoint.WEIGHTS_NAME)
    if recipe.distill.teacher:
        teacher = distill.Teacher(recipe)
        taught_by = _fit_earlier(teacher.recipe, split, seed, base, announce, rehearsing)
        more["teacher"] = content_hash(taught_by / checkpoint.WEIGHTS_NAME)
    claim(run, recipe, split, seed, data_sha256(utterances), **more)
    if (run / checkpoint.METRICS_NAME).exists():
        return evidence.read_rows(run)
    store = FeatureStore(utterances, recipe.features, recipe.augment, seed)
    if announce:
        cost.announce(recipe, split, store)
    choices, said = _take_over(rehearsals, run) if rehearsals else (None, {})
    if start:
        said["pretraining"] = {
            "recipe": pretraining.recipe.name,
            "corpora": list(pretraining.recipe.corpora),
            "speakers": _public_speakers(pretraining.utterances),
            "minutes": loop.read_minutes(start),
        }
    if taught_by:
        said["teacher"] = teacher.told(taught_by)
    weights = pretraining.weights(start) if start else None
    taught = teacher.answers(taught_by, split.train, utterances) if taught_by else None
    fitted = loop.fit(recipe, split, store, run, seed, choices, weights, taught)
    config = CheckpointConfig(
        model_name=recipe.model_name,
        model_args=recipe.model_args | getattr(fitted.model, "checkpoint_args", {}),
        features=recipe.features,
        stretches=recipe.inference.stretches,
        temperature=fitted.temperature,
        training={
            **told(recipe, split, seed),
            **said,
            "best_epoch": fitted.best_epoch,
            "n_epochs": len(fitted.history),
            "minutes": loop.read_minutes(run),
        },
    )
    if recipe.train.by_corpus and not rehearsing:
        config = choices_for(recipe, split.protocol, base).into(config)
    save_run(run, fitted.model, config)
    if fitted.unheard is not None:
        distill.save_unheard(run, split.train, fitted.unheard.numpy())
    pictures.training_history(fitted.history, run / "training_history.png")
    return evaluate_run(run)


def _fit_earlier(
    recipe: Recipe, split: Split, seed: int, runs: Path, announce: bool, rehearsing: bool
) -> Path:
    """Fit a member of an ensemble, or a teacher, as by itself; returns its folder."""
    home = runs / recipe.name / split.protocol
    if rehearsing:
        run = rehearsal_folder(home, split.fold)
        rehearse(recipe, split.protocol, split.fold, seed, run, announce, runs)
    else:
        run = run_folder(home, split.fold, seed)
        fit_run(recipe, split.protocol, split.fold, seed, run, announce, runs)
    return run


def _join(
    recipe: Recipe,
    split: Split,
    seed: int,
    run: Path,
    utterances: Sequence[Utterance],
    folders: Sequence[Path],
    rehearsals: Sequence[Path],
) -> list[dict]:
    """Make the fitted members in `folders` one checkpoint in `run`, and evaluate it.

    The temperature of their average is fitted on the validation clips, here or in the rehearsals.
    """
    weights = [content_hash(folder / checkpoint.WEIGHTS_NAME) for folder in folders]
    claim(run, recipe, split, seed, data_sha256(utterances), members=" ".join(weights))
    if (run / checkpoint.METRICS_NAME).exists():
        return evidence.read_rows(run)
    loaded = [checkpoint.load(folder) for folder in folders]
    choices, said = _take_over(rehearsals, run) if rehearsals else (None, {})
    trained = [one.config.training for one in loaded]
    config = CheckpointConfig(
        model_name=checkpoint.ENSEMBLE,
        model_args={},
        features=recipe.features,
        temperature=choices.temperature if choices else 1.0,
        training={
            **told(recipe, split, seed),
            **said,
            "best_epoch": max(one["best_epoch"] for one in trained),
            "n_epochs": max(one["n_epochs"] for one in trained),
            "minutes": round(sum(one["minutes"] for one in trained), 1),
        },
        members=tuple(replace(one.config, golden=None) for one in loaded),
        shares=recipe.shares,
    )
    model = nn.ModuleList(one.model for one in loaded)
    if not choices:
        checkpoint.save(run, model, config)
        answers = predict_all(load_run(run), split.validation, split.fold, seed)
        config = replace(config, temperature=_temperature([answers], [1.0]))
    save_run(run, model, config)
    distill.join_unheard(run, split.train, folders)
    return evaluate_run(run)


def told(recipe: Recipe, split: Split, seed: int) -> dict:
    """What config.json says of the training, whatever came of it."""
    speakers = {
        f"{part}_speakers": _public_speakers(utterances) for part, utterances in split.parts.items()
    }
    return {
        "recipe": recipe.name,
        "description": recipe.description,
        "corpora": list(recipe.corpora),
        "protocol": split.protocol,
        "fold": split.fold,
        "seed": seed,
        **speakers,
        "git_commit": git_commit(),
    }


def save_run(run: Path, model: nn.Module, config: CheckpointConfig) -> None:
    """Write the checkpoint with the answer that it gives to the golden clip."""
    checkpoint.save(run, model, config)
    golden = EmotionPipeline(checkpoint.load(run)).golden_answer()
    checkpoint.save_config(run, replace(config, golden=golden))


def _take_over(rehearsals: Sequence[Path], run: Path) -> tuple[loop.Choices, dict]:
    """Join rehearsals' predictions; returns their choices and what config.json says of them.

    Of several, the median number of epochs and the temperature that suits them together.
    """
    name = f"validation-{PREDICTIONS_NAME}"
    configs = [checkpoint.load(folder).config for folder in rehearsals]
    heard = [Predictions.load(folder / name) for folder in rehearsals]
    Predictions.join(heard).save(run / name)
    rates = max((loop.read_history(f, "learning_rate") for f in rehearsals), key=len)
    speakers = {
        part: sorted({name for c in configs for name in c.training[f"{part}_speakers"]})
        for part in ("train", "validation")
    }
    temperatures = [c.temperature for c in configs]
    return (
        loop.Choices(
            round(float(np.median([c.training["best_epoch"] for c in configs]))),
            temperatures[0] if len(configs) == 1 else _temperature(heard, temperatures),
            rates,
        ),
        {"refit": True, "rehearsal_speakers": speakers},
    )


def _temperature(answers: Sequence[Predictions], used: Sequence[float]) -> float:
    """The temperature that suits all these answers, each of which was given at one of `used`."""
    logits = [t * np.log(a.probabilities) for a, t in zip(answers, used, strict=True)]
    labels = [a.labels for a in answers]
    return loop.fit_temperature(
        torch.from_numpy(np.concatenate(logits)), torch.from_numpy(np.concatenate(labels))
    )


def _public_speakers(utterances: Sequence[Utterance]) -> list[str]:
    """Speaker ids as a published config.json may hold them: visitors are one anonymous name."""
    return sorted({"feedback" if u.corpus == "feedback" else u.speaker for u in utterances})
