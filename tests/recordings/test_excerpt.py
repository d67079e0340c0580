"""A part cut out of a recording: the samples of that time, and nothing else."""

import numpy as np
import pytest
import soundfile

from ser.recordings.excerpt import excerpt
from ser.sound.audio import SAMPLE_RATE
from ser.sound.errors import EmptyAudioError

ONE = np.ones(1, np.float32)


def test_a_part_is_exactly_the_samples_of_that_time(turns, tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, turns.samples, SAMPLE_RATE, subtype="FLOAT")
    start_s, end_s = turns.borders_s[2]
    first, stop = round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    np.testing.assert_array_equal(excerpt(path, start_s, end_s, ONE), turns.samples[first:stop])


def test_the_weights_choose_the_channel(noise, tmp_path):
    both = np.stack([noise, -0.5 * noise], axis=1)
    soundfile.write(tmp_path / "two.wav", both, SAMPLE_RATE, subtype="FLOAT")
    second = excerpt(tmp_path / "two.wav", 0.2, 0.7, np.array([0, 1], np.float32))
    np.testing.assert_array_equal(second, both[3200:11200, 1].astype(np.float32))


def test_another_rate_comes_out_at_16_khz(tmp_path):
    t = np.arange(3 * 44_100) / 44_100
    soundfile.write(tmp_path / "tone.flac", 0.5 * np.sin(2 * np.pi * 440 * t), 44_100)
    found = excerpt(tmp_path / "tone.flac", 1.0, 2.0, ONE)
    assert abs(len(found) - SAMPLE_RATE) <= 1
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    assert abs(spectrum.argmax() * SAMPLE_RATE / len(found) - 440) <= 1


def test_a_part_ends_with_the_recording_and_behind_it_is_nothing(noise, tmp_path):
    soundfile.write(tmp_path / "one.wav", noise, SAMPLE_RATE)
    assert len(excerpt(tmp_path / "one.wav", 0.5, 9.0, ONE)) == SAMPLE_RATE // 2
    with pytest.raises(EmptyAudioError, match="no sound at that time"):
        excerpt(tmp_path / "one.wav", 2.0, 3.0, ONE)
