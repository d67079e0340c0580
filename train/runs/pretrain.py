"""Weights to start from: a recipe fitted on other corpora, once a seed, before any protocol."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from ser import models
from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.labels import N_LABELS
from train import places
from train.clips.store import FeatureStore
from train.corpora import Utterance, data_sha256, load_corpora
from train.corpora.splits import Split
from train.fit import cost, loop
from train.recipes.load import load_recipe
from train.recipes.recipe import Recipe
from train.runs.folders import claim, is_claimed, pretraining_folder

VALIDATION_SHARE = 0.1  # of the speakers of each corpus


def speaker_split(utterances: Sequence[Utterance]) -> Split:
    """All clips but those of a tenth of each corpus's speakers, which validate; none tests.

    A dialogue's speakers stay together.
    """
    rng = np.random.default_rng(0)
    held_out = set()
    for corpus in sorted({u.corpus for u in utterances}):
        units = sorted({_unit(u) for u in utterances if u.corpus == corpus})
        held_out |= set(rng.permutation(units)[: round(VALIDATION_SHARE * len(units))])
    held_out = held_out or {_unit(utterances[0])}
    return Split(
        "pretrain",
        1,
        tuple(u for u in utterances if _unit(u) not in held_out),
        tuple(u for u in utterances if _unit(u) in held_out),
        (),
    )


def _unit(utterance: Utterance) -> str:
    return utterance.group or utterance.speaker


class Pretraining:
    """The recipe that another one starts from, and its clips."""

    def __init__(self, recipe: Recipe):
        self.wanted = recipe
        self.recipe = load_recipe(recipe.pretrain.recipe)
        if self.recipe.pretrain.recipe:
            raise ValueError(f"{self.recipe.name} is pretrained itself: one step is enough.")
        if self.recipe.features != recipe.features:
            raise ValueError(f"{self.recipe.name} sees other features than {recipe.name}.")
        self.utterances = load_corpora(self.recipe.corpora)
        self.split = speaker_split(self.utterances)
        self.data = data_sha256(self.utterances)

    def check_apart(self, split: Split) -> None:
        """ValueError where it would hear a voice that `split` holds out."""
        held_out = {u.speaker for part in (split.validation, split.test) for u in part}
        if heard := held_out & {u.speaker for u in self.utterances}:
            raise ValueError(
                f"The pretraining {self.recipe.name} hears {', '.join(sorted(heard))}, who must "
                f"not be heard before {split.protocol} judges them."
            )

    def store(self, seed: int) -> FeatureStore:
        """The features of its clips."""
        return FeatureStore(self.utterances, self.recipe.features, self.recipe.augment, seed)

    def folder(self, seed: int, runs: Path) -> Path:
        """Where its fit lies or will lie: in `KEPT_FITS` if that holds it, else in `runs`."""
        kept = places.KEPT_FITS / self.recipe.name / f"seed-{seed}"
        if is_claimed(kept, self.recipe, self.split, seed, self.data):
            return kept
        return pretraining_folder(runs, self.recipe, seed)

    def is_fitted(self, seed: int, runs: Path) -> bool:
        """Whether nothing is left to do for `fit`."""
        return (self.folder(seed, runs) / checkpoint.CONFIG_NAME).exists()

    def fit(self, seed: int, runs: Path) -> Path:
        """Fit it (or finish what is there); returns its folder, which holds a checkpoint."""
        run = self.folder(seed, runs)
        claim(run, self.recipe, self.split, seed, self.data)
        if self.is_fitted(seed, runs):
            return run
        store = self.store(seed)
        cost.announce(self.recipe, self.split, store)
        fitted = loop.fit(self.recipe, self.split, store, run, seed)
        config = CheckpointConfig(
            model_name=self.recipe.model_name,
            model_args=self.recipe.model_args,
            features=self.recipe.features,
            training={"recipe": self.recipe.name, "best_epoch": fitted.best_epoch},
        )
        checkpoint.save(run, fitted.model, config)
        return run

    def weights(self, run: Path) -> dict[str, torch.Tensor]:
        """Those that fit the waiting model by name and shape; says on standard error which do not.

        Raises ValueError where none does.
        """
        loaded = load_file(run / checkpoint.WEIGHTS_NAME)
        recipe = self.wanted
        model = models.build(
            recipe.model_name, recipe.features.n_features, N_LABELS, **recipe.model_args
        )
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        fitting = {name: t for name, t in loaded.items() if shapes.get(name) == t.shape}
        left = sorted((shapes.keys() | loaded.keys()) - fitting.keys())
        if not fitting:
            raise ValueError(f"No weight of {run} fits the model of {recipe.name}.")
        print(
            f"{recipe.name} starts from {len(fitting)} tensors of {run}; "
            f"left out: {', '.join(left) or 'none'}.",
            file=sys.stderr,
        )
        return fitting
