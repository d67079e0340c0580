"""The real commands on a small corpus: fit, resume, cross-validate, evaluate, embed."""

import csv
import json
import shutil
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ser.checkpoints import checkpoint
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from tests import bounds
from tests.bounds import FIVE_DIGITS
from tests.small_runs import TINY, work_in
from train.__main__ import main
from train.clips.store import FeatureStore
from train.corpora import load_corpora
from train.corpora.splits import make_splits
from train.fit import cost, loop
from train.recipes.load import load_recipe
from train.release.embed import embed
from train.runs import runs

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    home = tmp_path_factory.mktemp("fitted")
    (home / "tiny.toml").write_text(TINY)
    with pytest.MonkeyPatch.context() as patch:
        work_in(home, data, patch)
        assert main(["fit", "--recipe", "tiny.toml", "--output", "run"]) == 0
    return home / "run"


@pytest.fixture
def run(fitted, tmp_path):
    """A copy of a finished run, which a test may change."""
    return shutil.copytree(fitted, tmp_path / "run")


def test_fit_leaves_a_whole_run_folder(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.json",
        "model.safetensors",
        "metrics.json",
        "history.csv",
        "training_history.png",
        "confusion_matrix.png",
    }
    with (run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2"]
    training = json.loads((run / "config.json").read_text())["training"]
    assert training["test_speakers"] == [f"ravdess-{a:02d}" for a in (1, 11, 20, 21)]
    assert training["validation_speakers"] == [f"ravdess-{a:02d}" for a in (3, 4, 5, 10)]
    assert len(training["train_speakers"]) == 16


def test_metrics_rows_are_complete_and_say_what_they_are(run):
    rows = json.loads((run / "metrics.json").read_text())
    assert [row["part"] for row in rows] == ["validation", "test"]
    for row in rows:
        assert row["protocol"] == "emobox-6fold"
        assert row["scope"] == "these-weights"
        assert row["n_clips"] == 32
        assert set(row) >= {
            *("recipe", "corpora", "seeds", "per_fold", "ua", "wa", "macro_f1", "ci95", "ece"),
            *("nll", "git_commit", "data_sha256", "versions"),
        }
        assert row["ci95"][0] <= row["ua"] <= row["ci95"][1]


def test_evaluate_gives_the_same_figures_again(run):
    before = (run / "metrics.json").read_text()
    assert main(["evaluate", str(run)]) == 0
    assert (run / "metrics.json").read_text() == before


def test_an_interrupted_run_goes_on_to_the_same_weights(run, tiny, tmp_path, monkeypatch):
    folder = tmp_path / "interrupted"
    train_epoch, begun = loop.Trainer.train_epoch, []

    def interrupt_once(trainer, epoch):
        begun.append(epoch)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return train_epoch(trainer, epoch)

    monkeypatch.setattr(loop.Trainer, "train_epoch", interrupt_once)
    monkeypatch.setattr(cost, "estimate_s", lambda *_: 0.0)  # which trains a little, too
    arguments = ["fit", "--recipe", tiny, "--output", str(folder)]
    with pytest.raises(KeyboardInterrupt):
        main(arguments)
    assert main(arguments) == 0
    assert begun == [0, 1, 1]
    whole, resumed = (load_file(f / "model.safetensors") for f in (run, folder))
    for name in whole:
        assert torch.equal(whole[name], resumed[name])


def test_what_an_earlier_run_could_not_say_counts_as_its_default(run, tiny, tmp_path):
    folder = tmp_path / "earlier"
    shutil.copytree(run, folder)
    said = json.loads((folder / "run.json").read_text())
    assert said["recipe"]["train"].pop("focal_gamma") == 0.0
    del said["recipe"]["distill"]
    arguments = ["fit", "--recipe", tiny, "--output", str(folder)]
    (folder / "run.json").write_text(json.dumps(said))
    assert main(arguments) == 0
    for broken in ("{", "[]", json.dumps(said | {"recipe": None})):
        (folder / "run.json").write_text(broken)
        assert main(arguments) == 1
    said["recipe"]["train"]["label_smoothing"] = 0.1
    (folder / "run.json").write_text(json.dumps(said))
    assert main(arguments) == 1


@pytest.mark.parametrize("other", ["recipe", "fold", "seed", "protocol", "data"])
def test_a_folder_of_another_run_is_refused(run, tiny, small_ravdess, tmp_path, capsys, other):
    """Else a fold would go on from weights that have seen its test actors."""
    arguments = {"--recipe": tiny, "--fold": "1", "--seed": "0", "--protocol": "emobox-6fold"}
    if other == "recipe":
        arguments["--recipe"] = "founding"
    elif other == "protocol":
        arguments["--protocol"] = "luna-5fold"
    elif other == "data":
        path = small_ravdess / "ravdess" / "Actor_01" / "03-01-01-01-01-01-01.wav"
        before = path.read_bytes()
        path.write_bytes(before + b"\0")
    else:
        arguments[f"--{other}"] = "2"
    flat = [word for pair in arguments.items() for word in pair]
    status = main(["fit", *flat, "--output", str(run)])
    if other == "data":
        path.write_bytes(before)
    assert status == 1
    assert "holds a run of another" in capsys.readouterr().err


def test_one_training_step_of_the_real_entry_lowers_the_loss(tiny):
    recipe = load_recipe(tiny)
    utterances = load_corpora(["ravdess"])
    split = make_splits("emobox-6fold", utterances, 0)[0]
    store = FeatureStore(utterances, recipe.features, recipe.augment, 0)
    trainer = loop.Trainer(recipe, split.train, store, seed=0)
    losses = [trainer.train_epoch(epoch)["loss"] for epoch in range(4)]
    assert losses[-1] < losses[0]


def test_test_actors_are_never_touched_by_fit(tiny, tmp_path):
    """Only training and validation clips are in the store: fit needs nothing else."""
    recipe = load_recipe(tiny)
    utterances = load_corpora(["ravdess"])
    split = make_splits("emobox-6fold", utterances, 0)[0]
    known = [*split.train, *split.validation]
    store = FeatureStore(known, recipe.features, recipe.augment, 0)
    with pytest.raises(KeyError):
        store.clean[split.test[0].stem]
    assert loop.fit(recipe, split, store, tmp_path / "without", 0).temperature > 0


def test_crossval_tests_every_clip_once_a_seed(tiny, tmp_path, no_pictures):
    arguments = ["crossval", "--recipe", tiny, "--protocol", "luna-5fold", "--seeds", "2"]
    arguments += ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "evidence")]
    assert main(arguments) == 0
    folder = tmp_path / "evidence" / "tiny" / "luna-5fold"
    with np.load(folder / "oof.npz") as oof:
        assert set(oof) == {"file", "label", "fold", "seed", "probabilities"}
        assert oof["probabilities"].shape == (2 * 24 * 8, 8)
        of_sum = bounds.shares(oof["probabilities"])
        np.testing.assert_allclose(oof["probabilities"].sum(axis=1), 1, atol=of_sum)
        for seed in (0, 1):
            assert len(set(oof["file"][oof["seed"] == seed])) == 24 * 8
        codes = [LABELS.index(LABELS[int(name[6:8]) - 1]) for name in oof["file"]]
        np.testing.assert_array_equal(oof["label"], codes)
    rows = json.loads((folder / "metrics.json").read_text())
    assert [(r["scope"], r["part"]) for r in rows] == [
        ("recipe-crossval", "validation"),
        ("recipe-crossval", "test"),
    ]
    test = rows[1]
    assert test["seeds"] == [0, 1]
    assert len(test["per_fold"]) == 10
    mean = np.mean([f["ua"] for f in test["per_fold"]])
    assert test["ua"] == pytest.approx(mean, abs=FIVE_DIGITS)
    before = (folder / "metrics.json").read_text()
    assert main(arguments) == 0  # nothing is left to do
    assert (folder / "metrics.json").read_text() == before


def test_some_folds_in_two_processes_are_evidence_under_another_name_alone(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr("train.runs.crossval.ProcessPoolExecutor", ProcessPoolExecutor)
    results = tmp_path / "evidence"
    arguments = ["crossval", "--recipe", tiny, "--runs", str(tmp_path / "runs"), "--jobs", "2"]
    assert main([*arguments, "--folds", "2", "5", "--results", str(results)]) == 0
    (folder,) = (results / "tiny").iterdir()
    assert folder.name == "emobox-6fold-folds-2-5"
    with np.load(folder / "oof.npz") as oof:
        assert sorted(oof["fold"]) == [2] * 32 + [5] * 32


def test_embed_takes_a_run_with_its_figures(run, tmp_path):
    evidence = tmp_path / "results" / "tiny" / "luna-5fold"
    evidence.mkdir(parents=True)
    row = {"scope": "recipe-crossval", "protocol": "luna-5fold"}
    (evidence / "metrics.json").write_text(json.dumps([row]))
    target = tmp_path / "weights"
    embed(run, results=tmp_path / "results", target=target)
    embedded = EmotionPipeline.from_pretrained(target).checkpoint
    assert [r["scope"] for r in embedded.metrics] == [
        "these-weights",
        "these-weights",
        "recipe-crossval",
    ]
    assert embedded.config.training["recipe"] == "tiny"


def test_embed_refuses_what_learned_from_a_corpus_without_derived_works(
    run, tmp_path, monkeypatch, capsys
):
    config = json.loads((run / "config.json").read_text())
    config["training"]["corpora"].append("tess")
    (run / "config.json").write_text(json.dumps(config))
    target = tmp_path / "weights"
    monkeypatch.setattr(checkpoint, "EMBEDDED", target)
    assert main(["embed", str(run)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "TESS (CC BY-NC-ND 4.0)" in error and "--despite-licence" in error
    assert not target.exists()
    assert main(["embed", str(run), "--despite-licence"]) == 0
    assert (target / "model.safetensors").exists()


def test_embed_refuses_a_run_without_figures(run, tmp_path):
    (run / "metrics.json").unlink()
    with pytest.raises(ValueError, match="evaluate"):
        embed(run, target=tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["fit", "--recipe", "none"], "no recipe"),
        (["fit", "--protocol", "none"], "protocol"),
        (["fit", "--fold", "7"], "folds 1 to 6"),
        (["evaluate", "nowhere"], "nowhere"),
        (["embed", "nowhere"], "no run folder nowhere"),
        (["fit", "--corpora", "ravdes"], "Unknown corpus"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, word, capsys):
    assert main(arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and word in error


def test_no_corpus_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    assert main(["fit"]) == 1
    assert "prepare" in capsys.readouterr().err


def test_run_folders_are_numbered(tmp_path):
    assert runs.run_folder(tmp_path, 3, 1) == tmp_path / "fold-3-seed-1"
