"""Clips cut short where speech goes on, and joined."""

import json

import numpy as np
import pytest
import soundfile

from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.high_pass import high_pass
from ser.sound.segments import clip_segments
from ser.sound.speech import STEP
from train.__main__ import main
from train.corpora import Utterance
from train.judge import lengths
from train.judge.lengths import JOINED_S, LENGTHS_NAME, WHOLE


@pytest.fixture
def clip(tmp_path, speech):
    """The synthetic voice between silences."""
    around = np.zeros(SAMPLE_RATE // 2, np.float32)
    soundfile.write(tmp_path / "a.wav", np.concatenate([around, speech, around]), SAMPLE_RATE)
    return Utterance(tmp_path / "a.wav", "happy", "a", "f", "ravdess")


def cut(clips, seconds):
    return lengths._cut(lengths._Job(clips[0].path.parent, tuple(clips), seconds))


def spoken_samples(waveform):
    segments = clip_segments(high_pass(waveform))[0]
    return sum(min(s.stop * STEP, len(waveform)) - s.start * STEP for s in segments)


def test_a_cut_begins_where_speech_does_and_holds_so_much_of_it(clip):
    whole = load_audio(clip.path)
    first = clip_segments(high_pass(whole))[0][0].start * STEP
    for seconds in (0.3, 0.75, 1.0):
        part = cut([clip], seconds)
        np.testing.assert_array_equal(part, whole[first : first + len(part)])
        assert len(part) >= seconds * SAMPLE_RATE
    assert spoken_samples(whole) < 3 * SAMPLE_RATE
    assert cut([clip], 3.0) is None


def test_clips_are_joined_until_there_is_enough_speech(clip):
    spoken = spoken_samples(load_audio(clip.path)) / SAMPLE_RATE
    part = cut([clip] * 3, 2.5 * spoken)
    assert len(part) >= round(2.5 * spoken * SAMPLE_RATE)
    once = lengths._spoken(clip.path)[0]
    np.testing.assert_array_equal(part[: 2 * len(once)], np.tile(once, 2))
    assert cut([clip], 2.5 * spoken) is None


def test_what_is_joined_is_of_one_speaker_and_emotion(tmp_path):
    clips = [
        Utterance(tmp_path / f"{n}.wav", ("sad", "happy")[n % 2], f"s{n % 3}", "f", "ravdess")
        for n in range(60)
    ]
    alike = lengths._alike(clips[:5], clips)
    for clip in clips[:5]:
        group = alike[clip.stem]
        assert group[0] == clip and len(group) == len(set(group)) == 10
        assert {(u.speaker, u.emotion) for u in group} == {(clip.speaker, clip.emotion)}


def test_the_command_writes_a_row_a_length(on_spoken, spoken_runs, tmp_path):
    command = ["lengths", str(spoken_runs), "--clips", "8", "--results", str(tmp_path)]
    assert main(command) == 0
    path = tmp_path / "spoken" / "emobox-6fold-folds-1-2" / LENGTHS_NAME
    rows = {row["length"]: row for row in json.loads(path.read_text())}
    whole = rows[WHOLE]
    assert (whole["n_clips"], whole["stays"]) == (8, 1.0) and whole["ua"] == whole["ua_whole"]
    assert rows["first 0.5 s"]["n_clips"] == 8
    assert rows["first 3 s"]["n_clips"] == 0
    assert {row["n_clips"] for row in rows.values() if row["length_s"] in JOINED_S} == {0}
    for row in rows.values():
        if row["n_clips"]:
            assert 0 <= row["stays"] <= 1 and 0 <= row["ua"] <= 1 and row["ece"] >= 0


def test_certainties_of_each_kind_add_up():
    def heard(label, certainty, is_answer=True):
        return lengths._Heard(np.eye(8)[label], is_answer, certainty)

    labels = np.array([0, 0, 1, 1])
    cut_short = [heard(0, "sure"), heard(1, "unsure"), heard(1, "unsure"), heard(1, None, False)]
    whole = [heard(0, "sure")] * 2 + [heard(1, "sure")] * 2
    row = lengths._figures(labels, cut_short, whole)
    assert (row["ua"], row["ua_whole"]) == (0.5, 1.0)
    assert (row["stays"], row["no_answer"]) == (0.5, 0.25)
    assert row["certainty"] == [
        {"certainty": "unsure", "share": 0.5, "right": 0.5},
        {"certainty": "sure", "share": 0.25, "right": 1.0},
    ]


def test_a_clip_with_little_speech_is_called_short(speech):
    """The front-end that looks for speech counts it, not the silence around."""
    pipeline = EmotionPipeline.from_pretrained()
    around = np.zeros(SAMPLE_RATE, np.float32)
    part = np.concatenate([around, speech[: int(0.9 * SAMPLE_RATE)], around])
    answer = pipeline.predict((SAMPLE_RATE, part))
    assert any("Very short" in text and "of speech" in text for text in answer.warnings)
    whole = pipeline.predict((SAMPLE_RATE, speech))
    assert not any("Very short" in text for text in whole.warnings)
