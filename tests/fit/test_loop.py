"""Every switch of training changes what it says, and a resumed run is an uninterrupted one."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ser.features import FeatureConfig
from ser.labels import LABELS
from ser.models import registry
from ser.models.attention_lstm import AttentionLSTM
from tests import bounds
from train.clips.augment import AugmentConfig
from train.clips.perturb import PerturbConfig
from train.clips.targets import TargetConfig
from train.corpora import Utterance
from train.corpora.splits import Split
from train.fit import loop
from train.fit.schedule import rate_factor
from train.recipes.recipe import DistillConfig, InferenceConfig, PretrainConfig, Recipe, TrainConfig

EVERYTHING = {
    "optimizer": "adamw",
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "max_gradient": 0.05,
    "bfloat16": True,
    "average_decay": 0.9,
    "patience": 0,
    "label_smoothing": 0.1,
    "focal_gamma": 1.0,
    "sampling": {"ours": 1.5, "theirs": 0.5},
}
PERTURBED = PerturbConfig(
    max_stretch=0.15,
    min_crop=0.8,
    n_frequency_masks=1,
    n_time_masks=1,
    noise=0.1,
    mixup_alpha=0.3,
)


ASKED = TargetConfig(
    mask_by_corpus=True,
    corpus_heads=True,
    votes=0.5,
    tasks={"speaker": 0.1, "adversarial_speaker": 0.1, "sex": 0.1, "age": 0.1, "intensity": 0.1},
)


def recipe(perturb=PERTURBED, targets=TargetConfig(), pretrain=PretrainConfig(), **train):  # noqa: B008
    return Recipe(
        name="made",
        description="",
        corpora=("ours", "theirs"),
        model_name="attention_lstm",
        model_args={"hidden_size": 8, "n_layers": 1},
        features=FeatureConfig(),
        augment=AugmentConfig(),
        perturb=perturb,
        targets=targets,
        pretrain=pretrain,
        distill=DistillConfig(),
        inference=InferenceConfig(),
        train=TrainConfig(**{"batch_size": 16, "max_epochs": 4, "learning_rate": 0.01, **train}),
    )


def plain(**changes):
    return recipe(PerturbConfig(), **changes)


@pytest.fixture(scope="module")
def split():
    """Twelve speakers with a clip of each emotion; the last four validate."""
    intensities = ("strong", "normal")
    clips = [
        Utterance(
            Path(f"/{s}-{e}.wav"),
            e,
            f"s{s}",
            "fm"[s % 2],
            *(("theirs", 20 + 20 * s) if s < 3 else ("ours", None)),
            intensity=None if s < 3 else intensities[s % 3 % 2],
            votes=(0.125,) * 8 if s < 3 else None,
        )
        for s in range(12)
        for e in LABELS
    ]
    return Split("made", 1, tuple(clips[:64]), tuple(clips[64:]), ())


class Store:
    """Features that show the emotion in noise."""

    def __init__(self, utterances):
        rng = np.random.default_rng(0)
        self.clean = {}
        for u in utterances:
            clip = rng.standard_normal((rng.integers(12, 30), 39))
            clip[:, LABELS.index(u.emotion)] += 2
            self.clean[u.stem] = [clip.astype(np.float16)]

    def draw(self, utterance, rng, clean_share):
        return self.clean[utterance.stem][rng.integers(1)]


@pytest.fixture(scope="module")
def store(split):
    return Store(split.train + split.validation)


def weights(model):
    return torch.cat([tensor.flatten().float() for tensor in model.state_dict().values()])


def test_training_learns_what_is_there_to_learn(split, store, tmp_path):
    fitted = loop.fit(recipe(max_epochs=30, average_decay=0.8), split, store, tmp_path, 0)
    assert fitted.history[fitted.best_epoch - 1]["validation_accuracy"] > 0.9


def learned(made, clips, store):
    trainer = loop.Trainer(made, clips, store, seed=0)
    for epoch in range(2):
        trainer.train_epoch(epoch)
    return weights(trainer.judged.model)


@pytest.fixture(scope="module")
def plainly_learned(split, store):
    return learned(plain(), split.train, store)


@pytest.mark.parametrize(
    "train",
    [
        {"class_weights": {"sad": 3.0}},
        *({k: EVERYTHING[k]} for k in ("optimizer", "bfloat16", "label_smoothing", "focal_gamma")),
        {"sampling": EVERYTHING["sampling"]},
    ],
    ids=str,
)
def test_each_switch_changes_the_weights(train, split, store, plainly_learned):
    assert not torch.equal(learned(plain(**train), split.train, store), plainly_learned)


@pytest.mark.parametrize("name", ["max_stretch", "noise", "mixup_alpha"])
def test_each_perturbation_changes_the_weights(name, split, store, plainly_learned):
    made = recipe(PerturbConfig(**{name: getattr(PERTURBED, name)}))
    assert not torch.equal(learned(made, split.train, store), plainly_learned)


@pytest.mark.parametrize(
    "asked",
    [
        {"corpus_heads": True},
        {"votes": 0.5},
        {"tasks": {"speaker": 0.1}},
        {"tasks": {"adversarial_speaker": 0.1}},
    ],
    ids=str,
)
def test_each_target_changes_the_weights(asked, split, store, plainly_learned):
    made = plain(targets=TargetConfig(**asked))
    assert not torch.equal(learned(made, split.train, store), plainly_learned)


def test_masking_changes_the_weights_where_a_corpus_lacks_a_class(split, store, plainly_learned):
    made = plain(targets=TargetConfig(mask_by_corpus=True))
    fewer = [u for u in split.train if u.corpus == "ours" or u.emotion != "happy"]
    assert not torch.equal(learned(made, fewer, store), learned(plain(), fewer, store))
    assert torch.equal(learned(made, split.train, store), plainly_learned)


@pytest.mark.parametrize("interrupted_after", [1, 3])
def test_resumed_is_uninterrupted_with_everything_on(
    split, store, tmp_path, monkeypatch, interrupted_after
):
    made = recipe(
        targets=ASKED, pretrain=PretrainConfig("x", freeze_epochs=2, layer_decay=0.9), **EVERYTHING
    )
    start = loop.Trainer(plain(), split.train, store, 1).learner.model.state_dict()
    whole = loop.fit(made, split, store, tmp_path / "whole", 3, pretrained=start)
    train_epoch, begun = loop.Trainer.train_epoch, []

    def interrupt_once(trainer, epoch):
        begun.append(epoch)
        if len(begun) == interrupted_after + 1:
            raise KeyboardInterrupt
        return train_epoch(trainer, epoch)

    monkeypatch.setattr(loop.Trainer, "train_epoch", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(made, split, store, tmp_path / "resumed", 3, pretrained=start)
    resumed = loop.fit(made, split, store, tmp_path / "resumed", 3, pretrained=start)
    assert begun == [*range(interrupted_after + 1), *range(interrupted_after, 4)]
    assert torch.equal(weights(whole.model), weights(resumed.model))
    assert whole.temperature == resumed.temperature
    timeless = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in fitted.history]
        for fitted in (whole, resumed)
    ]
    assert timeless[0] == timeless[1]


@pytest.mark.numeric
def test_the_moving_average_is_that_of_the_weights_after_each_update(split, store):
    trainer = loop.Trainer(plain(average_decay=0.7), split.train, store, seed=0)
    step, seen = trainer._step, []

    def watch(loss):
        step(loss)
        seen.append({k: v.clone() for k, v in trainer.learner.state_dict().items()})

    trainer._step = watch
    trainer.train_epoch(0)
    assert len(seen) == 4
    for name, average in trainer.judged.state_dict().items():
        if not average.is_floating_point():
            continue
        expected = seen[0][name]
        for state in seen[1:]:
            expected = 0.7 * expected + 0.3 * state[name]
        size = torch.stack([state[name].abs() for state in seen]).amax(dim=0)
        bound = bounds.rounding(3 * len(seen), size)  # two products and a sum each time
        bounds.assert_within(bound, average, expected)
        if name.endswith("running_mean"):
            assert not torch.equal(average, trainer.learner.state_dict()[name])


def test_the_moving_average_is_what_is_judged_and_kept(split, store, tmp_path, monkeypatch):
    trainers = []
    init = loop.Trainer.__init__

    def remember(trainer, *arguments):
        init(trainer, *arguments)
        trainers.append(trainer)

    monkeypatch.setattr(loop.Trainer, "__init__", remember)
    made = plain(average_decay=0.9, patience=0, max_epochs=2)
    fitted = loop.fit(made, split, store, tmp_path, 0)
    (trainer,) = trainers
    assert torch.equal(weights(fitted.model), weights(trainer.average.module.model))
    assert not torch.equal(weights(fitted.model), weights(trainer.learner.model))
    accuracy = trainer.validate(split.validation)["validation_accuracy"]
    assert accuracy == fitted.history[-1]["validation_accuracy"]


def test_without_patience_the_last_epoch_is_kept(split, store, tmp_path):
    fitted = loop.fit(plain(patience=0), split, store, tmp_path, 0)
    assert (fitted.best_epoch, len(fitted.history)) == (4, 4)
    trainer = loop.Trainer(plain(), split.train, store, seed=0)
    for epoch in range(4):
        trainer.train_epoch(epoch)
    assert torch.equal(weights(fitted.model), weights(trainer.learner.model))


@pytest.mark.parametrize(("select", "best"), [("accuracy", 1), ("ua", 2), ("loss", 4)])
def test_the_best_epoch_is_chosen_by_what_the_recipe_says(select, best):
    columns = {"accuracy": [0.5, 0.4, 0.3, 0.5], "ua": [0.4, 0.6, 0.5, 0.5], "loss": [4, 3, 2, 1]}
    history = [
        {f"validation_{name}": values[n] for name, values in columns.items()} for n in range(4)
    ]
    assert loop._best_epoch(history, TrainConfig(select=select)) == best
    assert loop._is_over(history, TrainConfig(select=select, patience=5 - best)) is False
    if best < 4:
        assert loop._is_over(history, TrainConfig(select=select, patience=4 - best)) is True
    assert loop._is_over([], TrainConfig(select=select)) is False


@pytest.mark.numeric
def test_gradients_are_clipped_at_their_norm(split, store):
    norms = []
    for limit in (0.0, 0.01):
        trainer = loop.Trainer(plain(max_gradient=limit), split.train, store, seed=0)
        trainer.train_epoch(0)
        grads = [p.grad.norm() for p in trainer.learner.parameters()]
        norms.append(torch.stack(grads).norm().item())
    assert norms[0] > 0.05
    n_parameters = sum(p.numel() for p in trainer.learner.parameters())
    bound = 1e-6 + bounds.rounding(n_parameters, 0.01)  # torch adds a millionth to the norm
    assert norms[1] == pytest.approx(0.01, abs=bound)


def test_a_model_that_standardizes_is_given_the_training_clips(split, store, monkeypatch):
    class Standardized(AttentionLSTM):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.standardize = SimpleNamespace(fit=given.append)

    given = []
    monkeypatch.setitem(registry.MODELS, "attention_lstm", Standardized)
    loop.Trainer(plain(), split.train, store, seed=0)
    (clips,) = given
    assert len(clips) == len(split.train)
    assert clips[5] is store.clean[split.train[5].stem][0]


def test_a_refit_never_looks_at_validation_clips(split, store, tmp_path):
    rates = [0.01, 0.004, 0.001]
    blind = replace(split, validation=())
    fitted = loop.fit(plain(), blind, store, tmp_path, 0, loop.Choices(3, 1.7, rates))
    assert fitted.temperature == 1.7
    assert fitted.best_epoch == len(fitted.history) == 3
    assert [row["learning_rate"] for row in fitted.history] == rates
    assert loop.read_history(tmp_path, "learning_rate") == rates


def test_a_cosine_rises_to_the_rate_and_falls_to_the_lowest():
    factors = [rate_factor("cosine", e, 10, 2, 0.1) for e in (0, 1, 2, 6, 10)]
    assert factors == pytest.approx([0, 0.5, 1, 0.55, 0.1])


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(("warmup", "peak"), [(4, 4), (0, 6)])
def test_one_cycle_is_torch_s(warmup, peak):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=2.0, total_steps=21, pct_start=(peak + 1) / 21
    )
    for step in range(21):
        factor = rate_factor("onecycle", step, 20, warmup, 0)
        assert 2 * factor == pytest.approx(optimizer.param_groups[0]["lr"])
        if step < 20:
            theirs.step()


def test_the_rate_follows_the_schedule_within_an_epoch(split, store):
    made = plain(schedule="cosine", warmup_epochs=2, max_epochs=4)
    trainer = loop.Trainer(made, split.train, store, seed=0)
    step, rates = trainer._step, []

    def watch(loss):
        rates.append(trainer.rate)
        step(loss)

    trainer._step = watch
    rows = [trainer.train_epoch(epoch) for epoch in range(3)]
    assert rates[:8] == pytest.approx([0.01 * n / 8 for n in range(8)])
    assert rates[8] == pytest.approx(0.01) and rates[8] > rates[9] > rates[11]
    assert [row["learning_rate"] for row in rows] == rates[::4]


def test_a_ridge_leaves_out_clips_of_what_is_none_of_the_eight(split, store, tmp_path):
    linear = replace(
        plain(ridge=1.0), model_name="functionals", model_args={}, features=FeatureConfig()
    )
    bored = replace(split.train[0], path=Path("/bored.wav"), emotion="boredom")
    more = replace(split, train=(*split.train, bored))  # the store has no features of it
    without, beside = (
        loop.fit(linear, one, store, tmp_path / str(n), 0) for n, one in enumerate((split, more))
    )
    assert torch.equal(weights(without.model), weights(beside.model))
    assert without.unheard is not None
    assert beside.unheard is None  # nobody may take them for answers to all clips
