"""Losses against those whose answer is known."""

import pytest
import torch
from torch.nn import functional

from tests import bounds
from tests.bounds import assert_within
from train.clips.targets import Targets
from train.fit.losses import emotion_loss, restrict, smooth

pytestmark = pytest.mark.numeric

WEIGHTS = torch.tensor([1.5, 1.0, 0.5, 2.0])


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(16, 4, requires_grad=True)


@pytest.fixture
def classes():
    torch.manual_seed(1)
    return torch.randint(4, (16,))


def of_loss(logits):
    """Bound of a mean of their logarithmic shares: of the sum, and of each share's softmax."""
    return bounds.rounding(2 * logits.numel(), logits.log_softmax(1).abs().max().item())


def soft(classes):
    return 0.7 * functional.one_hot(classes, 4) + 0.3 * functional.one_hot(classes.flip(0), 4)


def test_hard_targets_are_torch_s_cross_entropy_to_the_bit(logits, classes):
    ours = emotion_loss(logits, functional.one_hot(classes, 4).float(), WEIGHTS)
    assert torch.equal(ours, functional.cross_entropy(logits, classes, WEIGHTS))


def test_the_general_form_agrees_with_torch_s(logits, classes):
    hard = functional.one_hot(classes, 4).float()
    tiny = 1e-12  # too little to change a float32, enough for the general form
    ours = emotion_loss(logits, hard, WEIGHTS, focal_gamma=tiny)
    assert_within(of_loss(logits), ours, functional.cross_entropy(logits, classes, WEIGHTS))
    ours = emotion_loss(logits, soft(classes), torch.ones(4))
    assert_within(of_loss(logits), ours, functional.cross_entropy(logits, soft(classes)))


def test_focal_loss_is_its_formula(logits, classes):
    hard = functional.one_hot(classes, 4).float()
    p = logits.softmax(1)[torch.arange(16), classes]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    assert_within(of_loss(logits), emotion_loss(logits, hard, torch.ones(4), 2.0), expected)


def test_smoothing_spreads_over_the_allowed_classes():
    allowed = torch.tensor([[True, True, True, True], [True, True, False, False]])
    answers = Targets(torch.eye(4)[[0, 0]], allowed, torch.zeros(2).numpy(), {})
    expected = torch.tensor([[0.925, 0.025, 0.025, 0.025], [0.95, 0.05, 0, 0]])
    bound = bounds.rounding(4, expected)  # two shares, their product and sum
    assert_within(bound, smooth(answers, 0.1), expected)
    assert torch.equal(smooth(answers, 0.0), answers.emotions)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_a_class_that_a_corpus_lacks_gets_no_gradient(logits, gamma):
    allowed = torch.ones(16, 4, dtype=torch.bool)
    allowed[8:, 3] = False
    emotions = 0.5 * torch.eye(4)[[0] * 16] + 0.5 * torch.eye(4)[[1] * 16]
    restricted = restrict(logits, allowed)
    emotion_loss(restricted, emotions, WEIGHTS, gamma).backward()
    assert (logits.grad[8:, 3] == 0).all()
    assert (logits.grad[:8, 3] != 0).all()
    assert (restricted[8:].softmax(1)[:, 3] == 0).all()
    expected = logits[8:, :3].softmax(1)
    bound = bounds.rounding(3 + 2)  # the sum of three, what it divides, the quotient
    assert_within(bound, restricted[8:].softmax(1)[:, :3], expected)
