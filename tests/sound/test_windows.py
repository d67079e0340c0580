"""Cuts: everything covered, nothing over 15 s, pauses preferred."""

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from ser.sound.high_pass import N_FFT
from ser.sound.speech import STEP_S
from ser.sound.windows import (
    MARGIN_S,
    MAX_WINDOW_S,
    MIN_REST_S,
    SPEECH_LEVEL_DB,
    SPOKEN_WINDOW_S,
    cut_windows,
    hear,
)
from tests import bounds

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("seconds", [0.4, 14.99, 15.0, 15.01, 16.0, 29.9, 30.1, 47.3, 600.0])
def test_windows_cover_all_and_keep_the_limit(seconds):
    noise = np.random.default_rng(0).standard_normal(int(seconds * SAMPLE_RATE)).astype("f4")
    windows = cut_windows(noise)
    assert windows[0][0] == 0 and windows[-1][1] == len(noise)
    assert all(a[1] == b[0] for a, b in zip(windows, windows[1:], strict=False))
    lengths = np.array([b - a for a, b in windows]) / SAMPLE_RATE
    assert lengths.max() <= MAX_WINDOW_S
    assert len(windows) == 1 or lengths.min() >= MIN_REST_S - 0.01


def test_the_cut_lies_in_the_pause():
    noise = np.random.default_rng(0).standard_normal(20 * SAMPLE_RATE).astype("f4")
    pause = slice(int(11.8 * SAMPLE_RATE), int(12.2 * SAMPLE_RATE))
    noise[pause] *= 1e-3
    (_, cut), _ = cut_windows(noise)
    assert pause.start < cut < pause.stop


# --- version 2: only where somebody speaks ---


def pink(n_samples: int, peak: float) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(n_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    sound = np.fft.irfft(spectrum, n_samples)
    return (peak * sound / np.abs(sound).max()).astype(np.float32)


def span(waveform: np.ndarray) -> tuple[float, float]:
    """From the first to the last second that is judged."""
    windows = hear(waveform.astype(np.float32), version=2).windows
    return windows[0].start / SAMPLE_RATE, windows[-1].stop / SAMPLE_RATE


def seconds(n: float) -> np.ndarray:
    return np.zeros(int(n * SAMPLE_RATE), np.float32)


STEP_TOLERANCE_S = 4 * STEP_S  # what is heard before may move the detector by a few steps


@pytest.mark.parametrize("offset", [0.0, 0.03, -0.1])
def test_a_long_pause_with_the_noise_of_a_room_has_no_vote(speech, offset):
    start, stop = span(speech)
    long = np.concatenate([speech, seconds(30)])
    heard = hear((long + pink(len(long), 0.005) + offset).astype(np.float32), version=2)
    assert len(heard.windows) == 1
    assert span(long + offset) == pytest.approx((start, stop), abs=STEP_TOLERANCE_S)


@pytest.mark.parametrize("kind", ["thump", "click", "beep", "offset before zeros", "rumble"])
def test_speech_and_not_the_loudest_frame_decides_what_is_judged(speech, kind):
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    before = {
        "thump": 0.9 * np.sin(2 * np.pi * 100 * t[:960]),
        "click": np.full(128, 0.9),
        "beep": 0.5 * np.sin(2 * np.pi * 1000 * t),
        "offset before zeros": 0 * t,
        "rumble": 0 * t,
    }[kind]
    voice = 0.3 * speech / np.abs(speech).max()
    lead = np.concatenate([before, seconds(0.5)])
    whole = np.concatenate([lead, voice + (0.03 if "offset" in kind else 0), seconds(0.5)])
    if kind == "rumble":
        whole = whole + 0.1 * np.sin(2 * np.pi * 30 * np.arange(len(whole)) / SAMPLE_RATE)
    expected = [at + len(lead) / SAMPLE_RATE for at in span(voice)]
    # the clip alone begins at 0, where no margin is left before it
    assert span(whole) == pytest.approx(expected, abs=STEP_TOLERANCE_S + MARGIN_S)


def test_a_window_is_brought_to_the_level_of_its_speech(speech):
    loud, quiet = (hear(np.float32(gain) * speech, version=2).windows for gain in (0.5, 0.005))
    # The same filter, a Fourier transform and back, on samples 100 times smaller.
    bound = bounds.rounding(2 * np.log2(N_FFT), np.abs(loud[0].samples).max())
    bounds.assert_within(bound, quiet[0].samples, loud[0].samples)
    rms_db = 20 * np.log10(np.sqrt(np.mean(loud[0].samples ** 2)))
    assert SPEECH_LEVEL_DB - 6 < rms_db < SPEECH_LEVEL_DB + 1  # pauses and margins are in it


def test_sentences_far_apart_are_windows_of_their_own_with_votes_by_speech(speech):
    sound = np.concatenate([speech, seconds(3), speech, speech])
    heard = hear(sound, version=2)
    first, *others = heard.windows
    assert first.stop < others[0].start
    # Each sentence begins and ends a few steps earlier or later than it does alone.
    after_s = sum(window.speech_s for window in others)
    assert after_s == pytest.approx(2 * first.speech_s, abs=4 * STEP_TOLERANCE_S)
    assert heard.speech_s == pytest.approx(first.speech_s + after_s)


def test_without_speech_what_is_loud_is_judged_and_said(noise):
    sound = np.concatenate([seconds(2), noise, seconds(2)])
    heard = hear(sound, version=2)
    assert heard.speech_s == 0
    assert span(sound) == pytest.approx((2 - MARGIN_S, 3 + MARGIN_S), abs=2 * STEP_S)


@pytest.mark.parametrize("longest_s", [SPOKEN_WINDOW_S, MAX_WINDOW_S])
def test_a_long_speech_is_cut_at_pauses_into_windows_of_at_most_so_long(speech, longest_s):
    sound = np.concatenate([speech] * 20)
    windows = hear(sound, 2, longest_s).windows
    assert all(w.stop - w.start <= longest_s * SAMPLE_RATE for w in windows)
    assert len(windows) >= len(sound) / SAMPLE_RATE / longest_s
    assert [w.start for w in windows[1:]] == [w.stop for w in windows[:-1]]


def test_never_more_speech_than_sound(speech):
    voice = speech[8_000:12_960]  # ends within a step
    assert 0 < hear(voice, version=2).speech_s <= len(voice) / SAMPLE_RATE


def test_version_1_hears_everything_as_it_is(speech):
    (window,) = hear(speech, version=1).windows
    np.testing.assert_array_equal(window.samples, speech)
    assert hear(speech, version=1).speech_s is None
