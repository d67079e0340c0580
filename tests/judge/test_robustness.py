"""The same clips louder, noisier, duller, over a telephone; recipes beside each other."""

import json
import shutil

import numpy as np
import pytest

from tests.bounds import FIVE_DIGITS
from train.__main__ import main
from train.corpora import load_corpora
from train.judge import evaluate, evidence, robustness
from train.judge.evaluate import Predictions

PROTOCOL = "emobox-6fold"


def test_robustness_pools_the_folds_of_a_crossval(made):
    base = made / "runs" / "partial" / PROTOCOL
    rows = robustness.robustness(base, made / "results")
    assert [row["condition"] for row in rows] == list(robustness.CONDITIONS)
    path = made / "results" / "partial" / "emobox-6fold-folds-1-2" / "robustness.json"
    saved = json.loads(path.read_text())
    for row, stored in zip(rows, saved, strict=True):
        assert row.items() <= stored.items()
        assert (row["folds"], row["n_clips"], row["part"]) == ([1, 2], 64, "test")
        change = row["ua_after"] - row["ua_before"]
        assert row["ua_change"] == pytest.approx(change, abs=2 * FIVE_DIGITS)
        assert row["ua_change_ci95"][0] <= row["ua_change"] <= row["ua_change_ci95"][1]
    before = evidence.read_rows(path.parent)[-1]
    assert rows[0]["ua_before"] == pytest.approx(before["ua"], abs=FIVE_DIGITS)


def test_noise_is_the_same_for_a_clip_each_time(small_ravdess, monkeypatch):
    monkeypatch.setenv("SER_DATA", str(small_ravdess))
    clip, other = load_corpora(["ravdess"])[:2]
    noisy = robustness._through(robustness.CONDITIONS["white noise 20 dB under the speech"])
    np.testing.assert_array_equal(noisy(clip)[1], noisy(clip)[1])
    assert not np.array_equal(noisy(clip)[1], noisy(other)[1])


def test_answers_that_stay_and_what_is_lost():
    labels = np.tile(np.arange(8), 2)
    who = np.repeat(["a", "b"], 8)

    def answers(values):
        return Predictions(
            who, labels, np.eye(8)[values], who, who, np.ones(16, int), np.zeros(16, int)
        )

    after = labels.copy()
    after[:4] = 7
    row = robustness.compared(answers(labels), answers(after))
    assert (row["unchanged"], row["ua_before"], row["ua_after"]) == (0.75, 1.0, 0.75)
    assert (row["ua_change"], row["ua_change_ci95"]) == (-0.25, [-0.5, 0.0])
    assert row["per_speaker"] == {
        "unchanged": {"a": 0.5, "b": 1.0},
        "ua_change": {"a": -0.5, "b": 0.0},
    }


def test_two_recipes_are_set_beside_each_other_by_actor():
    def row(name, *changes):
        people = dict(zip("xyzw", changes, strict=True))
        return {"condition": name, "per_speaker": {"ua_change": people}}

    reference = [row("a", -0.1, -0.2, -0.3, 0.0), row("b", 0.0, 0.0, 0.0, 0.0)]
    rows = [row("a", -0.2, -0.3, -0.4, -0.1), row("b", -0.3, 0.3, 0.2, -0.2), row("c", 0, 0, 0, 0)]
    found = robustness.beside(rows, reference)
    assert list(found) == ["a", "b"]
    assert found["a"]["ua_change"] == pytest.approx((-0.1, -0.1, -0.1))
    mean, low, high = found["b"]["ua_change"]
    assert mean == pytest.approx(0) and -0.3 < low < -0.1 and 0.1 < high < 0.3
    fewer = [{"condition": "a", "per_speaker": {"ua_change": {"x": 0.0}}}]
    with pytest.raises(ValueError, match="same speakers"):
        robustness.beside(fewer, reference)


def test_no_run_is_a_sentence(tmp_path, capsys):
    assert main(["robustness", str(tmp_path)]) == 1
    assert "neither a run nor a fold" in capsys.readouterr().err


def test_a_run_that_learned_from_everybody_has_nobody_to_be_asked_about(made, run, tmp_path):
    folder = tmp_path / "everybody"
    shutil.copytree(run, folder)
    config = json.loads((folder / "config.json").read_text())
    config["training"] |= {"validation_speakers": [], "test_speakers": []}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="nobody is left to judge"):
        robustness.robustness(folder, made / "results")


def test_rehearsals_of_several_seeds_are_counted_as_they_are():
    labels = np.tile(np.arange(8), 2)
    who, folds = np.repeat(["a", "b"], 8), np.repeat([1, 2], 8)
    mixed = Predictions(who, labels, np.eye(8)[labels], who, who, folds, 5 * (folds - 1))
    told = (PROTOCOL, "recipe", "recipe-crossval", "validation", ["ravdess"], "0")
    row = evaluate.metrics_row(mixed, *told)
    assert [(one["seed"], one["fold"]) for one in row["per_fold"]] == [(0, 1), (5, 2)]
    assert (row["ua"], row["ua_std_seeds"]) == (1.0, None)
    uneven = Predictions.join([mixed, mixed.only(folds == 1)])
    uneven.seeds[-8:] = 5
    row = evaluate.metrics_row(uneven, *told)
    assert row["ua_std_seeds"] is None and len(row["per_fold"]) == 3
