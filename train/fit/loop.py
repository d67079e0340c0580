"""Epochs, early stopping, best checkpoint; every epoch is saved, so a run can be resumed."""

import csv
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from ser.labels import LABELS, N_LABELS
from train.clips.store import FeatureStore
from train.corpora import Utterance
from train.corpora.splits import MEASURED, Split
from train.fit import by_corpus, ridge
from train.fit.trainer import Trainer, predict
from train.recipes.recipe import Recipe, TrainConfig

STATE_NAME = "last.pt"
HISTORY_NAME = "history.csv"
History = list[dict[str, float]]


@dataclass(frozen=True)
class Choices:
    """What was chosen on the validation clips of a rehearsal, for a fit that has none."""

    n_epochs: int
    temperature: float
    learning_rates: list[float]  # of each epoch


@dataclass(frozen=True)
class Fitted:
    """The best epoch's model in evaluation mode, the temperature for it, and the history.

    `best_epoch` is the one that the weights are from, counted from 1. `unheard` (n, 8), where the
    head was fitted at once: what each training clip is answered with its speaker left out.
    """

    model: nn.Module
    temperature: float
    history: History
    best_epoch: int
    unheard: torch.Tensor | None = None


def fit(
    recipe: Recipe,
    split: Split,
    store: FeatureStore,
    run: Path,
    seed: int,
    choices: Choices | None = None,
    pretrained: Mapping[str, torch.Tensor] | None = None,
    taught: Mapping[str, torch.Tensor] | None = None,
) -> Fitted:
    """Train on `split.train`, stop and choose on `split.validation`; `split.test` is not touched.

    Given the `choices` of a rehearsal, nothing is left to choose, and `split.validation` is not
    touched either. `pretrained` and `taught`: see `Trainer`. `run` keeps the state after each
    epoch; calling again with the same arguments goes on from it and gives what an uninterrupted
    run gives.
    """
    config = recipe.train
    run.mkdir(parents=True, exist_ok=True)
    if config.ridge:
        return _fit_at_once(recipe, split, store, run, seed, choices, pretrained)
    trainer = Trainer(recipe, split.train, store, seed, pretrained, taught)
    history, best = _resume(run, trainer)
    n_epochs = choices.n_epochs if choices else config.max_epochs
    bar = tqdm(range(len(history), n_epochs), str(run), initial=len(history), total=n_epochs)
    for epoch in bar:
        if not choices and _is_over(history, config):
            break
        start = time.perf_counter()
        if choices and config.schedule == "plateau":
            trainer.rate = choices.learning_rates[epoch]
        row = trainer.train_epoch(epoch)
        said = f"loss {row['loss']:.3f}"
        if not choices:
            row |= trainer.validate(split.validation)
            said += f", validation {100 * row['validation_accuracy']:.1f} %"
        row["seconds"] = time.perf_counter() - start
        history.append(row)
        if choices or _best_epoch(history, config) == len(history):
            best = {k: v.clone() for k, v in trainer.judged.model.state_dict().items()}
        _save(run, trainer, history, best)
        bar.set_postfix_str(said)
    trainer.judged.model.load_state_dict(best)
    if choices:
        return Fitted(trainer.judged.model.eval(), choices.temperature, history, n_epochs)
    temperature = _temperature(trainer, split.validation)
    return Fitted(trainer.judged.model.eval(), temperature, history, _best_epoch(history, config))


def _fit_at_once(
    recipe: Recipe,
    split: Split,
    store: FeatureStore,
    run: Path,
    seed: int,
    choices: Choices | None,
    pretrained: Mapping[str, torch.Tensor] | None,
) -> Fitted:
    """Fit the linear head in closed form, to clips of the eight emotions alone: one "epoch"."""
    start = time.perf_counter()
    n_all = len(split.train)
    split = replace(split, train=tuple(u for u in split.train if u.emotion in LABELS))
    trainer = Trainer(recipe, split.train, store, seed, pretrained)
    model, config = trainer.learner.model, trainer.config
    if hasattr(model, "fit_levels"):
        plain = [store.clean[u.stem][0] for u in split.train]
        model.fit_levels([torch.from_numpy(clip).float() for clip in plain])
    clips, numbers, counts = to_learn(recipe, split.train, store)
    labels = trainer.targets.classes[numbers]
    if config.by_corpus:
        statistics = ridge.all_statistics(model, clips)
        corpora = [split.train[n].corpus for n in numbers]
        known = by_corpus.grouped(statistics, labels, counts, corpora, len(split.train))
        by_corpus.Learnt(known, config.corpus_shares).head(config.ridge).into(model)
        with torch.no_grad():
            logits, unheard = model.head(statistics)[0], None
    else:
        weights = corpus_shares(split.train, config.corpus_shares)
        speakers = [split.train[n].speaker for n in numbers]
        logits, unheard = ridge.fit_head(
            model, clips, labels, counts * weights[numbers], speakers, config.ridge, weights
        )
    row = {
        "epoch": 1,
        "learning_rate": 0.0,
        "loss": functional.cross_entropy(logits, labels).item(),
        "accuracy": (logits.argmax(1) == labels).float().mean().item(),
    }
    if not choices:
        row |= trainer.validate(split.validation)
    history = [row | {"seconds": time.perf_counter() - start}]
    _write_history(run, history)
    temperature = choices.temperature if choices else _temperature(trainer, split.validation)
    if len(split.train) < n_all:  # nobody may take them for answers to all
        unheard = None
    if unheard is not None:
        unheard = (unheard[: len(split.train)] / temperature).softmax(dim=1)
    return Fitted(model, temperature, history, 1, unheard)


def to_learn(
    recipe: Recipe, utterances: Sequence[Utterance], store: FeatureStore
) -> tuple[list[torch.Tensor], list[int], torch.Tensor]:
    """Features of all clips, then of their copies; whose they are, and how much each counts."""
    clips = [torch.from_numpy(store.clean[u.stem][0]).float() for u in utterances]
    numbers, n_copies = list(range(len(clips))), recipe.augment.copies
    counts = torch.ones(len(clips))
    if n_copies:
        of_corpora = recipe.augment.corpora
        copied = [n for n, u in enumerate(utterances) if u.corpus in (of_corpora or {u.corpus})]
        counts[copied] *= recipe.train.clean_share
        for n in copied:
            clips += map(torch.from_numpy, store.copies[utterances[n].stem])
        numbers += [n for n in copied for _ in range(n_copies)]
        of_copies = (1 - recipe.train.clean_share) / n_copies
        counts = torch.cat([counts, torch.full((len(clips) - len(counts),), of_copies)])
    return clips, numbers, counts


def corpus_shares(utterances: Sequence[Utterance], shares: Mapping[str, float]) -> torch.Tensor:
    """How much each clip counts, (n,): a corpus in `shares` as much as so many of the measured one.

    Clips of the other corpora count 1 each.
    """
    counts = Counter(u.corpus for u in utterances)
    counted = {c: shares[c] * counts[MEASURED] / counts[c] for c in counts if c in shares}
    return torch.tensor([counted.get(u.corpus, 1.0) for u in utterances])


def _temperature(trainer: Trainer, utterances: Sequence[Utterance]) -> float:
    logits, targets = predict(trainer.judged, utterances, trainer.space, trainer.store)
    shipped = targets.classes < N_LABELS
    return fit_temperature(logits[shipped, :N_LABELS], targets.classes[shipped])


def fit_temperature(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Temperature that minimises the NLL of softmax(logits / temperature) (arXiv:1706.04599)."""
    candidates = torch.logspace(-1, 1, 401)
    losses = [functional.cross_entropy(logits / t, targets).item() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _best_epoch(history: History, config: TrainConfig) -> int:
    """Counted from 1; the first of equals, and the last of all where nothing stops early."""
    if config.patience == 0:
        return len(history)
    sign = -1 if config.select == "loss" else 1
    return 1 + int(np.argmax([sign * row[f"validation_{config.select}"] for row in history]))


def _is_over(history: History, config: TrainConfig) -> bool:
    if not history or config.patience == 0:
        return False
    return len(history) - _best_epoch(history, config) >= config.patience


def _resume(run: Path, trainer: Trainer) -> tuple[History, dict | None]:
    path = run / STATE_NAME
    if not path.exists():
        return [], None
    state = torch.load(path, weights_only=True)
    trainer.load_state_dict(state["trainer"])
    return state["history"], state["best"]


def read_history(run: Path, column: str) -> list[float]:
    """One value an epoch, from the history of a run; none where it has none, being an ensemble."""
    if not (run / HISTORY_NAME).exists():
        return []
    with (run / HISTORY_NAME).open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file)]


def read_minutes(run: Path) -> float:
    """How long a run took to train."""
    return round(sum(read_history(run, "seconds")) / 60, 1)


def _save(run: Path, trainer: Trainer, history: History, best: dict) -> None:
    state = {"trainer": trainer.state_dict(), "history": history, "best": best}
    torch.save(state, run / f"{STATE_NAME}.part")
    (run / f"{STATE_NAME}.part").replace(run / STATE_NAME)
    _write_history(run, history)


def _write_history(run: Path, history: History) -> None:
    with (run / HISTORY_NAME).open("w", newline="") as file:
        writer = csv.DictWriter(file, history[0].keys())
        writer.writeheader()
        writer.writerows(history)
