"""The closed-form linear head against scikit-learn's, and what it needs of a model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier

from ser.models import registry
from tests import bounds
from tests.bounds import assert_within
from train.__main__ import main
from train.corpora import Utterance
from train.fit import loop, ridge

MODELS = {
    "functionals": {},
    "random_conv": {"n_kernels": 10, "dilations": [1, 2]},
}


def clips_of_two_kinds(n=40, n_features=5):
    """Slow and fast waves in noise, of different lengths; which is which is labels 0 and 1."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        t = np.arange(60 + i)[:, None]
        wave = np.sin(t / (3 if i % 2 else 9) + rng.uniform(0, 6, n_features))
        made.append(torch.from_numpy(wave + 0.3 * rng.standard_normal(wave.shape)).float())
    return made, torch.arange(n) % 2


def of_solution(values, strength):
    """Bound of a ridge's solution, as a share of it: what float32 products of the values are off
    by, times the condition of the matrix that is solved."""
    n = values.shape[1]
    condition = 1 + np.linalg.norm(values, 2) ** 2 / (strength * n)
    return bounds.rounding(n, condition)


@pytest.mark.numeric
@pytest.mark.parametrize("counted", [False, True])
def test_it_is_scikit_learns_balanced_ridge_classifier(counted):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((60, 20)).astype(np.float32)
    labels = np.concatenate([np.arange(8), rng.integers(0, 4, 52)])
    shares = rng.integers(1, 4, 60) if counted else np.ones(60, dtype=int)
    numbers = map(torch.from_numpy, (values, labels, shares))
    weight, bias, _ = ridge.ridge(*numbers, ["one"] * 60, 0.5)
    often = np.repeat(np.arange(60), shares)  # a share of 3 is the clip three times
    reference = RidgeClassifier(alpha=0.5 * 20, class_weight="balanced")
    reference.fit(values[often], labels[often])
    each = len(often) / 8 / np.bincount(labels[often])[labels[often]]  # balanced
    share = of_solution(values[often] * np.sqrt(each)[:, None], 0.5)
    assert_within(share * np.abs(reference.coef_).max(), weight, reference.coef_)
    centre = np.abs(each @ values[often] / len(often))
    size = np.abs(reference.coef_) @ centre + np.abs(reference.intercept_)
    assert_within(share * size, bias, reference.intercept_)


@pytest.mark.numeric
def test_unheard_scores_are_those_of_a_fit_without_the_group():
    """Up to the class means and the centre, which stay those of all clips: here there are none."""
    torch.manual_seed(0)
    half = torch.randn(32, 20)
    values = torch.cat([half, -half])  # of mean zero, in every group
    labels = torch.arange(8).repeat(8)
    shares = torch.ones(64)
    groups = np.tile(np.repeat(["a", "b", "c", "d"], 8), 2)
    unheard = ridge.ridge(values, labels, shares, groups, 0.5).unheard
    for group in "abcd":
        out = groups == group
        weight, bias, _ = ridge.ridge(values[~out], labels[~out], shares[~out], groups[~out], 0.5)
        expected = values[out] @ weight.T + bias
        assert_within(of_solution(values, 0.5) * expected.abs().max(), unheard[out], expected)


@pytest.mark.numeric
def test_a_clip_that_counts_nothing_is_answered_as_any_other():
    torch.manual_seed(0)
    values, labels = torch.randn(40, 20), torch.arange(8).repeat(5)
    shares, groups = torch.ones(40), np.array(["a"] * 36 + ["b"] * 4)
    shares[36:] = 0
    weight, bias, unheard = ridge.ridge(values, labels, shares, groups, 0.5)
    expected = values[36:] @ weight.T + bias
    assert_within(of_solution(values, 0.5) * expected.abs().max(), unheard[36:], expected)


@pytest.mark.numeric
@pytest.mark.parametrize("name", MODELS)
def test_a_fitted_head_tells_clips_apart_that_it_never_saw(name):
    torch.manual_seed(0)
    clips, labels = clips_of_two_kinds()
    labels = torch.cat([labels[:30], torch.arange(8)])
    seen = clips[:30] + [torch.randn(50, 5) for _ in range(8)]
    model = registry.build(name, 5, 8, **MODELS[name])
    model.standardize.fit([clip.numpy() for clip in seen])
    if name == "random_conv":
        model.fit_levels(seen)
    logits, _ = ridge.fit_head(
        model, seen, labels, torch.ones(38), ["one"] * 38, 0.1, torch.ones(38)
    )
    assert logits.shape == (38, 8)
    answers = [int(model(clip[None]).logits.argmax()) for clip in clips[30:]]
    assert answers == [0, 1] * 5
    one = seen[0][None]
    statistics = model.statistics(one, torch.ones(one.shape[:2], dtype=torch.bool))[0]
    deviation = (model.head.norm.running_var + model.head.norm.eps).sqrt()
    size = (model.head.classify.weight.abs() / deviation) @ statistics.abs()
    # A statistic is a sum over the frames; it is divided by its deviation over the clips.
    assert_within(bounds.rounding(len(seen[0]), size), model(one).logits[0], logits[0])


@pytest.mark.numeric
def test_a_stronger_penalty_gives_smaller_weights():
    clips, labels = clips_of_two_kinds()
    labels[:8] = torch.arange(8)
    model = registry.build("functionals", 5, 8)
    sizes = []
    for strength in (0.1, 10.0):
        ridge.fit_head(
            model, clips, labels, torch.ones(len(labels)), ["one"] * 40, strength, torch.ones(40)
        )
        sizes.append(model.head.classify.weight.norm())
    assert sizes[1] < 0.5 * sizes[0]


def test_augmented_copies_are_learnt_beside_the_clips(workplace, tmp_path, monkeypatch):
    path = tmp_path / "noisy.toml"
    path.write_text(
        """
        description = "Statistics of MFCC, of noisy copies too."
        corpora = ["ravdess"]
        [model]
        name = "functionals"
        [augment]
        copies = 2
        probability = 0.0
        background_probability = 1.0
        backgrounds = ["white"]
        [train]
        ridge = 1.0
        clean_share = 0.6
        """
    )
    given = []

    def fit_head(model, clips, labels, shares, speakers, strength, plain):
        given.append((clips, labels, shares, speakers))
        answers = fitted(model, clips, labels, shares, speakers, strength, plain)
        n_plain = len(plain)
        statistics = ridge.all_statistics(model, clips[:n_plain])
        bound = bounds.rounding(n_plain, statistics.abs().mean(dim=0))
        assert_within(bound, model.head.norm.running_mean, statistics.mean(dim=0))
        return answers

    fitted = ridge.fit_head
    monkeypatch.setattr(ridge, "fit_head", fit_head)
    assert main(["fit", "--recipe", str(path), "--output", str(tmp_path / "run")]) == 0
    ((clips, labels, shares, speakers),) = given
    n = len(clips) // 3
    assert len(labels) == len(shares) == len(speakers) == 3 * n == 3 * 16 * 8
    assert_within(bounds.rounding(2, 0.6), shares[:n], [0.6] * n)
    assert_within(bounds.rounding(2, 0.2), shares[n:], [0.2] * 2 * n)
    assert labels[n:].tolist() == [label for label in labels[:n].tolist() for _ in range(2)]
    assert speakers[n:] == [name for name in speakers[:n] for _ in range(2)]
    first, copy = clips[0].float(), clips[n].float()
    assert first.shape == copy.shape and not torch.equal(first, copy)
    assert abs(len(clips[1]) - len(clips[n + 2])) <= 2  # of the same clip, cut alike


@pytest.mark.numeric
def test_many_clips_give_the_same_weights_as_few(monkeypatch):
    """The primal form against the dual one: the same regression, solved the other way round."""
    torch.manual_seed(0)
    values, labels = torch.randn(60, 40), torch.arange(60) % 8
    shares, groups = 0.5 + torch.rand(60), ["one"] * 60
    dual = ridge.ridge(values, labels, shares, groups, 0.5)
    monkeypatch.setattr(ridge, "LARGEST_DUAL", 0)
    primal = ridge.ridge(values, labels, shares, groups, 0.5)
    assert primal.unheard is None and dual.unheard is not None
    each = shares / torch.zeros(8).index_add(0, labels, shares)[labels]
    share = of_solution(values * (each * shares.sum() / 8).sqrt()[:, None], 0.5)
    assert_within(share * dual.weight.abs().max(), primal.weight, dual.weight)
    size = dual.weight.abs() @ (each / 8 @ values).abs() + dual.bias.abs()
    assert_within(share * size, primal.bias, dual.bias)


def test_a_corpus_counts_as_its_share_says_however_many_clips_it_has():
    def clip(corpus: str, number: int) -> Utterance:
        return Utterance(Path(f"{corpus}-{number}.wav"), "sad", corpus, "f", corpus)

    clips = [clip("ravdess", n) for n in range(4)] + [clip("cremad", n) for n in range(10)]
    shares = loop.corpus_shares([*clips, clip("emodb", 0)], {"cremad": 0.5})
    assert shares[:4].sum() == 4 and shares[14] == 1
    assert_within(bounds.rounding(10, 2.0), shares[4:14].sum(), 2.0)
