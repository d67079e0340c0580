"""What a training is going to take, before it starts."""

import sys
import time
from dataclasses import replace

import numpy as np

from train.clips.batches import sample
from train.clips.store import FeatureStore
from train.corpora.splits import Split
from train.fit.trainer import Trainer
from train.recipes.recipe import Recipe


def announce(
    recipe: Recipe, split: Split, store: FeatureStore, n_runs: int = 1, n_jobs: int = 1
) -> None:
    """Print on standard error what is about to be trained and how long that may take."""
    said = f"{recipe.name} on {split.protocol}: {n_runs} run(s) of {len(split.train)} clips"
    if recipe.train.ridge:
        said += f" and {recipe.augment.copies} copies of each, fitted at once, without epochs."
    else:
        epoch_s = estimate_s(recipe, split, store)
        at_most_h = epoch_s * recipe.train.max_epochs * n_runs / n_jobs / 3600
        said += (
            f", about {epoch_s:.0f} s an epoch, at most {recipe.train.max_epochs} epochs: "
            f"{at_most_h:.1f} h at the most with {n_jobs} at a time."
        )
    print(said, file=sys.stderr, flush=True)


def estimate_s(recipe: Recipe, split: Split, store: FeatureStore) -> float:
    """Seconds that one epoch will take, from timing two batches on a throwaway model."""
    n_clips = len(sample(split.train, recipe.train.sampling, np.random.default_rng(0)))
    clips = split.train[: 2 * recipe.train.batch_size]
    whole = replace(recipe, train=replace(recipe.train, sampling={}))
    trainer = Trainer(whole, clips, store, 0)
    for _ in range(2):  # the first time also warms up
        start = time.perf_counter()
        trainer.train_epoch(0)
        seconds = time.perf_counter() - start
    n_steps = n_clips + len(split.validation) / 3  # a forward pass is a third of a step
    return seconds * n_steps / len(clips)
