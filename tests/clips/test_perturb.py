"""Each kind of perturbation does what its numbers say, to real frames only."""

import numpy as np
import pytest
import torch

from ser.models.base import MIN_FRAMES
from ser.models.stretch import read_frames
from tests import bounds
from train.clips.perturb import PerturbConfig, draw_frames, mixup, perturb
from train.clips.targets import TargetConfig, TargetSpace
from train.corpora import Utterance

pytestmark = pytest.mark.numeric
OF_PLACE = bounds.rounding(3, 100)  # where a clip of up to 100 frames is read, and what is there


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def batch():
    """Four clips of 30, 40, 50 and 100 frames with 20 features, mean 3 and deviation 2."""
    lengths = torch.tensor([30, 40, 50, 100])
    mask = torch.arange(100) < lengths.unsqueeze(1)
    torch.manual_seed(0)
    return (3 + 2 * torch.randn(4, 100, 20)) * mask.unsqueeze(2), mask


def targets(emotions, corpora=None):
    corpora = corpora or ["one"] * len(emotions)
    clips = [
        Utterance(f"/{n}.wav", emotion, f"s{n}", "f", corpus)
        for n, (emotion, corpus) in enumerate(zip(emotions, corpora, strict=True))
    ]
    return TargetSpace(clips, TargetConfig()).targets(clips)


def test_by_default_nothing_happens(batch, rng):
    features, mask = batch
    before = features.clone()
    state = rng.bit_generator.state
    assert draw_frames(100, PerturbConfig(), rng) is None
    perturb(features, mask, PerturbConfig(), rng)
    assert torch.equal(features, before)
    assert rng.bit_generator.state == state


def test_a_stretched_ramp_is_a_ramp_of_another_length(rng):
    ramp = torch.arange(100.0).unsqueeze(1)
    lengths = []
    for _ in range(300):
        read = read_frames(ramp, draw_frames(100, PerturbConfig(max_stretch=0.2), rng))
        bounds.assert_within(OF_PLACE, read[:, 0], torch.linspace(0, 99, len(read)))
        lengths.append(len(read))
    assert 83 <= min(lengths) < 86 and 120 < max(lengths) <= 125


def test_a_crop_is_one_piece_of_the_clip(rng):
    ramp = torch.arange(100.0).unsqueeze(1)
    pieces = [
        read_frames(ramp, draw_frames(100, PerturbConfig(min_crop=0.5), rng)) for _ in range(300)
    ]
    for piece in pieces:
        expected = piece[0, 0] + torch.arange(float(len(piece)))
        bounds.assert_within(OF_PLACE, piece[:, 0], expected)
    assert {min(map(len, pieces)), max(map(len, pieces))} <= {50, 51, 99, 100}
    assert min(piece[0, 0] for piece in pieces) == 0
    assert max(piece[-1, 0] for piece in pieces) == 99


def test_no_clip_becomes_too_short_to_be_a_window(rng):
    config = PerturbConfig(max_stretch=0.5, min_crop=0.1)
    read = [len(draw_frames(MIN_FRAMES, config, rng)) for _ in range(50)]
    assert min(read) == MIN_FRAMES


def test_frequency_masks_hide_neighbouring_features_behind_their_mean(batch, rng):
    features, mask = batch
    before = features.clone()
    perturb(features, mask, PerturbConfig(n_frequency_masks=1, max_frequency_mask=5), rng)
    widths = []
    for clip, old, real in zip(features, before, mask, strict=True):
        hidden = torch.nonzero((clip != old).any(0)).flatten()
        widths.append(len(hidden))
        if len(hidden):
            assert hidden[-1] - hidden[0] == len(hidden) - 1
        for feature in hidden:
            values = old[real, feature]
            bound = bounds.rounding(len(values), values.abs().mean())
            mean = values.mean().expand(len(values))
            bounds.assert_within(bound, clip[real, feature], mean)
        assert (clip[~real] == 0).all()
    assert max(widths) in range(1, 6)


def test_time_masks_hide_neighbouring_real_frames(batch, rng):
    features, mask = batch
    before = features.clone()
    perturb(features, mask, PerturbConfig(n_time_masks=1, max_time_mask=0.3), rng)
    shares = []
    for clip, old, real in zip(features, before, mask, strict=True):
        hidden = torch.nonzero((clip != old).any(1)).flatten()
        assert real[hidden].all()
        if len(hidden):
            assert hidden[-1] - hidden[0] == len(hidden) - 1
        shares.append(len(hidden) / int(real.sum()))
    assert 0 < max(shares) <= 0.3


def test_noise_is_measured_in_each_feature_s_deviation(batch, rng):
    features, mask = batch
    features[:, :, 1] *= 10
    before = features.clone()
    perturb(features, mask, PerturbConfig(noise=0.5), rng)
    noise = (features - before)[mask]
    variance = sum(
        clip[real].var(0, correction=0) * real.sum()
        for clip, real in zip(before, mask, strict=True)
    )
    expected = 0.5 * (variance / mask.sum()).sqrt()
    error = 3 / np.sqrt(2 * len(noise))  # standard errors of a deviation
    assert noise[:, 0].std() == pytest.approx(expected[0], rel=error)
    assert noise[:, 1].std() == pytest.approx(expected[1], rel=error)
    assert (features[~mask] == 0).all()


def test_mixup_lays_two_clips_over_each_other_with_the_share_of_their_labels(rng):
    emotions = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    features = torch.eye(8).unsqueeze(1).expand(8, 12, 8).clone()  # a clip shows its own label
    mask = torch.ones(8, 12, dtype=torch.bool)
    mask[::2, 10:] = False
    mixed, mixed_mask, answers = mixup(features, mask, targets(emotions), 1.0, rng)
    bounds.assert_within(bounds.rounding(3), mixed[:, 0], answers.emotions)
    bounds.assert_within(bounds.rounding(3), answers.emotions.sum(1), torch.ones(8))
    assert ((answers.emotions > 0.02).sum(1) == 2).any()
    assert (mixed_mask | ~mask).all() and mixed_mask.sum() >= mask.sum()


def test_mixup_partners_are_of_one_corpus(rng):
    corpora = ["one", "two"] * 20
    answers = targets(["happy", "sad"] * 20, corpora)
    features = torch.zeros(40, 9, 2)
    mask = torch.ones(40, 9, dtype=torch.bool)
    _, _, mixed = mixup(features, mask, answers, 1.0, rng)
    bounds.assert_within(bounds.rounding(3), mixed.emotions, answers.emotions)


def test_mixup_shares_follow_alpha(rng):
    answers = targets(["happy", "sad"] * 200)
    features, mask = torch.zeros(400, 9, 2), torch.ones(400, 9, dtype=torch.bool)

    assert answers.emotions[:, 2:4].sum() == 400
    few, many = (
        mixup(features, mask, answers, alpha, rng)[2].emotions.amax(1).mean() for alpha in (0.1, 4)
    )
    assert many < 0.85 < 0.95 < few
