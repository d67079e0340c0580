"""Pitch against tones, pulses and librosa's pYIN; descriptors against what their names promise."""

import librosa
import numpy as np
import pytest

from ser.features import FeatureConfig, extract, pitch
from ser.features.descriptors import NAMES, describe
from ser.features.spectral import power_spectrogram
from ser.sound.audio import SAMPLE_RATE

pytestmark = pytest.mark.numeric

HOP = 160
CONFIG = FeatureConfig(kind="descriptors", dynamic_range_db=60.0)


def track(waveform):
    power = power_spectrogram(
        waveform.astype(np.float32), pitch.N_FFT, pitch.WINDOW_LENGTH, HOP, window="hann"
    )
    return pitch.track(power.numpy())


def pulses(hz, seconds=1.0, jitter=0.0, shimmer=0.0, seed=0):
    """A buzz with `hz` pulses a second through two resonances, like a vowel."""
    rng = np.random.default_rng(seed)
    n = int(seconds * SAMPLE_RATE)
    source = np.zeros(n)
    at = 0.0
    while at < n - 1:
        source[int(at)] += 1 + shimmer * rng.standard_normal()
        at += SAMPLE_RATE / hz * (1 + jitter * rng.standard_normal())
    t = np.arange(400) / SAMPLE_RATE
    resonance = np.exp(-300 * t) * (np.sin(2 * np.pi * 700 * t) + np.sin(2 * np.pi * 1200 * t))
    sound = np.convolve(source, resonance)[:n]
    return (sound / np.abs(sound).max()).astype(np.float32)


def columns(waveform, *names):
    values = describe(waveform, 512, 400, HOP, 60.0)
    return [values[10:-10, NAMES.index(name)] for name in names]


@pytest.mark.parametrize("hz", [80, 130, 220, 350, 520])
def test_the_pitch_of_a_buzz_is_found_without_octave_errors(hz):
    found = track(pulses(hz))
    inner = slice(10, -10)
    assert found.voiced[inner].all()
    # The pulses stand on whole samples: a period is up to one too long or too short.
    np.testing.assert_allclose(found.f0_hz[inner], hz, rtol=hz / SAMPLE_RATE)


def test_the_pitch_of_speech_agrees_with_pyin(speech):
    found = track(speech)
    reference, voiced, _ = librosa.pyin(
        speech, fmin=60, fmax=700, sr=SAMPLE_RATE, frame_length=1024, hop_length=HOP
    )
    both = found.voiced & voiced
    assert both.sum() > 50
    error = np.abs(np.log2(found.f0_hz[both] / reference[both]))
    assert np.median(error) < 0.1 / 12  # pYIN's pitches are a tenth of a semitone apart
    assert np.mean(error > 0.25) < 0.05  # a tone of three semitones, or an octave


def test_noise_and_silence_are_unvoiced():
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    assert track(noise).voiced.mean() < 0.1
    assert not track(np.zeros(SAMPLE_RATE)).voiced.any()
    assert np.isfinite(track(np.zeros(SAMPLE_RATE)).f0_hz).all()


def test_jitter_shimmer_and_noise_show_where_they_belong():
    (even,), (uneven,) = (columns(pulses(150, jitter=j), "log_jitter") for j in (0.0, 0.03))
    assert uneven.mean() > even.mean() + 0.5
    (even,), (uneven,) = (columns(pulses(150, shimmer=s), "log_shimmer") for s in (0.0, 0.3))
    assert uneven.mean() > even.mean() + 0.5
    clean = pulses(150)
    noisy = clean + 0.1 * np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    (before,), (after,) = (columns(w, "harmonics_to_noise_db") for w in (clean, noisy))
    assert before.mean() > after.mean() + 3


def test_brightness_shows_in_centroid_slope_and_alpha_ratio():
    rng = np.random.default_rng(0)
    white = rng.standard_normal(SAMPLE_RATE).astype(np.float32)
    dull = np.convolve(white, np.ones(16) / 16, mode="same").astype(np.float32)
    for name in ("centroid", "slope_0_8000", "alpha_ratio_db", "roll_off_90", "log_sharpness"):
        (bright,), (dark,) = columns(white, name), columns(dull, name)
        assert bright.mean() > dark.mean(), name


def test_a_higher_voice_is_higher_by_as_many_semitones():
    (low,), (high,) = (columns(pulses(hz), "pitch_semitones") for hz in (110, 220))
    whole_samples = 12 * np.log2(1 + 220 / SAMPLE_RATE)  # the shorter period is off by up to one
    assert high.mean() - low.mean() == pytest.approx(12, abs=whole_samples)


def test_loudness_changes_nothing(speech):
    quiet = extract(speech * np.float32(2.0**-5), CONFIG)  # -30 dB, and no bit is lost
    np.testing.assert_array_equal(extract(speech, CONFIG), quiet)


def test_every_name_is_a_column_of_finite_values(speech, noise):
    for waveform in (speech, noise, np.zeros(SAMPLE_RATE, dtype=np.float32)):
        values = extract(waveform, CONFIG)
        assert values.shape[1] == len(NAMES) == CONFIG.n_features
        assert np.isfinite(values).all()


def test_the_same_sound_is_described_the_same_whatever_follows(speech):
    """Frames far from a cut do not depend on what was cut off, but for the clip's own peak."""
    whole = describe(speech, 512, 400, HOP, 60.0)
    part = describe(speech[: len(speech) // 2], 512, 400, HOP, 60.0)
    column = NAMES.index("zero_crossings")
    np.testing.assert_array_equal(whole[: len(part) - 5, column], part[:-5, column])
