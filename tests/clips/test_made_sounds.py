"""Sounds made here: whispers keep the words and lose the voice."""

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from train.clips.made_sounds import MADE, PEAK, SECONDS, babble, whispered


def harmonicity(samples, lowest_hz=80, highest_hz=400):
    """The highest autocorrelation at a lag of a voice, of the loudest half a second."""
    n = SAMPLE_RATE // 2
    power = np.convolve(samples**2, np.ones(n), "valid")
    part = samples[power.argmax() :][:n]
    correlation = np.correlate(part, part, "full")[n - 1 :] / (part @ part)
    return correlation[SAMPLE_RATE // highest_hz : SAMPLE_RATE // lowest_hz].max()


def test_a_whisper_has_no_pitch_and_the_course_of_the_voice(speech):
    found = whispered(speech, np.random.default_rng(0))
    assert found.shape == speech.shape and found.dtype == np.float32
    assert harmonicity(speech) > 0.5 > 0.3 > harmonicity(found)
    levels = [
        np.sqrt(np.convolve(x.astype(np.float64) ** 2, np.ones(800) / 800, "same")[::400])
        for x in (speech, found)
    ]
    assert np.corrcoef(*levels)[0, 1] > 0.7
    rms = [np.sqrt(np.mean(np.square(x, dtype=np.float64))) for x in (speech, found)]
    assert rms[1] == pytest.approx(rms[0], rel=1e-5)


def test_silence_whispers_nothing():
    found = whispered(np.zeros(SAMPLE_RATE, np.float32), np.random.default_rng(0))
    assert not found.any()


@pytest.mark.parametrize("kind", [*MADE, "babble"])
def test_made_sounds_are_sounds_and_the_same_for_the_same_draw(kind, speech):
    def make(seed):
        rng = np.random.default_rng(seed)
        return babble([speech], rng) if kind == "babble" else MADE[kind](rng)

    for seed in range(20):
        sound = make(seed)
        assert sound.shape == (round(SECONDS * SAMPLE_RATE),) and sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() == pytest.approx(PEAK, rel=1e-5)
    np.testing.assert_array_equal(make(1), make(1))
    assert not np.array_equal(make(1), make(2))
