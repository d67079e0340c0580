"""A student learns what its teacher answers, who hears no clip that judges the student."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ser.checkpoints import checkpoint
from tests import bounds
from tests.bounds import KEPT_FEATURES
from tests.small_runs import RIDGE, TINY
from train.__main__ import main
from train.clips.targets import TargetConfig, TargetSpace
from train.judge import finished
from train.judge.evaluate import predict_all
from train.recipes.load import load_recipe
from train.runs import runs
from train.runs.distill import UNHEARD_NAME, Teacher, join_unheard, save_unheard

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def student(workplace, tmp_path):
    """Write an ensemble of two, and a recipe that learns from it; returns the latter's path."""
    (tmp_path / "ridge.toml").write_text(RIDGE)
    (tmp_path / "other.toml").write_text(RIDGE.replace("ridge = 1.0", "ridge = 9.0"))
    (tmp_path / "pair.toml").write_text(
        'description = "Two."\n[ensemble]\nmembers = ["ridge.toml", "other.toml"]\n'
    )
    path = tmp_path / "student.toml"
    path.write_text(TINY + 'refit = true\n[distill]\nteacher = "pair.toml"\nshare = 0.8\n')
    return path


def test_a_student_learns_from_the_teacher_of_its_own_split(student, tmp_path):
    assert main(["fit", "--recipe", str(student), "--fold", "2"]) == 0
    base = tmp_path / "runs"
    for name in ("fold-2-rehearsal", "fold-2-seed-0"):
        taught, teacher = (base / r / "emobox-6fold" / name for r in ("student", "pair"))
        by = json.loads((taught / "run.json").read_text())["teacher"]
        assert by == runs.content_hash(teacher / checkpoint.WEIGHTS_NAME)
        said, heard = (checkpoint.load(f).config.training for f in (taught, teacher))
        assert said["train_speakers"] == heard["train_speakers"]
        assert said["teacher"]["recipe"] == "pair"
        assert said["teacher"]["speakers"] == heard["train_speakers"]
        assert not set(said["test_speakers"]) & set(heard["train_speakers"])
    weights = load_file(base / "student/emobox-6fold/fold-2-seed-0/model.safetensors")

    alone = tmp_path / "alone.toml"
    alone.write_text(TINY + "refit = true\n")
    assert main(["fit", "--recipe", str(alone), "--fold", "2"]) == 0
    other = load_file(base / "alone/emobox-6fold/fold-2-seed-0/model.safetensors")
    assert any(not torch.equal(weights[name], other[name]) for name in weights)


def test_the_minutes_of_all_that_a_student_needs_are_counted(student, tmp_path, monkeypatch):
    monkeypatch.setattr("train.fit.loop.read_minutes", lambda run: 1.0)
    arguments = ["crossval", "--recipe", str(student), "--folds", "3", "--seeds", "2"]
    arguments += ["--runs", "runs", "--results", "results", "--jobs", "1"]
    assert main(arguments) == 0
    (figures,) = (tmp_path / "results" / "student").glob("*/metrics.json")
    row = json.loads(figures.read_text())[-1]
    n_rehearsals = len(list(tmp_path.glob("runs/*/emobox-6fold/fold-3-rehearsal")))
    assert row["minutes"] == 2
    assert row["all_minutes"] == 3 * 2 + n_rehearsals - 1  # the ensemble's is its members'


def test_the_teacher_answers_as_it_is_served(student, tmp_path):
    assert main(["fit", "--recipe", "pair.toml", "--fold", "2"]) == 0
    run = tmp_path / "runs/pair/emobox-6fold/fold-2-seed-0"
    clips = runs.load_corpora(["ravdess"])[:40]
    answers = Teacher(load_recipe(str(student))).answers(run, clips, clips)
    served = predict_all(finished.load_run(run), clips, 2, 0)
    own = np.array([answers[name].numpy() for name in served.files])
    np.testing.assert_allclose(own, served.probabilities, atol=KEPT_FEATURES)


def test_only_the_corpora_that_it_is_asked_about_are_answered(student, tmp_path):
    assert main(["fit", "--recipe", "pair.toml", "--fold", "2"]) == 0
    asked = student.read_text().replace("share = 0.8", 'corpora = ["ravdess-song"]')
    both = 'corpora = ["ravdess", "ravdess-song"]\n[model]'
    student.write_text(asked.replace("[model]", both, 1))
    said, *sung = runs.load_corpora(["ravdess"])[:4]
    clips = [said, *(replace(u, corpus="ravdess-song") for u in sung)]
    run = tmp_path / "runs/pair/emobox-6fold/fold-2-seed-0"
    answers = Teacher(load_recipe(str(student))).answers(run, clips, clips)
    assert answers.keys() == {u.stem for u in sung}


def test_answers_are_mixed_into_the_labels_among_what_is_allowed(workplace):
    clips = [u for u in runs.load_corpora(["ravdess"]) if u.emotion in ("calm", "sad", "angry")][:9]
    space = TargetSpace(clips, TargetConfig(mask_by_corpus=True))
    targets = space.targets(clips)
    answers = torch.full((len(clips), 8), 1 / 8)
    answers[0] = torch.nan
    mixed = targets.taught(answers, 0.6).emotions
    assert torch.equal(mixed[0], targets.emotions[0])  # nobody answered
    evenly = targets.allowed / targets.allowed.sum(1, keepdim=True)
    expected = 0.4 * targets.emotions + 0.6 * evenly
    bounds.assert_within(bounds.rounding(4), mixed[1:], expected[1:])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("refit = true", "", "refitted"),
        ('teacher = "pair.toml"', 'teacher = "student.toml"', "of himself"),
        ('teacher = "pair.toml"', 'teacher = "none.toml"', "no recipe"),
        ("share = 0.8", "share = 1.8", "share"),
        ("share = 0.8", 'corpora = ["tess"]', "tess"),
        ('teacher = "pair.toml"', 'corpora = ["ravdess"]', "need a teacher"),
        ('teacher = "pair.toml"', "cross_fitted = true", "need a teacher"),
        ("share = 0.8", "cross_fitted = 1", "true or false"),
        ('teacher = "pair.toml"', 'cross_fitted = true\nteacher = "founding"', "of ridge models"),
    ],
)
def test_a_recipe_that_nobody_can_teach_says_why(student, before, after, said):
    student.write_text(student.read_text().replace(before, after))
    with pytest.raises(ValueError, match=said):
        load_recipe(str(student))


def test_a_student_teaches_nobody(student, tmp_path):
    path = tmp_path / "second.toml"
    path.write_text(student.read_text().replace("pair.toml", "student.toml"))
    with pytest.raises(ValueError, match="one step"):
        load_recipe(str(path))


def test_a_cross_fitted_teacher_answers_as_if_it_had_not_learnt_the_speaker(student, tmp_path):
    student.write_text(
        student.read_text().replace("share = 0.8", "share = 0.8\ncross_fitted = true")
    )
    assert main(["fit", "--recipe", "pair.toml", "--fold", "2"]) == 0
    run = tmp_path / "runs/pair/emobox-6fold/fold-2-seed-0"
    config = checkpoint.load(run).config
    clips = runs.load_corpora(["ravdess"])
    answers = Teacher(load_recipe(str(student))).answers(run, clips, clips)
    served = predict_all(finished.load_run(run), clips, 2, 0)
    own = np.array([answers[name].numpy() for name in served.files])
    learnt = np.isin(served.speakers, config.training["train_speakers"])
    np.testing.assert_allclose(own[~learnt], served.probabilities[~learnt], atol=KEPT_FEATURES)

    def sure(answers):
        return answers[learnt, served.labels[learnt]].mean()

    assert sure(own) < sure(served.probabilities) - 0.05
    members = [
        np.load(tmp_path / f"runs/{name}/emobox-6fold/fold-2-seed-0" / UNHEARD_NAME)
        for name in ("ridge", "other")
    ]
    power = np.mean([m["probabilities"] for m in members], axis=0) ** (1 / config.temperature)
    with np.load(run / UNHEARD_NAME) as joined:
        expected = power / power.sum(axis=1, keepdims=True)
        bound = bounds.rounding(8 + 2 / config.temperature)  # the power of a share, and the sum
        bounds.assert_within(bound, joined["probabilities"], expected)
        actors = {name.split("-")[-1] for name in joined["stems"]}
    assert {f"ravdess-{actor}" for actor in actors} == set(config.training["train_speakers"])

    (run / UNHEARD_NAME).unlink()
    with pytest.raises(ValueError, match="delete it"):
        Teacher(load_recipe(str(student))).answers(run, clips, clips)


def test_members_that_learnt_other_clips_have_no_answer_in_common(student, tmp_path):
    assert main(["fit", "--recipe", "pair.toml", "--fold", "2"]) == 0
    run = tmp_path / "runs/pair/emobox-6fold/fold-2-seed-0"
    folders = [tmp_path / f"runs/{name}/emobox-6fold/fold-2-seed-0" for name in ("ridge", "other")]
    learnt = checkpoint.load(run).config.training["train_speakers"]
    clips = [u for u in runs.load_corpora(["ravdess"]) if u.speaker in learnt]
    (run / UNHEARD_NAME).unlink()
    save_unheard(folders[1], clips[1:], torch.full((len(clips) - 1, 8), 1 / 8))
    join_unheard(run, clips, folders)
    assert not (run / UNHEARD_NAME).exists()
    join_unheard(run, clips[1:], folders)
    with np.load(run / UNHEARD_NAME) as joined:
        assert joined["stems"].tolist() == [u.stem for u in clips[1:]]
