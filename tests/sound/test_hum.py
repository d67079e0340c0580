"""Mains hum: found by its steady harmonics, taken out, and nothing else with it."""

import time

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from ser.sound.high_pass import high_pass
from ser.sound.hum import hum_lines, quiet_power, without_hum
from ser.sound.windows import hear

pytestmark = pytest.mark.numeric


def hum(n: int, hz: float, n_lines: int, peak: float) -> np.ndarray:
    t = np.arange(n) / SAMPLE_RATE
    waves = [peak / k * np.sin(2 * np.pi * hz * k * t + k) for k in range(1, n_lines + 1)]
    return np.sum(waves, axis=0).astype(np.float32)


@pytest.fixture(scope="module")
def voice(speech) -> np.ndarray:
    """The golden clip twice, at a usual level, high-passed as the front-end has it."""
    return high_pass(np.concatenate([speech, speech]) * np.float32(0.2 / np.abs(speech).max()))


def rms_db(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("hz", [50.0, 49.9, 60.0, 60.05])
@pytest.mark.parametrize(("n_lines", "peak"), [(5, 0.03), (10, 0.03), (10, 0.01)])
def test_hum_under_a_voice_is_taken_out_and_the_voice_stays(voice, hz, n_lines, peak):
    added = high_pass(hum(len(voice), hz, n_lines, peak))
    clean = without_hum(voice + added)
    middle = slice(SAMPLE_RATE // 4, -SAMPLE_RATE // 4)
    left_db = rms_db((clean - voice)[middle])
    assert left_db < rms_db(added[middle]) - 10  # of the hum
    assert left_db < rms_db(voice[middle]) - 25  # of the voice


def test_the_network_with_more_lines_is_meant(voice):
    hummed = voice + high_pass(hum(len(voice), 60.0, 10, 0.03))  # 300 and 600 Hz are 50's, too
    power = quiet_power(hummed)
    assert {6, 12} <= set(hum_lines(power, 50.0)) and len(hum_lines(power, 60.0)) > 5


def test_without_hum_it_is_the_very_same_sound(voice, noise):
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    held = sum(np.sin(2 * np.pi * 180 * k * t) / k for k in range(1, 4)).astype("f4")
    swelling = np.float32(0.2) * np.sin(np.pi * t / 3) ** 2
    sung = sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 8)) * swelling
    for sound in (
        voice,
        np.tile(noise, 3),
        sung,
        0.1 * held,
        np.zeros(5 * SAMPLE_RATE, np.float32),
        noise[:99],
    ):
        assert without_hum(sound) is sound


def test_a_hum_that_grows_and_fades(voice):
    fade = np.linspace(0.2, 1, len(voice), dtype=np.float32)
    added = fade * high_pass(hum(len(voice), 50.0, 8, 0.03))
    assert rms_db(without_hum(voice + added) - voice) < rms_db(added) - 10


def test_the_front_end_hears_a_hummed_voice_as_it_hears_it_without(speech):
    whole = np.concatenate([speech, speech]) * np.float32(0.2 / np.abs(speech).max())
    clean = hear(whole, version=2)
    hummed = hear(whole + hum(len(whole), 60.0, 10, 0.03), version=2)
    assert len(clean.windows) == len(hummed.windows)
    for one, other in zip(clean.windows, hummed.windows, strict=True):
        assert abs(one.start - other.start) < 0.2 * SAMPLE_RATE
        assert abs(one.stop - other.stop) < 0.2 * SAMPLE_RATE


def test_a_long_sound_takes_little_time(noise):
    long = np.tile(0.1 * noise, 60) + hum(60 * SAMPLE_RATE, 50.0, 10, 0.03)
    start = time.process_time()
    assert without_hum(long) is not long
    assert time.process_time() - start < 6  # a tenth of its length; here it was 0.8 s
