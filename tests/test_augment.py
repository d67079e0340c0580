"""Augmentation does what its numbers say."""

import numpy as np
import pytest

from ser.audio import SAMPLE_RATE
from train.augment import Augmentation, AugmentConfig, apply, draw

NOTHING = Augmentation(None, None, None, 0)


@pytest.fixture
def tone():
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    return (0.25 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)


def peak_hz(waveform):
    return np.abs(np.fft.rfft(waveform)).argmax() * SAMPLE_RATE / len(waveform)


def test_nothing_happens_to_a_copy_that_drew_nothing(tone):
    np.testing.assert_array_equal(apply(tone, NOTHING), tone)


def test_stretch_changes_length_and_keeps_pitch(tone):
    out = apply(tone, Augmentation(1.05, None, None, 0))
    assert len(out) == pytest.approx(len(tone) / 1.05, rel=1e-3)
    assert peak_hz(out) == pytest.approx(500, abs=2)


def test_pitch_changes_by_semitones_and_keeps_length(tone):
    out = apply(tone, Augmentation(None, 1.0, None, 0))
    assert len(out) == len(tone)
    assert peak_hz(out) == pytest.approx(500 * 2 ** (1 / 12), abs=3)


def test_noise_is_a_factor_of_a_peak_of_one(tone):
    out = apply(tone, Augmentation(None, None, 0.004, 7))
    noise = out - tone / tone.max()
    assert noise.std() == pytest.approx(0.004, rel=0.02)


def test_each_kind_happens_by_itself_at_its_rate_and_within_its_range():
    config = AugmentConfig(copies=1)
    rng = np.random.default_rng(0)
    drawn = [draw(config, rng) for _ in range(4000)]
    happens = np.array(
        [
            [a.stretch_rate is not None, a.pitch_semitones is not None, a.noise_factor is not None]
            for a in drawn
        ]
    )
    np.testing.assert_allclose(happens.mean(axis=0), 0.3, atol=0.03)
    assert happens.all(axis=1).mean() == pytest.approx(0.027, abs=0.01)
    stretches = [a.stretch_rate for a in drawn if a.stretch_rate]
    pitches = [a.pitch_semitones for a in drawn if a.pitch_semitones]
    factors = [a.noise_factor for a in drawn if a.noise_factor]
    assert 0.95 <= min(stretches) < 0.955 and 1.045 < max(stretches) <= 1.05
    assert -1 <= min(pitches) < -0.9 and 0.9 < max(pitches) <= 1
    assert 0.001 <= min(factors) < 0.0015 and 0.0045 < max(factors) <= 0.005


def test_the_generator_alone_decides(tone):
    config = AugmentConfig(copies=1, probability=1.0)
    one, two, other = (apply(tone, draw(config, np.random.default_rng(s))) for s in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert len(one) != len(other)
