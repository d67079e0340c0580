"""Is anybody speaking: what the gate lets through, and that every interface says so."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ser.checkpoints.config import BESIDE
from ser.cli import clips
from ser.gate import DETECTOR_ONLY, IN_PART, NO_VOICE, NOT_DETECTED, SUNG, UNDETECTED, gate
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.recordings.judged import judge
from ser.recordings.rows import COLUMNS, row_of
from ser.sentences import answer_sentence
from ser.sound.audio import SAMPLE_RATE
from ser.sound.windows import Heard, Window, hear
from tests import schema

THRESHOLDS = (-0.5, 0.8)


def windows(*seconds, detected=True):
    found = [Window(0, 16_000, s, np.zeros(16_000, np.float32)) for s in seconds]
    return Heard(found, sum(seconds) if detected else 0.0)


def gated(heard, *scores):
    speech = [np.array(score, np.float32) for score in scores]
    return gate(np.zeros(16_000, np.float32), heard, speech, THRESHOLDS)


def test_windows_without_a_voice_have_no_vote_and_do_not_count_as_speech():
    found = gated(windows(2.0, 3.0), (1.0, -1.0), (-0.9, 1.0))
    assert (found.reason, found.speech_s, found.warnings) == (None, 2.0, [IN_PART])
    assert found.votes.tolist() == [2.0, 0.0]


def test_a_voice_that_escaped_the_detector_passes_with_a_warning():
    assert gated(windows(1.0, detected=False), (-0.6, -1.0)).reason == NO_VOICE
    found = gated(windows(1.0, detected=False), (0.6, -1.0))
    assert (found.reason, found.speech_s, found.warnings) == (None, 1.0, [UNDETECTED])


def test_a_voice_that_sings_passes_with_a_warning_and_another_sound_that_sings_does_not():
    assert gated(windows(1.0), (1.0, 0.9)).warnings == [SUNG]
    found = gated(windows(1.0), (-0.6, 0.9))
    assert (found.reason, found.speech_s, found.warnings) == (NO_VOICE, 0.0, [])


def test_singing_is_judged_by_the_windows_that_count():
    assert gated(windows(1.0, 1.0), (1.0, -1.0), (-1.0, 5.0)).warnings == [IN_PART]


@pytest.mark.parametrize("version", [1, 2])
def test_without_a_speech_head_the_detector_decides_and_a_warning_says_so(speech, version):
    rng = np.random.default_rng(0)
    rain = (0.1 * rng.standard_normal(3 * SAMPLE_RATE)).astype(np.float32)
    found = {}
    for name, waveform in (("voice", speech), ("rain", rain)):
        found[name] = gate(waveform, hear(waveform, version), [None], ())
    assert (found["voice"].reason, found["voice"].warnings) == (None, [])
    assert (found["rain"].reason, found["rain"].warnings) == (NOT_DETECTED, [DETECTOR_ONLY])
    assert found["rain"].speech_s == 0


@pytest.fixture(scope="module")
def nobody():
    """What a model answers to noise."""
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
    return EmotionPipeline.from_pretrained(BESIDE["founding"]).predict((SAMPLE_RATE, noise))


def test_no_speech_is_never_an_emotion_in_python_and_json(nobody):
    assert nobody.reason == NOT_DETECTED
    assert (nobody.label, nobody.emotion, nobody.confidence, nobody.certainty) == (None,) * 4
    assert replace(nobody, certainty_bounds=(0.1, 0.2)).certainty is None
    told = json.loads(json.dumps(nobody.to_dict()))
    assert (told["label"], told["reason"], told["probabilities"]) == (None, NOT_DETECTED, None)
    assert told["speech_share"] == 0
    schema.check("prediction", told)
    chosen = nobody.restricted(["happy", "sad"])
    assert (chosen.label, chosen.to_dict()["probabilities"]) == (None, None)


def test_no_speech_is_never_an_emotion_in_a_row(nobody):
    row = row_of("rain.wav", nobody)
    assert list(row) == COLUMNS
    empty = {"label", "confidence", "error", *(f"p_{name}" for name in LABELS)}
    empty |= {"arousal", "valence"}
    assert {name for name in COLUMNS if row[name] is None} == empty
    assert row["warnings"].startswith(NOT_DETECTED)


def test_no_speech_is_never_an_emotion_in_a_sentence(nobody):
    assert answer_sentence(nobody) == NOT_DETECTED
    assert nobody.warnings == [DETECTOR_ONLY]
    line, *warnings = clips._table("rain.wav", nobody, is_quiet=False).splitlines()
    assert line == f"rain.wav: {NOT_DETECTED} (2.0 s)"
    assert f"  warning: {DETECTOR_ONLY}" in warnings
    assert not any(name in line for name in LABELS)
    assert len(clips._table("rain.wav", nobody, is_quiet=True).splitlines()) == 1


def test_a_stretch_that_is_no_voice_after_all_has_no_answer(nobody):
    pipeline = EmotionPipeline.from_pretrained(BESIDE["founding"])
    assert judge(pipeline, nobody.waveform) == (None, None, None)
    assert judge(pipeline, nobody.waveform, ["happy", "sad"]) == (None, None, None)
