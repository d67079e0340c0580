"""Metrics against answers worked out by hand."""

import numpy as np
import pytest

from train import metrics


def certain(answers):
    return np.eye(8)[answers]


LABELS = np.array([0, 0, 0, 1, 2, 2])
ANSWERS = np.array([0, 0, 1, 1, 2, 0])


def test_ua_weighs_classes_and_wa_weighs_clips():
    assert metrics.ua(LABELS, certain(ANSWERS)) == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert metrics.wa(LABELS, certain(ANSWERS)) == pytest.approx(4 / 6)


def test_macro_f1_is_over_the_classes_that_occur():
    f1 = [2 * 2 / (2 * 2 + 1 + 1), 2 * 1 / (2 * 1 + 1), 2 * 1 / (2 * 1 + 1)]
    assert metrics.macro_f1(LABELS, certain(ANSWERS)) == pytest.approx(np.mean(f1))


def test_recalls_and_confusion():
    assert metrics.recalls(LABELS, certain(ANSWERS)) == pytest.approx(
        {"neutral": 2 / 3, "calm": 1.0, "happy": 0.5}
    )
    counts = metrics.confusion(LABELS, certain(ANSWERS))
    assert counts.shape == (8, 8)
    assert (counts[0, 0], counts[0, 1], counts[2, 0]) == (2, 1, 1)


def test_calibration_of_a_coin():
    """Confidence 0.75 in class 0, right half of the time: a gap of 0.25."""
    probabilities = np.zeros((100, 8))
    probabilities[:, 0], probabilities[:, 1] = 0.75, 0.25
    labels = np.repeat([0, 1], 50)
    assert metrics.ece(labels, probabilities) == pytest.approx(0.25)
    assert metrics.nll(labels, probabilities) == pytest.approx(-np.log([0.75, 0.25]).mean())
    assert metrics.brier(labels, probabilities) == pytest.approx((2 * 0.25**2 + 2 * 0.75**2) / 2)


def test_a_perfectly_calibrated_model_has_the_floor_that_is_quoted():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(8, 0.4), size=1440)
    labels = np.array([rng.choice(8, p=p) for p in probabilities])
    assert metrics.ece(labels, probabilities) < 0.045


def test_the_interval_is_over_speakers_not_clips():
    """Two speakers, one always right, one always wrong: nothing is known about the next one."""
    labels = np.tile(np.arange(8), 40)
    speakers = np.repeat(["a", "b"], 160)
    answers = np.where(speakers == "a", labels, (labels + 1) % 8)
    low, high = metrics.bootstrap_ci95(labels, certain(answers), speakers)
    assert (low, high) == (0.0, 1.0)
    assert metrics.ua_by_group(labels, certain(answers), speakers) == {"a": 1.0, "b": 0.0}
