"""The closed-form linear head against scikit-learn's, and what it needs of a model."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier

from ser import models
from train import ridge

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


def test_it_is_scikit_learns_balanced_ridge_classifier():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((60, 20))
    labels = np.concatenate([np.arange(8), rng.integers(0, 4, 52)])
    weight, bias = ridge.ridge(torch.from_numpy(values), torch.from_numpy(labels), 0.5)
    reference = RidgeClassifier(alpha=0.5 * 20, class_weight="balanced").fit(values, labels)
    np.testing.assert_allclose(weight, reference.coef_, atol=1e-5)
    np.testing.assert_allclose(bias, reference.intercept_, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_fitted_head_tells_clips_apart_that_it_never_saw(name):
    torch.manual_seed(0)
    clips, labels = clips_of_two_kinds()
    labels = torch.cat([labels[:30], torch.arange(8)])
    seen = clips[:30] + [torch.randn(50, 5) for _ in range(8)]
    model = models.build(name, 5, 8, **MODELS[name])
    model.standardize.fit([clip.numpy() for clip in seen])
    if name == "random_conv":
        model.fit_levels(seen)
    logits = ridge.fit_head(model, seen, labels, strength=0.1)
    assert logits.shape == (38, 8)
    answers = [int(model(clip[None]).logits.argmax()) for clip in clips[30:]]
    assert answers == [0, 1] * 5
    same = model(seen[0][None]).logits[0]
    torch.testing.assert_close(same, logits[0], atol=1e-3, rtol=1e-3)


def test_a_stronger_penalty_gives_smaller_weights():
    clips, labels = clips_of_two_kinds()
    labels[:8] = torch.arange(8)
    model = models.build("functionals", 5, 8)
    sizes = []
    for strength in (0.1, 10.0):
        ridge.fit_head(model, clips, labels, strength)
        sizes.append(model.head.classify.weight.norm())
    assert sizes[1] < 0.5 * sizes[0]
