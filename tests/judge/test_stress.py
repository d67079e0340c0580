"""Weights under stress: on clips that they never heard, beside a random head."""

import json
import shutil
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from tests.bounds import FIVE_DIGITS
from train.__main__ import main
from train.clips.stresses import Stress
from train.judge import groups, metrics, stress
from train.judge.random_head import RandomHead
from train.places import ROOT

N, N_SOUNDS = 16, 4  # clips, and sounds of each kind


def silent(waveform, _):
    return np.zeros_like(waveform)


def drowned(waveform, rng):
    return rng.standard_normal(len(waveform)).astype(np.float32) / 10


TESTS = {
    "nothing": Stress("nothing", "one", lambda waveform, _: waveform, 1.0, 0.0),
    "silence": Stress("silence", "one", silent, 0.5, 0.05, told=lambda: {"measured_rt60_s": 0.4}),
    "noise": Stress("noise", "two", drowned),
    "never": Stress("never", "two", None, 0.9, missing="nobody has it"),
}


@pytest.fixture(scope="module")
def few_tests():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stress, "stresses", lambda: TESTS)
        patch.setattr(stress, "N_SOUNDS", N_SOUNDS)
        stress._tests.cache_clear()
        yield
    stress._tests.cache_clear()


@pytest.fixture(scope="module")
def rows(few_tests, spoken_ravdess, spoken_runs, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    command = ["stress", str(spoken_runs), "--clips", str(N), "--results", str(results)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as said:
        patch.setenv("SER_DATA", str(spoken_ravdess))
        patch.setenv("SER_SOUNDS", str(results / "no-sounds"))
        assert main(command) == 0
    assert "tests passed" in said.getvalue()
    path = results / "spoken" / "emobox-6fold-folds-1-2" / stress.STRESS_NAME
    return {(row["family"], row["name"]): row for row in json.loads(path.read_text())}


def test_the_command_writes_a_row_a_test(rows):
    same = rows["one", "nothing"]
    assert (same["n_clips"], same["unchanged"], same["passed"]) == (N, 1.0, True)
    assert same["ua_before"] == same["ua_after"] and same["no_answer"] == 0
    assert same["random"]["passed"] is True and same["corpus"] == "ravdess"
    nothing_heard = rows["one", "silence"]
    assert nothing_heard["no_answer"] == 1 and nothing_heard["unchanged"] == 0
    assert (nothing_heard["ua_after"], nothing_heard["passed"]) == (0, False)
    assert nothing_heard["measured_rt60_s"] == 0.4
    assert rows["two", "noise"]["passed"] is None and rows["two", "noise"]["n_clips"] == N
    never = rows["two", "never"]
    assert (never["n_clips"], never["passed"], never["reason"]) == (0, None, "nobody has it")


def test_groups_are_told_by_all_answers_that_were_kept(rows):
    assert rows["sex", "UA, women"]["n_clips"] + rows["sex", "UA, men"]["n_clips"] == 8 * 4
    assert rows["speakers", "tenth percentile of accuracy"]["reason"] == groups.FEW_SPEAKERS


def test_other_sounds_are_refused_by_the_detector(rows):
    for kind in stress.MADE_SOUNDS:
        row = rows[stress.OTHER_SOUNDS, kind]
        assert row["n_clips"] == N_SOUNDS and row["passed"] == (row["refused"] >= stress.REFUSED)
    assert rows[stress.OTHER_SOUNDS, "silence"]["refused"] == 1
    assert rows[stress.OTHER_SOUNDS, "music"]["reason"] == stress.NO_SOUNDS


def test_kept_answers_of_other_weights_are_refused(on_spoken, few_tests, spoken_runs, tmp_path):
    base = tmp_path / "spoken" / "emobox-6fold"
    shutil.copytree(spoken_runs, base)
    shutil.copyfile(
        base / "fold-1-seed-0" / "model.safetensors", base / "fold-2-seed-0" / "model.safetensors"
    )
    shutil.copyfile(base / "fold-1-seed-0" / "config.json", tmp_path / "config.json")
    config = json.loads((base / "fold-2-seed-0" / "config.json").read_text())
    config["golden"] = json.loads((tmp_path / "config.json").read_text())["golden"]
    (base / "fold-2-seed-0" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="other answers than the weights beside it"):
        stress.stress(base, N, tmp_path)


def test_bounds_hold_or_do_not():
    bounds = {"unchanged": 0.9, "ua_loss": 0.05}
    good = {"unchanged": 0.9, "ua_before": 0.5, "ua_after": 0.45}
    assert stress._holds(good, bounds) is True
    assert stress._holds({**good, "unchanged": 0.89}, bounds) is False
    assert stress._holds({**good, "ua_after": 0.44}, bounds) is False
    assert stress._holds({**good, "ua_after": 0.9, "unchanged": 0.0}, {"ua_loss": 0.05}) is True
    assert stress._holds(good, {}) is None


def test_sexes_and_speakers_are_compared_with_all():
    labels = np.tile(np.repeat([0, 1], 10), 2)
    sexes = np.repeat(["f", "m"], 20)
    answers = labels.copy()
    answers[20:25] = 1  # half of the men's neutral clips are called calm
    speakers = np.tile([f"s{n}" for n in range(10)], 4)
    found = groups.group_rows(labels, answers, sexes, speakers)
    rows = {row["name"]: row for row in found}
    assert rows["UA, men"]["value"] == pytest.approx(-0.125) and not rows["UA, men"]["passed"]
    assert rows["recall of an emotion, men"]["worst"] == "neutral"
    assert rows["recall of an emotion, men"]["value"] == pytest.approx(-0.25)
    worst = rows["precision of an emotion, men"]
    assert worst["worst"] == "calm", "fewer than ten answers of neutral say nothing"
    assert worst["value"] == pytest.approx(10 / 15 - 20 / 25, abs=FIVE_DIGITS)
    assert rows["UA, women"]["bounds"] == {"gap": groups.UA_GAP}
    of_speakers = rows["tenth percentile of accuracy"]
    assert of_speakers["worst_accuracy"] == 0.75 and of_speakers["passed"]
    assert of_speakers["value"] == pytest.approx(0.75 / 0.875, abs=FIVE_DIGITS)


def test_one_sex_and_few_speakers_get_no_verdict():
    labels, who = np.zeros(4, int), np.array(["a", "b", "a", "b"])
    rows = groups.group_rows(labels, labels, np.full(4, "f"), who)
    assert {row["passed"] for row in rows} == {None}
    assert {row["reason"] for row in rows} == {groups.ONE_SEX, groups.FEW_SPEAKERS}


@pytest.mark.parametrize("name", ["", "founding"])
def test_a_random_head_hears_what_the_model_hears(name, speech):
    """A graph, and a model of PyTorch's; the model's own answer stays what it was."""
    weights = ROOT / "ser" / "weights" / name
    pipeline = EmotionPipeline.from_pretrained(weights)
    plain = pipeline.predict((SAMPLE_RATE, speech)).probabilities
    heads = [RandomHead(pipeline, seed) for seed in range(8)]
    beside = pipeline.predict((SAMPLE_RATE, speech)).probabilities
    np.testing.assert_array_equal(beside, plain)
    answers = [head.answer() for head in heads]
    assert len(set(answers)) > 1 and set(answers) <= set(range(8))
    pipeline.predict((SAMPLE_RATE, speech))
    assert [head.answer() for head in heads] == answers
    pipeline.predict((SAMPLE_RATE, speech[::-1].copy()))
    for head in heads:
        head.forget()
    pipeline.predict((SAMPLE_RATE, speech))
    assert [head.answer() for head in heads] == answers


def test_an_answer_that_was_not_given_is_wrong():
    labels = np.array([0, 0, 1, 1])
    assert metrics.ua(labels, metrics.chosen(np.array([0, 8, 1, 8]))) == 0.5
