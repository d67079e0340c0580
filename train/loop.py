"""Epochs, early stopping, best checkpoint; every epoch is saved, so a run can be resumed."""

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from ser import models
from ser.labels import LABELS, N_LABELS
from train.corpora import Utterance
from train.data import FeatureStore, collate, labels_of, training_batches
from train.recipe import Recipe, TrainConfig
from train.splits import Split

STATE_NAME = "last.pt"
HISTORY_NAME = "history.csv"
EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Fitted:
    """The best epoch's model in evaluation mode, the temperature for it, and the history."""

    model: nn.Module
    temperature: float
    history: list[dict[str, float]]

    @property
    def best_epoch(self) -> int:
        """The epoch the weights are from, counted from 1."""
        return int(max(self.history, key=lambda row: row["validation_accuracy"])["epoch"])


def fit(recipe: Recipe, split: Split, store: FeatureStore, run: Path, seed: int) -> Fitted:
    """Train on `split.train`, stop and choose on `split.validation`; `split.test` is not touched.

    `run` keeps the state after each epoch; calling again with the same arguments goes on from it
    and gives what an uninterrupted run gives.
    """
    config = recipe.train
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = models.build(
        recipe.model_name, recipe.features.n_features, N_LABELS, **recipe.model_args
    )
    optimizer = torch.optim.Adam(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        patience=config.plateau_patience,
        factor=config.plateau_factor,
        min_lr=config.min_learning_rate,
    )
    weights = torch.tensor([config.class_weights.get(name, 1.0) for name in LABELS])
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    history, best = _resume(run, parts)
    bar = tqdm(range(len(history), config.max_epochs), str(run), initial=len(history))
    for epoch in bar:
        if _is_over(history, config):
            break
        start = time.perf_counter()
        row = {"epoch": epoch + 1, "learning_rate": optimizer.param_groups[0]["lr"]}
        row |= _train_epoch(model, optimizer, weights, split, store, config, (seed, epoch))
        logits, targets = predict_logits(model, split.validation, store)
        row["validation_loss"] = functional.cross_entropy(logits, targets, weights).item()
        row["validation_accuracy"] = (logits.argmax(1) == targets).float().mean().item()
        row["seconds"] = time.perf_counter() - start
        scheduler.step(row["validation_loss"])
        if not history or row["validation_accuracy"] > max(
            r["validation_accuracy"] for r in history
        ):
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        history.append(row)
        _save(run, parts, history, best)
        bar.set_postfix_str(
            f"loss {row['loss']:.3f}, validation {100 * row['validation_accuracy']:.1f} %"
        )
    model.load_state_dict(best)
    logits, targets = predict_logits(model, split.validation, store)
    return Fitted(model.eval(), fit_temperature(logits, targets), history)


def estimate_s(recipe: Recipe, split: Split, store: FeatureStore) -> float:
    """Seconds that one epoch will take, from timing two batches on a throwaway model."""
    model = models.build(
        recipe.model_name, recipe.features.n_features, N_LABELS, **recipe.model_args
    )
    optimizer = torch.optim.Adam(model.parameters())
    weights = torch.ones(N_LABELS)
    clips = split.train[: 2 * recipe.train.batch_size]
    small = Split(split.protocol, split.fold, clips, split.validation, ())
    for _ in range(2):  # the first time also warms up
        start = time.perf_counter()
        _train_epoch(model, optimizer, weights, small, store, recipe.train, (0, 0))
        seconds = time.perf_counter() - start
    n_steps = len(split.train) + len(split.validation) / 3  # a forward pass is a third of a step
    return seconds * n_steps / len(clips)


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    weights: torch.Tensor,
    split: Split,
    store: FeatureStore,
    config: TrainConfig,
    seed: tuple[int, int],
) -> dict[str, float]:
    """One pass over the training clips; everything random in it follows from `seed`."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(int(rng.integers(2**63)))
    model.train()
    total_loss, n_right = 0.0, 0
    for features, mask, targets in training_batches(split.train, store, config.batch_size, rng):
        logits = model(features, mask).logits
        loss = functional.cross_entropy(logits, targets, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(targets)
        n_right += int((logits.argmax(1) == targets).sum())
    n_clips = len(split.train)
    return {"loss": total_loss / n_clips, "accuracy": n_right / n_clips}


@torch.inference_mode()
def predict_logits(
    model: nn.Module, utterances: Sequence[Utterance], store: FeatureStore
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, 8) and targets (n,) of clips as they are, without augmentation."""
    model.eval()
    clips = [store.clean[u.stem][0] for u in utterances]
    logits = torch.empty(len(clips), N_LABELS)
    by_length = sorted(range(len(clips)), key=lambda i: len(clips[i]))
    for start in range(0, len(clips), EVALUATION_BATCH):
        chosen = by_length[start : start + EVALUATION_BATCH]
        logits[chosen] = model(*collate([clips[i] for i in chosen])).logits
    return logits, labels_of(utterances)


def fit_temperature(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Temperature that minimises the NLL of softmax(logits / temperature) (arXiv:1706.04599)."""
    candidates = torch.logspace(-1, 1, 401)
    losses = [functional.cross_entropy(logits / t, targets).item() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _is_over(history: list[dict[str, float]], config: TrainConfig) -> bool:
    if not history:
        return False
    accuracies = [row["validation_accuracy"] for row in history]
    return len(history) - 1 - int(np.argmax(accuracies)) >= config.patience


def _resume(run: Path, parts: dict) -> tuple[list[dict[str, float]], dict | None]:
    path = run / STATE_NAME
    if not path.exists():
        return [], None
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["history"], state["best"]


def _save(run: Path, parts: dict, history: list[dict[str, float]], best: dict) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**state, "history": history, "best": best}, run / f"{STATE_NAME}.part")
    (run / f"{STATE_NAME}.part").replace(run / STATE_NAME)
    with (run / HISTORY_NAME).open("w", newline="") as file:
        writer = csv.DictWriter(file, history[0].keys())
        writer.writeheader()
        writer.writerows(history)
