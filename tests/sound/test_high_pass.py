import numpy as np
import pytest
from scipy import signal

from ser.sound.audio import SAMPLE_RATE
from ser.sound.high_pass import CUTOFF_HZ, N_FFT, ORDER, HighPass, high_pass, impulse_response
from tests import bounds
from tests.bounds import assert_within

pytestmark = pytest.mark.numeric


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def of_filter(waveform: np.ndarray) -> float:
    """Bound of a filtered sample: of a Fourier transform and back, of samples as loud."""
    return bounds.rounding(2 * np.log2(N_FFT), np.abs(waveform).max())


def test_the_impulse_response_is_scipys_butterworth():
    sections = signal.butter(ORDER, CUTOFF_HZ, "highpass", fs=SAMPLE_RATE, output="sos")
    impulse = np.zeros(len(impulse_response()))
    impulse[0] = 1.0
    expected = signal.sosfilt(sections, impulse)
    # both in float64, whose rounding the recursion carries along for all these samples
    bound = bounds.rounding(len(impulse), 1.0, bounds.FLOAT64)
    assert_within(bound, impulse_response(), expected)


@pytest.mark.parametrize(
    ("hz", "least_db", "most_db"), [(30, -60, -40), (50, -20, -15), (100, -1, 0), (1000, -0.1, 0.1)]
)
def test_what_lies_under_a_voice_goes_and_the_voice_stays(hz, least_db, most_db):
    heard = high_pass(tone(hz).astype(np.float32))[SAMPLE_RATE // 2 :]
    level_db = 20 * np.log10(np.std(heard) * np.sqrt(2))
    assert least_db < level_db <= most_db


def test_an_offset_makes_neither_sound_nor_a_thump(speech):
    # Each sample is rounded with the offset, and each filtered one is a sum of them.
    of_samples = bounds.rounding(1, 0.25 + np.abs(speech).max()) * np.abs(impulse_response()).sum()
    bound = of_samples + of_filter(speech + 0.25)
    assert_within(bound, high_pass(speech + 0.25), high_pass(speech))


@pytest.mark.parametrize("size", [1, 160, 20_000])
def test_a_stream_hears_what_a_file_holds(speech, size):
    clip = speech[: 5 * size] if size < 160 else speech
    stream = HighPass()
    pieces = [stream.push(clip[start : start + size]) for start in range(0, len(clip), size)]
    assert_within(of_filter(clip), np.concatenate(pieces), high_pass(clip))
    assert len(stream.push(clip[:0])) == 0
