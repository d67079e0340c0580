import numpy as np
import pytest
from scipy import signal

from ser.sound.audio import SAMPLE_RATE
from ser.sound.high_pass import CUTOFF_HZ, ORDER, HighPass, high_pass, impulse_response

EPS = np.finfo(np.float32).eps


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def test_the_impulse_response_is_scipys_butterworth():
    sections = signal.butter(ORDER, CUTOFF_HZ, "highpass", fs=SAMPLE_RATE, output="sos")
    impulse = np.zeros(len(impulse_response()))
    impulse[0] = 1.0
    expected = signal.sosfilt(sections, impulse)
    # both in float64, whose rounding the recursion carries along for all these samples
    bound = len(impulse) * np.finfo(np.float64).eps
    np.testing.assert_allclose(impulse_response(), expected, rtol=0, atol=bound)


@pytest.mark.parametrize(
    ("hz", "least_db", "most_db"), [(30, -60, -40), (50, -20, -15), (100, -1, 0), (1000, -0.1, 0.1)]
)
def test_what_lies_under_a_voice_goes_and_the_voice_stays(hz, least_db, most_db):
    heard = high_pass(tone(hz).astype(np.float32))[SAMPLE_RATE // 2 :]
    level_db = 20 * np.log10(np.std(heard) * np.sqrt(2))
    assert least_db < level_db <= most_db


def test_an_offset_makes_neither_sound_nor_a_thump(speech):
    # the offset costs the sum that many bits: its rounding is that of the offset, not of the voice
    np.testing.assert_allclose(high_pass(speech + 0.25), high_pass(speech), atol=8 * EPS)


@pytest.mark.parametrize("size", [1, 160, 20_000])
def test_a_stream_hears_what_a_file_holds(speech, size):
    clip = speech[: 5 * size] if size < 160 else speech
    stream = HighPass()
    pieces = [stream.push(clip[start : start + size]) for start in range(0, len(clip), size)]
    # each sample sums up products of at most 1 in a transform of 2**14 samples, in float32
    bound = 14 * EPS
    np.testing.assert_allclose(np.concatenate(pieces), high_pass(clip), rtol=0, atol=bound)
    assert len(stream.push(clip[:0])) == 0
