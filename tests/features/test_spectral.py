"""librosa defines both features; tones and noise have known answers."""

import librosa
import numpy as np
import pytest

from ser.features.spectral import (
    N_CHROMA,
    N_CONTRAST,
    chroma,
    chroma_filters,
    contrast_bands,
    spectral_contrast,
)
from ser.sound.audio import SAMPLE_RATE
from tests import bounds

pytestmark = pytest.mark.numeric


def power_of(waveform: np.ndarray, n_fft: int = 512) -> np.ndarray:
    spectrum = librosa.stft(waveform, n_fft=n_fft, win_length=400, hop_length=160, window="hamming")
    return (np.abs(spectrum) ** 2).astype(np.float32)


@pytest.mark.parametrize("n_fft", [512, 1024])
def test_chroma_is_librosas(speech, n_fft):
    power = power_of(speech, n_fft)
    expected = librosa.feature.chroma_stft(S=power, sr=SAMPLE_RATE, tuning=0.0).T
    assert chroma(power).shape == (power.shape[1], N_CHROMA)
    # Two sums of positive terms, one of which divides the other.
    bound = bounds.rounding(2 * len(power), expected)
    bounds.assert_within(bound, chroma(power), expected)


@pytest.mark.parametrize("n_fft", [512, 1024])
def test_chroma_filters_are_librosas(n_fft):
    expected = librosa.filters.chroma(sr=SAMPLE_RATE, n_fft=n_fft)
    # Both are float64 rounded to float32.
    bounds.assert_within(bounds.rounding(1, expected), chroma_filters(n_fft), expected)


@pytest.mark.parametrize("n_fft", [512, 1024])
def test_contrast_is_librosas(speech, n_fft):
    power = power_of(speech, n_fft)
    expected = librosa.feature.spectral_contrast(S=np.sqrt(power), sr=SAMPLE_RATE).T
    assert spectral_contrast(power).shape == (power.shape[1], N_CONTRAST)
    n_averaged = np.array([n for *_, n in contrast_bands(len(power))])
    db = 10 * np.log10(np.sqrt(power).max())
    # Peak less valley, of two means each; a level lies up to 80 dB from the loudest.
    bound = 2 * bounds.decibels(bounds.rounding(n_averaged + 1), np.abs(db) + 80)
    bounds.assert_within(bound, spectral_contrast(power), expected)


@pytest.mark.parametrize(("note", "pitch_class"), [("C6", 0), ("E6", 4), ("A6", 9)])
def test_a_note_is_strongest_in_its_pitch_class(note, pitch_class):
    hz = librosa.note_to_hz(note)
    tone = np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert chroma(power_of(tone))[50].argmax() == pitch_class


def test_harmonics_stand_out_more_than_noise():
    rng = np.random.default_rng(0)
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 40)).astype(np.float32)
    noise = rng.standard_normal(SAMPLE_RATE).astype(np.float32)
    of_voice, of_noise = (spectral_contrast(power_of(x))[10:-10].mean(0) for x in (voice, noise))
    assert (of_voice[2:] > of_noise[2:] + 3).all()


def test_silence_is_finite():
    silence = np.zeros((257, 20), np.float32)
    assert (chroma(silence) == 0).all()
    assert (spectral_contrast(silence) == 0).all()
