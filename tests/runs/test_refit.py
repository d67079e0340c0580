"""A refit takes its choices from a rehearsal and learns the validation speakers as well."""

import csv
import json
import shutil
from dataclasses import replace

import pytest

from tests.small_runs import TINY, work_in
from train.__main__ import main
from train.corpora import load_corpora, splits

REFIT = TINY.replace("max_epochs = 2", "max_epochs = 3\npatience = 1\nplateau_patience = 0\n")
REFIT += "refit = true\n"

pytestmark = pytest.mark.usefixtures("workplace", "no_pictures")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "again.toml"
    path.write_text(REFIT)
    return str(path)


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    """Fold 1 of that recipe, and its rehearsal; no test may change them."""
    home = tmp_path_factory.mktemp("fitted")
    (home / "again.toml").write_text(REFIT)
    with pytest.MonkeyPatch.context() as patch:
        work_in(home, data, patch)
        arguments = ["fit", "--recipe", "again.toml", "--seed", "5"]
        assert main([*arguments, "--output", "runs/fold-1-seed-5"]) == 0
    return home / "runs"


def speakers(*actors):
    return [f"ravdess-{actor:02d}" for actor in actors]


def read(path):
    return json.loads(path.read_text())


def history(run):
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_fit_rehearses_first_and_then_learns_all_but_the_test_speakers(fitted):
    run, rehearsal = fitted / "fold-1-seed-5", fitted / "fold-1-rehearsal"
    rehearsed = read(rehearsal / "config.json")
    assert rehearsed["training"]["validation_speakers"] == speakers(3, 4, 5, 10)
    assert rehearsed["training"]["test_speakers"] == []
    assert [row["part"] for row in read(rehearsal / "metrics.json")] == ["validation"]
    assert not (rehearsal / "test-predictions.npz").exists()

    config = read(run / "config.json")
    training = config["training"]
    assert len(training["train_speakers"]) == 20
    assert set(training["train_speakers"]) > set(speakers(3, 4, 5, 10))
    assert not set(training["train_speakers"]) & set(training["test_speakers"])
    assert training["test_speakers"] == speakers(1, 11, 20, 21)
    assert training["validation_speakers"] == []
    assert training["refit"] is True
    assert training["rehearsal_speakers"]["validation"] == speakers(3, 4, 5, 10)

    best = rehearsed["training"]["best_epoch"]
    assert training["n_epochs"] == training["best_epoch"] == best
    assert config["temperature"] == rehearsed["temperature"]
    rates = [row["learning_rate"] for row in history(rehearsal)]
    assert [row["learning_rate"] for row in history(run)] == rates[:best]
    assert "validation_accuracy" not in history(run)[0]

    rows = read(run / "metrics.json")
    assert [(r["part"], r["scope"]) for r in rows] == [
        ("validation", "recipe-crossval"),
        ("test", "these-weights"),
    ]
    assert rows[0]["ua"] == read(rehearsal / "metrics.json")[0]["ua"]
    before = (run / "metrics.json").read_text()
    assert main(["evaluate", str(run)]) == 0
    assert (run / "metrics.json").read_text() == before


def test_crossval_rehearses_each_fold_once_for_all_seeds(recipe, tmp_path):
    arguments = ["crossval", "--recipe", recipe, "--folds", "3", "--seeds", "2"]
    arguments += ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    assert main([*arguments, "--jobs", "1"]) == 0
    folders = {p.name for p in (tmp_path / "runs" / "again" / "emobox-6fold").iterdir()}
    assert folders == {"fold-3-rehearsal", "fold-3-seed-0", "fold-3-seed-1"}
    (figures,) = (tmp_path / "results" / "again").glob("*/metrics.json")
    validation, test = read(figures)
    assert (validation["seeds"], validation["n_clips"]) == ([0], 4 * 8)
    assert len(validation["per_fold"]) == 1
    assert (test["seeds"], test["n_clips"]) == ([0, 1], 4 * 8)
    assert len(test["per_fold"]) == 2


def test_a_model_to_ship_is_refitted_on_everybody(recipe, tmp_path):
    run = tmp_path / "ship"
    arguments = ["fit", "--recipe", recipe, "--protocol", "ship-20-4", "--output", str(run)]
    assert main(arguments) == 0
    assert len(read(run / "config.json")["training"]["train_speakers"]) == 24
    assert [(r["part"], r["scope"]) for r in read(run / "metrics.json")] == [
        ("validation", "recipe-crossval")
    ]


def test_the_last_fit_learns_everybody_and_takes_the_choices_of_all_folds(recipe, tmp_path):
    run = tmp_path / "runs" / "ship-24" / "fold-1-seed-0"
    arguments = ["fit", "--recipe", recipe, "--protocol", "ship-24", "--output", str(run)]
    assert main(arguments) == 0
    rehearsals = [
        read(tmp_path / "runs" / "emobox-6fold" / f"fold-{fold}-rehearsal" / "config.json")
        for fold in range(1, 7)
    ]
    config = read(run / "config.json")
    assert config["training"]["train_speakers"] == speakers(*range(1, 25))
    epochs = sorted(r["training"]["best_epoch"] for r in rehearsals)
    assert epochs[2] <= config["training"]["best_epoch"] <= epochs[3]
    temperatures = [r["temperature"] for r in rehearsals]
    assert min(temperatures) <= config["temperature"] <= max(temperatures)
    (row,) = read(run / "metrics.json")
    assert (row["part"], row["scope"], row["n_clips"]) == ("validation", "recipe-crossval", 192)


def test_a_recipe_without_refit_has_nothing_to_choose_on_when_everybody_is_learnt(tmp_path, capsys):
    path = tmp_path / "plain.toml"
    path.write_text(TINY)
    run = str(tmp_path / "runs" / "ship-24" / "fold-1-seed-0")
    assert main(["fit", "--recipe", str(path), "--protocol", "ship-24", "--output", run]) == 1
    assert "refit" in capsys.readouterr().err


def test_a_rehearsal_of_another_recipe_is_refused(fitted, tmp_path, capsys):
    shutil.copytree(fitted / "fold-1-rehearsal", tmp_path / "fold-1-rehearsal")
    other = tmp_path / "again.toml"
    other.write_text(REFIT.replace("max_epochs = 3", "max_epochs = 4"))
    arguments = ["fit", "--recipe", str(other), "--seed", "5"]
    assert main([*arguments, "--output", str(tmp_path / "fold-1-seed-5")]) == 1
    assert "holds a run of another" in capsys.readouterr().err


def test_a_refit_learns_what_the_validation_speakers_sing_too(small_ravdess):
    speech = load_corpora(["ravdess"])
    song = [
        replace(
            u, corpus="ravdess-song", path=u.path.with_name(u.path.name.replace("-01-", "-02-", 1))
        )
        for u in speech
        if u.emotion == "sad"
    ]
    everything = [*speech, *song]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "duplicate_groups", lambda utterances: [])
        split = splits.make_splits("emobox-6fold", everything, 0)[0]
        whole = splits.with_validation(split, everything)
    assert whole.validation == () and whole.test == split.test
    heard = {u.speaker for u in whole.train}
    assert heard == {u.speaker for u in split.train + split.validation}
    assert {u.speaker for u in whole.train if u.corpus == "ravdess-song"} == heard
    assert len(whole.train) == 20 * 9 and len(split.train) == 16 * 9
