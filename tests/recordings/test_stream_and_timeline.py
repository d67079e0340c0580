"""A stream and a timeline hear the same, whatever the chunks, the rate and the type."""

import numpy as np
import pytest
import soxr

from ser.recordings.stream import EVERY_S, TOO_LATE_S, Stream
from ser.recordings.timeline import timeline
from ser.sound.audio import SAMPLE_RATE
from ser.sound.errors import NotFiniteError, UnreadableAudioError, UnsupportedRateError
from tests.bounds import ONE_NETWORK, STREAM_FOR_FILE, assert_within


def stream(pipeline, rate_hz, samples, size):
    live = Stream(pipeline, rate_hz)
    updates = []
    for start in range(0, len(samples), size):
        updates += live.push(samples[start : start + size])
    return updates + live.finish()


def ends(updates):
    return [update for update in updates if update.type == "utterance end"]


def test_the_events_of_a_stream_are_in_order(pipeline, turns):
    updates = stream(pipeline, SAMPLE_RATE, turns.samples, 8_000)
    goes_on = False
    for update in updates:
        kind = update.type
        assert goes_on == (kind in ("measurement", "utterance end")), update
        goes_on = kind in ("utterance start", "measurement")
        has_answer = kind in ("measurement", "utterance end")
        assert (update.probabilities is not None) == has_answer
        assert (update.label is not None) == has_answer
    assert len(ends(updates)) == len(turns.clips)
    starts = [u.start_s for u in updates if u.type == "utterance start"]
    assert starts == [u.start_s for u in ends(updates)]
    times_s = [update.time_s for update in updates]
    assert times_s == sorted(times_s) and times_s[-1] <= len(turns.samples) / SAMPLE_RATE
    steps = np.diff([0.0, *(u.time_s for u in updates if u.type == "listening")])
    assert steps.min() >= EVERY_S - 0.07


@pytest.mark.numeric
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 48_000])
def test_a_stream_ends_with_what_the_timeline_says(pipeline, turns, rate_hz):
    samples = soxr.resample(turns.samples, SAMPLE_RATE, rate_hz)
    samples = np.round(samples * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    expected = timeline(pipeline, (rate_hz, samples)).segments
    assert len(expected) == len(turns.clips)
    as_float = (samples / 2**15).astype(np.float32)
    for given, size in ((samples, rate_hz // 50), (as_float, 777), (as_float, 10 * rate_hz)):
        found = ends(stream(pipeline, rate_hz, given, size))
        for update, segment in zip(found, expected, strict=True):
            assert (update.start_s, update.end_s) == (segment.start_s, segment.end_s)
            assert update.label == segment.label
            assert update.speech_share == segment.speech_share
            assert_within(STREAM_FOR_FILE, update.probabilities, segment.probabilities)


def test_measurements_do_not_depend_on_the_chunks_either(pipeline, turns):
    few, many = (stream(pipeline, SAMPLE_RATE, turns.samples, size) for size in (160_000, 480))
    for one, other in zip(few, many, strict=True):
        assert one.to_dict() | {"probabilities": 0} == other.to_dict() | {"probabilities": 0}
        if one.probabilities is not None:
            assert_within(ONE_NETWORK, one.probabilities, other.probabilities)


def test_a_timeline_is_found_at_its_borders_in_real_speech(pipeline, real_turns):
    found = timeline(pipeline, (SAMPLE_RATE, real_turns.samples)).segments
    gaps_s, n_alike = [], 0
    for (start_s, end_s), clip in zip(real_turns.borders_s, real_turns.clips, strict=True):
        own = [s for s in found if s.start_s < end_s and s.end_s > start_s]
        assert own, f"nobody was heard from {start_s} to {end_s} s"
        gaps_s.append((abs(own[0].start_s - start_s), abs(own[-1].end_s - end_s)))
        n_alike += own[0].label == pipeline.predict((SAMPLE_RATE, clip)).emotion.name
    # A border by loudness lies before a breath that the detector leaves out: most, not all.
    assert (np.median(gaps_s, axis=0) < 0.15).all()
    assert (np.array(gaps_s) < 0.6).mean() > 0.85
    assert n_alike >= 0.75 * len(real_turns.clips)
    assert len(found) <= 1.2 * len(real_turns.clips)
    outside = [
        segment
        for segment in found
        if not any(a < segment.end_s and segment.start_s < b for a, b in real_turns.borders_s)
    ]
    assert outside == []


# --- bad chunks, late chunks ------------------------------------------------------------------


def test_a_bad_chunk_is_refused_by_name_and_the_stream_goes_on(pipeline, turns):
    live, half = Stream(pipeline, SAMPLE_RATE), len(turns.samples) // 2
    updates = live.push(turns.samples[:half])
    bad = {
        "not all numbers": (NotFiniteError, np.array([0.1, np.nan], np.float32)),
        "one channel": (UnreadableAudioError, np.zeros((10, 2), np.int16)),
        "int32": (UnreadableAudioError, np.zeros(10, np.int32)),
    }
    for sentence, (kind, samples) in bad.items():
        with pytest.raises(kind, match=sentence):
            live.push(samples)
    updates += live.push(turns.samples[half:]) + live.finish()
    expected = stream(pipeline, SAMPLE_RATE, turns.samples, half)
    assert [u.to_dict() for u in ends(updates)] == [u.to_dict() for u in ends(expected)]
    with pytest.raises(UnsupportedRateError):
        Stream(pipeline, 100)


def test_one_sample_and_none_are_a_stream_in_which_nobody_speaks(pipeline):
    for samples in (np.zeros(0, np.int16), np.ones(1, np.int16)):
        live = Stream(pipeline, 48_000)
        assert live.push(samples) + live.finish() == []


def test_what_comes_too_late_is_dropped_and_counted_and_time_goes_on(pipeline, turns):
    cut = round(SAMPLE_RATE * sum(turns.borders_s[1]) / 2)  # in the middle of the second turn
    live = Stream(pipeline, SAMPLE_RATE)
    live.push(turns.samples[:cut])
    late = turns.samples[cut : cut + 2 * SAMPLE_RATE]
    dropped = live.push(late, waiting_s=TOO_LATE_S + 1)
    assert [u.type for u in dropped[-1:]] == ["utterance end"]
    assert dropped[-1].end_s <= cut / SAMPLE_RATE
    rest = ends(live.push(turns.samples[cut + len(late) :]) + live.finish())
    assert all(update.dropped_s == 2.0 for update in rest)
    last_s = ends(stream(pipeline, SAMPLE_RATE, turns.samples, 8_000))[-1].end_s
    assert rest[-1].end_s == pytest.approx(last_s, abs=0.1)


def test_what_comes_late_is_judged_once_at_its_end(pipeline, turns):
    live = Stream(pipeline, SAMPLE_RATE)
    updates = live.push(turns.samples, waiting_s=TOO_LATE_S) + live.finish()
    assert {u.type for u in updates} == {"listening", "utterance start", "utterance end"}
    assert len(ends(updates)) == len(turns.clips)


def test_a_stream_that_is_reset_has_heard_nothing(pipeline, turns):
    live = Stream(pipeline, SAMPLE_RATE)
    first = live.push(turns.samples) + live.finish()
    assert live.finish() == []
    with pytest.raises(ValueError, match="reset"):
        live.push(turns.samples)
    live.reset()
    again = live.push(turns.samples) + live.finish()
    assert [u.to_dict() for u in again] == [u.to_dict() for u in first]
