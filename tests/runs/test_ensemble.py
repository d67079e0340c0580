"""Several models in one checkpoint: complete members, averaged probabilities and attention."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig, CheckpointError
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from tests import bounds
from tests.bounds import ONE_NETWORK
from tests.small_runs import RIDGE, TINY
from train import places
from train.__main__ import main
from train.corpora import splits
from train.judge.evaluate import Predictions
from train.recipes.load import load_recipe

MFCC = CheckpointConfig("attention_lstm", {"hidden_size": 8, "n_layers": 1}, FeatureConfig())
VOICE = CheckpointConfig(
    "functionals",
    {"voiced": 1},
    FeatureConfig(kind="descriptors", trim_db=None),
    temperature=2.0,
)


def ensemble(*members, shares=None, temperature=1.0):
    return CheckpointConfig(
        "ensemble",
        {},
        members[0].features,
        temperature=temperature,
        members=members,
        shares=shares or (1.0,) * len(members),
    )


@pytest.fixture
def folders(tmp_path):
    """Two members by themselves."""
    torch.manual_seed(0)
    made = []
    for number, config in enumerate((MFCC, VOICE)):
        made.append(tmp_path / str(number))
        checkpoint.save(made[-1], config.build(), config)
    return made


def join(folders, folder, **settings):
    loaded = [checkpoint.load(f) for f in folders]
    config = ensemble(*(one.config for one in loaded), **settings)
    checkpoint.save(folder, nn.ModuleList(one.model for one in loaded), config)
    return EmotionPipeline.from_pretrained(folder)


@pytest.mark.numeric
def test_probabilities_are_the_members_average_by_their_shares(folders, tmp_path, speech):
    alone = [EmotionPipeline.from_pretrained(f).predict((16000, speech)) for f in folders]
    joined = join(folders, tmp_path / "both", shares=(3.0, 1.0)).predict((16000, speech))
    expected = 0.75 * alone[0].probabilities + 0.25 * alone[1].probabilities
    np.testing.assert_allclose(joined.probabilities, expected, atol=ONE_NETWORK)
    assert np.abs(alone[0].probabilities - alone[1].probabilities).max() > 0.01


@pytest.mark.numeric
def test_its_temperature_sharpens_or_softens_the_average(folders, tmp_path, speech):
    flat = join(folders, tmp_path / "flat").predict((16000, speech)).probabilities
    sharp = (
        join(folders, tmp_path / "sharp", temperature=0.5).predict((16000, speech)).probabilities
    )
    np.testing.assert_allclose(sharp, flat**2 / (flat**2).sum(), atol=ONE_NETWORK)


@pytest.mark.numeric
def test_attention_is_on_the_first_members_frames_with_sum_one(folders, tmp_path, speech):
    silence = np.zeros(8000, dtype=np.float32)
    clip = (16000, np.concatenate([silence, speech, silence]))
    trimmed = EmotionPipeline.from_pretrained(folders[0]).predict(clip)
    joined = join(folders, tmp_path / "both").predict(clip)
    np.testing.assert_array_equal(joined.attention_times_s, trimmed.attention_times_s)
    assert joined.attention.sum() == pytest.approx(1, abs=bounds.shares(joined.attention))
    whole = EmotionPipeline.from_pretrained(folders[1]).predict(clip)
    at = np.interp(trimmed.attention_times_s, whole.attention_times_s, whole.attention)
    expected = 0.5 * trimmed.attention + 0.5 * at / at.sum()
    np.testing.assert_allclose(joined.attention, expected, atol=ONE_NETWORK)


def test_what_is_no_ensemble_is_refused(folders, tmp_path):
    inner = ensemble(MFCC, VOICE)
    for broken in (
        lambda: ensemble(inner, MFCC),
        lambda: ensemble(MFCC, VOICE, shares=(1.0,)),
        lambda: ensemble(MFCC, VOICE, shares=(1.0, -1.0)),
        lambda: replace(inner, members=(), shares=()),
        lambda: replace(inner, model_name="attention_lstm"),
        lambda: replace(inner, features=FeatureConfig(kind="logmel")),
    ):
        with pytest.raises(ValueError, match="ensemble"):
            broken()


def test_a_member_without_its_weights_is_refused(folders, tmp_path):
    loaded = [checkpoint.load(f) for f in folders]
    config = ensemble(*(one.config for one in loaded))
    checkpoint.save(tmp_path / "half", nn.ModuleList([loaded[0].model]), config)
    with pytest.raises(CheckpointError, match="does not hold the weights"):
        checkpoint.load(tmp_path / "half")


@pytest.fixture
def recipe(small_ravdess, tmp_path, monkeypatch):
    """An ensemble of two recipes on the small corpus, which are trained under tmp_path/runs."""
    monkeypatch.setenv("SER_DATA", str(small_ravdess))
    monkeypatch.setenv("SER_CACHE", str(small_ravdess / "cache"))
    monkeypatch.setattr(places, "RUNS", tmp_path / "runs")
    (tmp_path / "tiny.toml").write_text(TINY + "refit = true\n")
    (tmp_path / "ridge.toml").write_text(RIDGE)
    path = tmp_path / "pair.toml"
    members = json.dumps([str(tmp_path / "tiny.toml"), str(tmp_path / "ridge.toml")])
    path.write_text(f'description = "Two."\n[ensemble]\nmembers = {members}\nshares = [1, 3]\n')
    return path


def test_a_recipe_trains_its_members_and_joins_them(recipe, tmp_path):
    assert main(["fit", "--recipe", str(recipe), "--fold", "2"]) == 0
    home = tmp_path / "runs"
    folders = [home / name / "emobox-6fold/fold-2-seed-0" for name in ("tiny", "ridge", "pair")]
    tiny, ridge, pair = (Predictions.load(f / "test-predictions.npz") for f in folders)
    temperature = checkpoint.load(folders[2]).config.temperature
    mean = 0.25 * tiny.probabilities + 0.75 * ridge.probabilities
    expected = mean ** (1 / temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    bound = ONE_NETWORK / min(temperature, 1)  # below 1 it sharpens differences, too
    np.testing.assert_allclose(pair.probabilities, expected, atol=bound)
    rehearsal = checkpoint.load(home / "pair/emobox-6fold/fold-2-rehearsal").config
    assert rehearsal.temperature == temperature
    assert len(rehearsal.training["train_speakers"]) == 16
    assert len(checkpoint.load(folders[2]).config.training["train_speakers"]) == 20


def test_a_cross_validation_has_evidence_for_the_members_too(recipe, tmp_path):
    results = tmp_path / "results"
    arguments = ["crossval", "--recipe", str(recipe), "--folds", "1", "--jobs", "1"]
    assert main([*arguments, "--runs", str(places.RUNS), "--results", str(results)]) == 0
    for name in ("tiny", "ridge", "pair"):
        rows = json.loads((results / name / "emobox-6fold-folds-1/metrics.json").read_text())
        assert [row["part"] for row in rows] == ["validation", "test"]


def test_on_random_draws_members_choose_on_their_validation_clips_alone(
    recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(splits, "RANDOM_SIZES", (128, 32, 32))
    assert main(["fit", "--recipe", str(recipe), "--protocol", "random-70-15-15"]) == 0
    for name in ("tiny", "ridge", "pair"):
        home = tmp_path / "runs" / name / "random-70-15-15"
        assert [folder.name for folder in home.iterdir()] == ["fold-1-seed-0"]
        told = checkpoint.load(home / "fold-1-seed-0").config.training
        assert "refit" not in told and len(told["validation_speakers"]) > 10


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("members = ['founding']", "two members"),
        ("members = ['founding', 'res_lstm']\nshares = [1]", "share"),
        ("members = ['founding', 'descriptor_statistics']", "refitted"),
        ("members = ['founding', 'res_lstm']\nweights = [1, 2]", "weights"),
        ("shares = [1, 2]", "members"),
    ],
)
def test_a_recipe_that_is_no_ensemble_says_why(tmp_path, table, said):
    path = tmp_path / "odd.toml"
    path.write_text(f'description = "Odd."\n[ensemble]\n{table}\n')
    with pytest.raises(ValueError, match=said):
        load_recipe(str(path))
