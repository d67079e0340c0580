import numpy as np
import pytest

from ser.recordings import utterances
from ser.recordings.utterances import BLOCK, LONGEST_S, UtteranceCutter
from ser.sound.audio import SAMPLE_RATE
from ser.sound.speech import STEP_S
from tests.recordings.conversations import joined


def cut(samples, size=BLOCK):
    cutter = UtteranceCutter()
    found = []
    for start in range(0, len(samples), size):
        for ended in cutter.push(samples[start : start + size]):
            found += ended
    return found + cutter.finish()


def test_each_turn_is_an_utterance_within_its_borders(turns):
    found = cut(turns.samples)
    assert len(found) == len(turns.clips)
    for utterance, (start_s, end_s) in zip(found, turns.borders_s, strict=True):
        assert start_s - STEP_S <= utterance.start_s < utterance.end_s <= end_s + STEP_S
        assert 0 < utterance.speech_s <= utterance.end_s - utterance.start_s
        begin, end = (round(SAMPLE_RATE * s) for s in (utterance.start_s, utterance.end_s))
        assert len(utterance.samples) >= end - begin


@pytest.mark.parametrize("size", [1, 320, 5_000, 10 * SAMPLE_RATE])
def test_chunks_of_any_size_give_the_same_samples_at_the_same_places(turns, size):
    samples = turns.samples[: 6 * SAMPLE_RATE] if size == 1 else turns.samples
    for one, other in zip(cut(samples, size), cut(samples), strict=True):
        assert one[:3] == other[:3]
        np.testing.assert_array_equal(one.samples, other.samples)


def test_the_end_of_a_recording_in_mid_word_is_an_end(turns):
    start_s, end_s = turns.borders_s[0]
    samples = turns.samples[: round(SAMPLE_RATE * (start_s + end_s) / 2) + 77]
    (found,) = cut(samples)
    assert found.end_s <= len(samples) / SAMPLE_RATE
    assert found.end_s > len(samples) / SAMPLE_RATE - 2 * STEP_S


def test_nothing_is_found_in_silence_noise_and_no_samples_at_all(noise):
    for samples in (noise[:0], noise[:1], np.zeros(5 * SAMPLE_RATE, np.float32), noise):
        assert cut(samples) == []


# --- the rules, by what the detector says -----------------------------------------------------


@pytest.fixture
def detector(monkeypatch):
    """A detector that says speech where the samples are loud."""

    class Loud:
        def __init__(self):
            self.rest = np.zeros(0, np.float32)

        def push(self, samples):
            joined = np.concatenate([self.rest, samples])
            n_steps = len(joined) // utterances.STEP
            self.rest = joined[n_steps * utterances.STEP :]
            steps = joined[: n_steps * utterances.STEP].reshape(n_steps, utterances.STEP)
            return (np.abs(steps).max(axis=1) > 0.01).astype(np.float32)

        def finish(self):
            return self.push(np.zeros(-len(self.rest) % utterances.STEP, np.float32))

    monkeypatch.setattr(utterances, "SpeechDetector", Loud)


def voice(seconds, rng=np.random.default_rng(1)):  # noqa: B008
    return (0.1 * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


@pytest.mark.parametrize(
    ("lengths_s", "pauses_s", "n_found"),
    [
        ([2, 2], [1, 0.4], 1),  # too short a pause
        ([2, 2], [1, 0.8], 2),
        ([0.5, 2], [1, 0.8], 1),  # a short one waits for its neighbour
        ([0.5, 2], [1, 1.3], 2),  # and not for ever
        ([0.05, 2], [1, 2.0], 1),  # a click is none
    ],
)
def test_pauses_cut_and_short_neighbours_are_joined(detector, lengths_s, pauses_s, n_found):
    made = joined([voice(s) for s in lengths_s], pauses_s)
    found = cut(made.samples)
    assert len(found) == n_found
    assert abs(found[-1].end_s - made.borders_s[-1][1]) <= 2 * STEP_S


def test_a_long_utterance_is_cut_where_it_is_quietest(detector):
    long = voice(12.0)
    quiet = slice(round(5.5 * SAMPLE_RATE), round(5.8 * SAMPLE_RATE))
    long[quiet] *= 0.3  # a soft place, and no pause
    made = joined([long], [1.0])
    found = cut(made.samples)
    start_s, end_s = made.borders_s[0]
    assert abs(found[0].end_s - (start_s + 5.65)) < 0.15
    assert found[0].start_s == pytest.approx(start_s, abs=2 * STEP_S)
    for one, next_one in zip(found, found[1:], strict=False):
        assert one.end_s == next_one.start_s  # nothing is lost between them, or heard twice
    assert found[-1].end_s == pytest.approx(end_s, abs=2 * STEP_S)
    assert all(1.0 <= one.end_s - one.start_s <= LONGEST_S for one in found)


def test_memory_is_that_of_one_utterance_however_long_somebody_speaks(detector):
    cutter, most = UtteranceCutter(), 0
    speaking = voice(60.0)
    for start in range(0, len(speaking), BLOCK):
        for _ in cutter.push(speaking[start : start + BLOCK]):
            most = max(most, len(cutter._samples))
    assert most <= (LONGEST_S + 2) * SAMPLE_RATE
