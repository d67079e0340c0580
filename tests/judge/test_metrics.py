"""Metrics against answers worked out by hand."""

import numpy as np
import pytest

from train.judge import metrics

pytestmark = pytest.mark.numeric


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


def calibrated(n, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(8, 0.4), size=n)
    return np.array([rng.choice(8, p=p) for p in probabilities]), probabilities


def test_nineteen_of_twenty_perfect_models_stay_under_their_floor():
    under = []
    for seed in range(60):
        labels, probabilities = calibrated(240, seed)
        under.append(metrics.ece(labels, probabilities) <= metrics.ece_floor95(probabilities))
    assert 0.85 <= np.mean(under) < 1


def test_the_floor_falls_with_the_number_of_clips_and_is_the_same_each_time():
    _, few = calibrated(240, 0)
    _, many = calibrated(1440, 0)
    assert metrics.ece_floor95(many) < metrics.ece_floor95(few) < 0.12
    assert metrics.ece_floor95(many) == metrics.ece_floor95(many)
    overconfident = 0.001 * np.ones((1440, 8))
    overconfident[:, 0] = 0.993
    assert metrics.ece(np.repeat([0, 1], 720), overconfident) > metrics.ece_floor95(overconfident)


def test_withheld_answers_are_the_least_sure():
    """Ten answers, ever less sure; the first five are right."""
    probabilities = np.zeros((10, 8))
    probabilities[:, 0] = np.linspace(0.9, 0.6, 10)
    probabilities[:, 1] = 1 - probabilities[:, 0]
    labels = np.repeat([0, 2], 5)
    curve = metrics.coverage(labels, probabilities)
    assert list(curve) == [f"{k / 10:.1f}" for k in range(10, 0, -1)]
    assert (curve["1.0"], curve["0.5"], curve["0.1"]) == (0.5, 1.0, 1.0)
    assert curve["0.8"] == pytest.approx(5 / 8)
    area = (5 + sum(5 / k for k in range(6, 11))) / 10
    assert metrics.coverage_area(labels, probabilities) == pytest.approx(area)


def test_confusion_pairs_are_named_largest_first_and_leave_the_diagonal_out():
    counts = np.zeros((8, 8), dtype=int)
    counts[0, 0], counts[0, 1] = 6, 4
    counts[3, 5], counts[3, 3] = 1, 9
    assert metrics.confusion_pairs(counts) == [
        {"intended": "neutral", "answer": "calm", "share": 0.4},
        {"intended": "sad", "answer": "fearful", "share": 0.1},
    ]
    assert metrics.confusion_pairs(counts, n_pairs=1)[0]["answer"] == "calm"
    assert counts[0, 0] == 6


def test_restricted_answers_are_among_the_classes_that_occur():
    probabilities = np.array([[0.2, 0.5, 0.3, 0, 0, 0, 0, 0], [0, 0.9, 0, 0, 0, 0, 0, 0.1]])
    among = metrics.restricted(np.array([0, 2]), probabilities)
    np.testing.assert_allclose(among[0], [0.4, 0, 0.6, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(among[1], np.zeros(8))


def two_recipes():
    """24 speakers of very different difficulty; `after` is right once more with each."""
    labels = np.tile(np.arange(8), 24)
    speakers = np.repeat([f"s{i:02d}" for i in range(24)], 8)
    n_right = np.repeat(np.arange(24) % 8, 8)
    before = np.where(labels < n_right, labels, (labels + 1) % 8)
    after = np.where(labels <= n_right, labels, (labels + 1) % 8)
    return (labels, certain(before), speakers), (labels, certain(after), speakers)


def test_pairing_takes_the_difficulty_of_the_speakers_out():
    before, after = two_recipes()
    gain, low, high = metrics.paired_gain(before, after)
    assert (gain, low, high) == pytest.approx((1 / 8, 1 / 8, 1 / 8))
    alone = metrics.bootstrap_ci95(*after)
    assert alone[1] - alone[0] > 0.1
    assert metrics.paired_gain(after, before)[0] == pytest.approx(-1 / 8)
    assert metrics.paired_gain(after, after) == (0, 0, 0)


def test_pairing_needs_the_same_speakers():
    before, (labels, probabilities, speakers) = two_recipes()
    with pytest.raises(ValueError, match="same speakers"):
        metrics.paired_gain(before, (labels[8:], probabilities[8:], speakers[8:]))


def test_pairing_joins_one_seed_with_three():
    before, after = two_recipes()
    thrice = tuple(np.concatenate([column] * 3) for column in after)
    assert metrics.paired_gain(before, thrice) == pytest.approx(metrics.paired_gain(before, after))
