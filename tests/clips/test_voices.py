"""Voices whose pitch and formants are known."""

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from train.clips import voices

pytestmark = pytest.mark.numeric

PITCH_HZ = 120
FORMANTS_HZ = (700, 1800)
OF_FORMANT_HZ = PITCH_HZ / 4  # harmonics, from which a formant is told, are a pitch apart


@pytest.fixture(scope="module")
def vowel():
    """One second of harmonics under two formants."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    harmonics = np.arange(1, SAMPLE_RATE // 2 // PITCH_HZ)
    hz = harmonics * PITCH_HZ
    levels = sum(1 / (1 + ((hz - formant) / 120) ** 2) for formant in FORMANTS_HZ)
    waves = levels[:, None] * np.sin(2 * np.pi * hz[:, None] * t + harmonics[:, None] ** 2)
    waveform = waves.sum(axis=0)
    return (0.3 * waveform / np.abs(waveform).max()).astype(np.float32)


def spectrum(waveform):
    """Levels at each hertz."""
    return np.abs(np.fft.rfft(waveform, n=SAMPLE_RATE))


def pitch_hz(waveform):
    """Of the comb of harmonics that fits best."""
    levels = spectrum(waveform)
    candidates = np.arange(80, 200)
    return candidates[np.argmax([levels[hz:4000:hz].mean() for hz in candidates])]


def formants_hz(waveform):
    """Level-weighted mean frequency around each of the two peaks."""
    levels = spectrum(waveform) ** 2
    found = []
    for low, high in ((400, 1200), (1200, 2600)):
        hz = np.arange(low, high)
        found.append((hz * levels[low:high]).sum() / levels[low:high].sum())
    return found


def test_the_vowel_is_what_it_should_be(vowel):
    assert pitch_hz(vowel) == PITCH_HZ
    assert formants_hz(vowel) == pytest.approx(FORMANTS_HZ, abs=OF_FORMANT_HZ)


@pytest.mark.parametrize("rate", [0.9, 1.1])
def test_speed_moves_length_pitch_and_formants_together(vowel, rate):
    out = voices.speed(vowel, rate)
    assert len(out) == pytest.approx(len(vowel) / rate, abs=1)  # a whole number
    assert pitch_hz(out) == pytest.approx(PITCH_HZ * rate, abs=1)  # of whole hertz
    assert formants_hz(out) == pytest.approx(np.multiply(FORMANTS_HZ, rate), abs=OF_FORMANT_HZ)


@pytest.mark.parametrize("factor", [0.88, 1.12])
def test_the_vocal_tract_moves_formants_and_nothing_else(vowel, factor):
    out = voices.warp_vocal_tract(vowel, factor)
    assert len(out) == len(vowel)
    assert pitch_hz(out) == PITCH_HZ
    moved = np.multiply(formants_hz(vowel), factor)
    assert formants_hz(out) == pytest.approx(moved, abs=OF_FORMANT_HZ)


def test_a_vocal_tract_of_the_same_length_changes_nothing(vowel):
    # A Fourier transform and back, of frames that are as loud as the vowel.
    bound = bounds.rounding(2 * np.log2(voices.N_FFT), np.abs(vowel).max())
    bounds.assert_within(bound, voices.warp_vocal_tract(vowel, 1.0), vowel)


def test_silence_stays_silent():
    silence = np.zeros(SAMPLE_RATE, np.float32)
    assert not voices.warp_vocal_tract(silence, 1.1).any()
    assert not voices.speed(silence, 1.1).any()
