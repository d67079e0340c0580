"""A pipeline adapted to one setting: what it learns, what it refuses, what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ser.adaptation import LEAST, Adaptation, AdaptationError, Setting
from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, AudioError
from tests.bounds import EIGHT_BITS
from train.__main__ import main

ARGS = {"size": 32, "n_heads": 2, "layers": [1], "n_corpora": 2}
K = 2.0


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small model of random weights that can be adapted, and its graph."""
    torch.manual_seed(0)
    config = CheckpointConfig(
        "whisper_statistics",
        ARGS,
        FeatureConfig(kind="whisper", version=2),
        distance_slope=0.5,
        certainty=(0.3, 0.6),
        adaptation_clips=K,
    )
    model = config.build()
    for tensor in (*model.encoder.parameters(), model.corpora, model.emotions):
        torch.nn.init.normal_(tensor, std=0.1)
    model.corpora.add_(2.0)  # so that every clip lies far from them
    folder = tmp_path_factory.mktemp("adaptable")
    checkpoint.save(folder / "run", model, config)
    assert main(["quantize", str(folder / "run"), str(folder / "graph")]) == 0
    return folder / "run", folder / "graph"


@pytest.fixture(scope="module", params=[0, 1], ids=["PyTorch", "graph"])
def pipeline(request, folders):
    return EmotionPipeline(checkpoint.load(folders[request.param]))


@pytest.fixture
def clips(speech):
    """One voice at three speeds of reading: any three different clips."""
    return [(rate, speech) for rate in (SAMPLE_RATE, 15_000, 17_000)]


def test_what_clips_have_in_common_is_taken_out_as_far_as_their_number_allows(pipeline, clips):
    adapted = pipeline.adapted(clips, is_calm=True)
    residuals = [pipeline.predict(clip).residual for clip in clips]
    assert adapted.adaptation.weight == pytest.approx(3 / (3 + K))
    np.testing.assert_allclose(
        adapted.adaptation.shift, 3 / (3 + K) * np.mean(residuals, axis=0), rtol=1e-5, atol=1e-6
    )
    before, after = pipeline.predict(clips[0]), adapted.predict(clips[0])
    assert np.abs(after.probabilities - before.probabilities).max() > 0
    assert before.adaptation is None and before.to_dict()["adaptation"] is None
    assert after.to_dict()["adaptation"]["clips"] == 3
    again = pipeline.adapted([pipeline.predict(clip) for clip in clips], is_calm=True)
    np.testing.assert_array_equal(again.adaptation.shift, adapted.adaptation.shift)


def learnt(answers: list[np.ndarray], is_calm: bool = False) -> Adaptation:
    """From clips that leave the same residual and get these answers."""
    setting = Setting(is_calm)
    for answer in answers:
        setting.hear(np.ones(4), answer)
    return setting.learnt(1.0, "a revision")


def test_clips_that_are_answered_alike_are_believed_less():
    certain = np.eye(8)
    mixed, angry = list(certain), [certain[4]] * 8
    assert learnt(mixed).weight == pytest.approx(8 / 9) and not learnt(mixed).is_one_sided
    assert learnt(angry).weight == pytest.approx(LEAST) and learnt(angry).is_one_sided
    assert learnt(angry).told()["one_sided"] is True
    np.testing.assert_allclose(learnt(angry).shift, LEAST * np.ones(4), rtol=1e-6)
    assert learnt(angry, is_calm=True).weight == pytest.approx(8 / 9)
    # One in four differs: 0.56 nats for certain answers, 0 where the answers say nothing.
    mostly = learnt([*angry[:6], certain[3], certain[2]])
    assert LEAST < mostly.weight <= 8 / 9
    assert learnt([np.full(8, 1 / 8)] * 8).weight == pytest.approx(LEAST)


def test_the_pipeline_itself_stays_as_it_is(pipeline, clips):
    before = pipeline.predict(clips[0]).probabilities
    pipeline.adapted(clips)
    np.testing.assert_array_equal(pipeline.predict(clips[0]).probabilities, before)


def test_the_graph_adapts_as_pytorch_does(folders, clips):
    answers = [
        EmotionPipeline(checkpoint.load(folder)).adapted(clips).predict(clips[1]).probabilities
        for folder in folders
    ]
    np.testing.assert_allclose(*answers, atol=EIGHT_BITS)


def test_it_is_kept_as_json_and_holds_no_sound(pipeline, clips, tmp_path):
    kept = pipeline.adapted(clips).adaptation
    kept.save(tmp_path / "room.json")
    assert set(json.loads((tmp_path / "room.json").read_text())) == {
        "format",
        "model",
        "clips",
        "weight",
        "one_sided",
        "shift",
    }
    loaded = Adaptation.load(tmp_path / "room.json")
    np.testing.assert_allclose(loaded.shift, kept.shift, rtol=1e-5)
    assert pipeline.adapted(loaded).predict(clips[0]).adaptation == kept.told()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', '{"format": 1e999}'])
def test_a_file_that_holds_none_is_refused(text, tmp_path):
    (tmp_path / "room.json").write_text(text)
    with pytest.raises(AdaptationError, match="holds no adaptation"):
        Adaptation.load(tmp_path / "room.json")


def test_what_another_model_learnt_is_refused(pipeline, clips):
    other = replace(pipeline.adapted(clips).adaptation, revision="another")
    with pytest.raises(AdaptationError, match="learnt by the model another"):
        pipeline.adapted(other)


def test_nothing_heard_teaches_nothing(pipeline, noise):
    hiss = (SAMPLE_RATE, 0.01 * noise)
    for heard in ([], [hiss]):
        with pytest.raises(AdaptationError, match="Nothing was heard"):
            pipeline.adapted(heard)
    with pytest.raises(AudioError):
        pipeline.adapted([(SAMPLE_RATE, np.zeros(SAMPLE_RATE))])


def test_a_clip_without_speech_says_nothing(pipeline, clips):
    k, revision = pipeline.checkpoint.config.adaptation_clips, pipeline.checkpoint.revision
    setting = Setting()
    for answer in map(pipeline.predict, clips):
        setting.hear(answer.residual, answer.probabilities)
        setting.hear(None, answer.probabilities)
    expected = pipeline.adapted(clips).adaptation
    assert setting.learnt(k, revision).told() == expected.told()


def test_a_model_that_cannot_be_adapted_says_so(clips):
    with pytest.raises(AdaptationError, match="cannot be adapted"):
        EmotionPipeline.from_pretrained("founding").adapted(clips)


def test_a_far_clip_is_answered_with_less_confidence(folders, speech):
    loaded = checkpoint.load(folders[0])
    flat = EmotionPipeline(replace(loaded, config=replace(loaded.config, distance_slope=0.0)))
    far = EmotionPipeline(replace(loaded, config=replace(loaded.config, distance_slope=3.0)))
    clip = (SAMPLE_RATE, speech)
    assert far.predict(clip).probabilities.max() < flat.predict(clip).probabilities.max()


def test_certainty_follows_its_bounds_and_is_judged_again_among_some_emotions(pipeline, clips):
    answer = pipeline.predict(clips[0])
    p = answer.probabilities.max()
    assert answer.certainty == ("unsure" if p < 0.3 else "fairly sure" if p < 0.6 else "sure")
    one = replace(answer, probabilities=np.array([0.2, 0.1, 0.15, 0.1, 0.15, 0.1, 0.1, 0.1]))
    assert one.certainty == "unsure"
    assert one.restricted(["neutral", "calm"]).certainty == "sure"
