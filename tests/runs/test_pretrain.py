"""A pretraining hears nobody who is judged later, and its weights arrive."""

import csv
import json
import shutil
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from ser import models
from tests.small_runs import TINY
from train import places
from train.__main__ import main
from train.corpora import Utterance
from train.fit import loop
from train.recipes.load import load_recipe
from train.runs import runs
from train.runs.folders import completed, pretraining_folder
from train.runs.pretrain import Pretraining, speaker_split

pytestmark = pytest.mark.usefixtures("workplace", "no_pictures")

CODES = {"ANG": 5, "DIS": 7, "FEA": 6, "HAP": 3, "NEU": 1, "SAD": 4}


@pytest.fixture(scope="module")
def data(small_ravdess, tmp_path_factory):
    """RAVDESS in small, and a CREMA-D that speaks with the voices of some of its actors."""
    root = tmp_path_factory.mktemp("corpora")
    (root / "ravdess").symlink_to(small_ravdess / "ravdess")
    (root / "cremad").mkdir()
    lines = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for actor in range(1, 13):
        lines.append(f'{1000 + actor},{20 + 3 * actor},"Male","",""')
        for name, code in CODES.items():
            clip = small_ravdess / "ravdess" / f"Actor_{actor:02d}"
            samples, rate = soundfile.read(clip / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav")
            soundfile.write(root / "cremad" / f"{1000 + actor}_DFA_{name}_XX.wav", samples, rate)
    (root / "cremad" / "VideoDemographics.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def recipes(tmp_path):
    """Write first.toml, which others start from, and second.toml; returns the latter's path."""
    first = TINY.replace('base = "founding"', 'base = "founding"\ncorpora = ["cremad"]')
    (tmp_path / "first.toml").write_text(
        first + "[targets]\nmask_by_corpus = true\n[targets.tasks]\nage = 0.1\n"
    )
    path = tmp_path / "second.toml"
    path.write_text(TINY + '[pretrain]\nrecipe = "first.toml"\nfreeze_epochs = 1\n')
    return str(path)


def test_a_tenth_of_each_corpus_s_speakers_validates():
    clips = [
        Utterance(Path(f"/{corpus}-{n}-{k}.wav"), "sad", f"{corpus}-{n}", "f", corpus)
        for corpus, n_speakers in (("a", 40), ("b", 10), ("c", 2))
        for n in range(n_speakers)
        for k in range(3)
    ]
    split = speaker_split(clips)
    held_out = {u.speaker for u in split.validation}
    assert not held_out & {u.speaker for u in split.train}
    assert sorted(name[0] for name in held_out) == ["a"] * 4 + ["b"]
    assert len(split.train) + len(split.validation) == len(clips)
    together = [replace(u, group=f"session-{int(u.speaker[2:]) // 2}") for u in clips[:120]]
    split = speaker_split(together)
    assert not {u.group for u in split.validation} & {u.group for u in split.train}
    assert speaker_split(clips[-6:]).validation  # never none


def test_fine_tuning_starts_from_the_pretrained_weights(recipes, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["fit", "--recipe", recipes, "--output", str(run)]) == 0
    assert "left out: none" in capsys.readouterr().err
    recipe = load_recipe(recipes)
    start = pretraining_folder(tmp_path / "runs", load_recipe("first.toml"), 0)
    pretrained, final = (load_file(f / "model.safetensors") for f in (start, run))
    with (run / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2

    split = runs.choose_fold(runs.make_splits("emobox-6fold", runs.load_corpora(["ravdess"]), 0), 1)
    store = runs.FeatureStore(split.train, recipe.features, recipe.augment, 0)
    trainer = loop.Trainer(recipe, split.train, store, 0, pretrained)
    state = trainer.learner.model.state_dict()
    assert all(torch.equal(state[name], pretrained[name]) for name in pretrained)
    trainer.train_epoch(0)
    frozen = {
        name for name, _ in trainer.learner.model.named_parameters() if "classify" not in name
    }
    assert frozen
    state = trainer.learner.model.state_dict()
    for name, _ in trainer.learner.model.named_parameters():
        assert torch.equal(state[name], pretrained[name]) == (name in frozen), name
    trainer.train_epoch(1)
    for name, parameter in trainer.learner.model.named_parameters():
        assert not torch.equal(parameter, pretrained[name]), name

    training = json.loads((run / "config.json").read_text())["training"]
    assert training["corpora"] == ["ravdess"]
    assert training["pretraining"]["corpora"] == ["cremad"]
    assert "cremad-1001" in training["pretraining"]["speakers"]
    assert final.keys() == pretrained.keys()

    before = (start / "last.pt").stat().st_mtime_ns
    again = ["fit", "--recipe", recipes, "--fold", "2", "--output", str(tmp_path / "other")]
    assert main(again) == 0  # fitted once a seed
    assert (start / "last.pt").stat().st_mtime_ns == before


def test_the_fits_that_come_with_the_code_are_of_today_s_recipes():
    claims = sorted(places.KEPT_FITS.glob("*/seed-*/run.json"))
    assert Counter(claim.parts[-3] for claim in claims) == {
        "mixed_voice_encoder": 3,
        "robust_logmel_encoder": 3,
        "robust_voice_encoder": 3,
    }
    for claim in claims:
        recipe = load_recipe(claim.parts[-3])
        told = json.loads(claim.read_text())
        assert completed(told["recipe"]) == json.loads(json.dumps(asdict(recipe))), (
            f"{claim} was fitted by another recipe, so it is not used: fit it anew"
        )
        assert f"seed-{told['seed']}" == claim.parts[-2]
        weights = load_file(claim.with_name("model.safetensors"))
        model = models.build(
            recipe.model_name, recipe.features.n_features, 8, **recipe.model_args
        ).state_dict()
        assert {n for n, t in model.items() if weights[n].shape != t.shape} <= {
            "head.classify.weight",
            "head.classify.bias",
        }


def test_a_fit_that_comes_with_the_code_is_taken(recipes, tmp_path, monkeypatch, capsys):
    pretraining = Pretraining(load_recipe(recipes))
    fitted = pretraining.fit(0, tmp_path / "runs")
    kept = tmp_path / "kept" / "first" / "seed-0"
    shutil.copytree(fitted, kept, ignore=shutil.ignore_patterns("last.pt"))
    monkeypatch.setattr(places, "KEPT_FITS", tmp_path / "kept")
    assert pretraining.fit(0, tmp_path / "elsewhere") == kept
    assert not pretraining.is_fitted(1, tmp_path / "elsewhere")
    assert main(["fit", "--recipe", recipes, "--output", str(tmp_path / "run")]) == 0
    assert str(kept) in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()

    first = tmp_path / "first.toml"
    first.write_text(first.read_text() + "[perturb]\nmax_stretch = 0.1\n")
    changed = Pretraining(load_recipe(recipes))
    assert changed.folder(0, tmp_path / "elsewhere").is_relative_to(tmp_path / "elsewhere")


def test_weights_that_do_not_fit_are_named(recipes, tmp_path, capsys):
    first = tmp_path / "first.toml"
    first.write_text(first.read_text().replace("n_layers = 1", "n_layers = 2"))
    pretraining = Pretraining(load_recipe(recipes))
    start = tmp_path / "start"
    start.mkdir()
    recipe = pretraining.recipe
    model = models.build(recipe.model_name, 39, 8, **recipe.model_args)
    runs.checkpoint.save(start, model, runs.CheckpointConfig("", {}, recipe.features))
    weights = pretraining.weights(start)
    said = capsys.readouterr().err
    named = [name for name in model.state_dict() if name.endswith("_l1")]
    assert len(named) == 4
    assert all(name in said and name not in weights for name in named)
    assert len(weights) == len(model.state_dict()) - 4


def test_a_pretraining_that_hears_a_judged_actor_is_refused(recipes, tmp_path, capsys):
    first = tmp_path / "first.toml"
    first.write_text(first.read_text().replace('["cremad"]', '["cremad", "ravdess"]'))
    for more in ("", "[train]\nrefit = true\n"):
        path = Path(recipes)
        path.write_text(
            TINY.replace("[train]\n", more or "[train]\n") + path.read_text()[len(TINY) :]
        )
        assert main(["fit", "--recipe", recipes, "--output", str(tmp_path / "run")]) == 1
        assert "must not be heard" in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("[features]\ndynamic_range_db = 80.0\n", "other features"),
        ('[pretrain]\nrecipe = "second.toml"\n', "pretrained itself"),
    ],
)
def test_what_cannot_be_a_pretraining_is_said(recipes, tmp_path, change, word):
    first = tmp_path / "first.toml"
    first.write_text(first.read_text() + change)
    with pytest.raises(ValueError, match=word):
        Pretraining(load_recipe(recipes))


def test_crossval_pretrains_once_a_seed(recipes, tmp_path):
    arguments = ["crossval", "--recipe", recipes, "--folds", "2", "--jobs", "1"]
    arguments += ["--runs", str(tmp_path / "there"), "--results", str(tmp_path / "results")]
    assert main(arguments) == 0
    assert (tmp_path / "there" / "first" / "pretrain" / "seed-0" / "model.safetensors").exists()
    assert (tmp_path / "there" / "second" / "emobox-6fold" / "fold-2-seed-0").exists()


def test_layers_learn_the_slower_the_deeper_they_lie(recipes):
    recipe = load_recipe(recipes)
    recipe = replace(recipe, pretrain=replace(recipe.pretrain, layer_decay=0.5))
    split = runs.choose_fold(runs.make_splits("emobox-6fold", runs.load_corpora(["ravdess"]), 0), 1)
    store = runs.FeatureStore(split.train, recipe.features, recipe.augment, 0)
    trainer = loop.Trainer(recipe, split.train, store, 0)
    rate_of = {
        id(p): group["lr"] for group in trainer.optimizer.param_groups for p in group["params"]
    }
    parts = [part for part in trainer.learner.model.children() if list(part.parameters())]
    rates = [{rate_of[id(p)] for p in part.parameters()} for part in parts]
    expected = [{recipe.train.learning_rate * 0.5**n} for n in reversed(range(len(parts)))]
    assert rates == expected
    assert trainer.rate == recipe.train.learning_rate
