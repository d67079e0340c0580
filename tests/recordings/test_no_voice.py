"""What the detector took for speech and is no voice after all: no answer in any form."""

import json

import numpy as np
import pytest

from ser.pipeline import EmotionPipeline
from ser.recordings import stream as streams
from ser.recordings import timeline as timelines
from ser.recordings.judged import Answer
from ser.recordings.labels import NAMES, write_labels
from ser.recordings.timeline import NO_SPEECH, timeline
from ser.sound.audio import SAMPLE_RATE
from tests import schema


@pytest.fixture(scope="module")
def pipeline():
    return EmotionPipeline.from_pretrained()


@pytest.fixture(autouse=True)
def no_voice(monkeypatch):
    """No speech head finds a voice."""
    for module in (streams, timelines):
        monkeypatch.setattr(module, "judge", lambda *_: Answer(None, None, None))


def test_a_timeline_of_no_voice_has_segments_without_answers(pipeline, speech, tmp_path):
    found = timeline(pipeline, (SAMPLE_RATE, np.concatenate([speech, 0 * speech, speech])))
    assert found.segments and found.warnings == [NO_SPEECH]
    assert found.speech_s == 0 and not any(found.shares().values())
    _, drawn = found.track()
    assert np.isnan(drawn).all()
    told = json.loads(json.dumps(found.to_dict()))
    schema.check("timeline", told)
    for segment in told["segments"]:
        assert (segment["label"], segment["probabilities"], segment["confidence"]) == (None,) * 3
    for name in NAMES:
        write_labels(found, "rain.wav", tmp_path / f"rain{name}")


def test_a_stream_of_no_voice_has_events_without_answers(pipeline, speech):
    stream = streams.Stream(pipeline, SAMPLE_RATE)
    updates = stream.push(np.concatenate([speech, 0 * speech])) + stream.finish()
    kinds = {update.type for update in updates}
    assert {streams.START, streams.MEASUREMENT, streams.END} <= kinds
    for update in updates:
        told = json.loads(json.dumps(update.to_dict()))
        schema.check("update", told)
        assert (told["label"], told["probabilities"], told["confidence"]) == (None,) * 3
