import hashlib

import numpy as np
import pytest

from ser.sound.high_pass import high_pass
from ser.sound.segments import NO_SPEECH, SPEECH, Segment, clip_segments, find_segments
from ser.sound.speech import (
    FLOOR_DB,
    OFFICIAL,
    STEP,
    STEP_S,
    SpeechDetector,
    speech_probabilities,
    step_levels_db,
)
from tests.bounds import STREAM_FOR_FILE, assert_within

SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"


def test_the_detector_is_made_of_the_official_file():
    assert hashlib.sha256(OFFICIAL.read_bytes()).hexdigest() == SHA256


def test_a_voice_is_speech_and_silence_hum_and_noise_are_not(speech, noise):
    seconds = np.arange(16_000) / 16_000
    assert speech_probabilities(speech).max() > 0.9
    for quiet in (np.zeros(16_000), 0.1 * np.sin(2 * np.pi * 50 * seconds), noise):
        assert speech_probabilities(quiet.astype(np.float32)).max() < SPEECH


@pytest.mark.numeric
@pytest.mark.parametrize("size", [100, STEP, 7_001])
def test_a_stream_hears_what_a_file_holds(speech, size):
    stream = SpeechDetector()
    pieces = [stream.push(speech[start : start + size]) for start in range(0, len(speech), size)]
    heard = np.concatenate([*pieces, stream.finish()])
    assert len(heard) == -(-len(speech) // STEP)
    assert_within(STREAM_FOR_FILE, heard, speech_probabilities(speech))


def test_a_level_is_that_of_a_tone_and_silence_is_the_floor():
    tone = np.sin(2 * np.pi * np.arange(STEP) * 8 / STEP).astype(np.float32)
    steps = np.stack([0.1 * tone, np.zeros_like(tone), 1e-30 * tone])
    assert step_levels_db(steps) == pytest.approx([-20 - 10 * np.log10(2), FLOOR_DB, FLOOR_DB])


def test_half_a_minute_at_a_time_is_all_of_it(speech, monkeypatch):
    whole = speech_probabilities(speech)
    monkeypatch.setattr("ser.sound.speech.STEPS_AT_ONCE", 7)
    assert_within(STREAM_FOR_FILE, speech_probabilities(speech), whole)


@pytest.mark.parametrize("gain_db", [-30, -15, 0])
def test_a_clip_has_the_same_segments_however_loud_it_is(speech, gain_db):
    peaked = speech / np.abs(speech).max() * 0.1  # as quiet as microphones make it
    quieter = (peaked * 10 ** (gain_db / 20)).astype(np.float32)
    assert clip_segments(high_pass(quieter))[0] == clip_segments(high_pass(peaked))[0]


def test_a_dip_does_not_end_a_segment_and_a_pause_does():
    n_dip, n_pause = 3, 8
    voice = [0.9] * 10
    probabilities = np.array([0.0, *voice, *[0.1] * n_dip, *voice, *[0.1] * n_pause, *voice])
    levels_db = np.where(probabilities > NO_SPEECH, -20.0, -70.0)
    first = Segment(1, 21 + n_dip)
    second = Segment(21 + n_dip + n_pause, 31 + n_dip + n_pause)
    assert find_segments(probabilities, levels_db) == [first, second]
    assert find_segments(np.zeros(5), np.full(5, -20.0)) == []


def test_segments_grow_over_what_is_loud_beside_them_and_not_over_the_room():
    probabilities = np.array([0.0] * 20 + [0.9] * 10 + [0.0] * 20)
    levels_db = np.full(50, -60.0)
    levels_db[20:30] = -20.0
    levels_db[18:20] = levels_db[30:33] = -35.0  # consonants
    assert find_segments(probabilities, levels_db) == [Segment(18, 33)]
    levels_db[levels_db == -60.0] = -38.0  # now it may be the room as well
    assert find_segments(probabilities, levels_db) == [Segment(20, 30)]
    assert STEP_S == 0.032
