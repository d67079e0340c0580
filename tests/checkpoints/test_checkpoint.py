"""A checkpoint explains itself, and what does not fit is refused with a sentence."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig, CheckpointError
from ser.features import FeatureConfig
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline


@pytest.fixture
def config():
    return CheckpointConfig("attention_lstm", {"hidden_size": 8, "n_layers": 1}, FeatureConfig())


@pytest.fixture
def saved(tmp_path, config):
    torch.manual_seed(0)
    checkpoint.save(tmp_path, config.build(), config)
    golden = EmotionPipeline(checkpoint.load(tmp_path)).golden_answer()
    checkpoint.save_config(tmp_path, replace(config, golden=golden))
    return tmp_path


def edit(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_embedded_checkpoint_is_found_wherever_one_stands(tmp_path, monkeypatch, speech):
    """The founding bug: a checkpoint path relative to the working folder."""
    monkeypatch.chdir(tmp_path)
    prediction = EmotionPipeline.from_pretrained().predict((16_000, speech))
    assert prediction.probabilities.sum() == pytest.approx(1)


def test_saved_and_reloaded_gives_the_identical_answer(tmp_path, config, speech):
    torch.manual_seed(0)
    model = config.build().eval()
    before = EmotionPipeline(checkpoint.Checkpoint(config, "made", "here", [], model))
    checkpoint.save(tmp_path, model, config)
    after = EmotionPipeline.from_pretrained(tmp_path)
    one, two = (p.predict((16_000, speech)) for p in (before, after))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.attention, two.attention)
    assert after.checkpoint.config == config


REPLACED = """
import os, shutil, sys
from pathlib import Path
from ser.checkpoints.checkpoint import EMBEDDED, GOLDEN_CLIP
from ser.pipeline import EmotionPipeline

folder = Path(sys.argv[1])
shutil.copytree(EMBEDDED, folder, ignore=lambda *_: ["best", "founding"])
pipeline = EmotionPipeline.from_pretrained(folder)
for path in folder.iterdir():
    os.truncate(path, 10)
pipeline.check_golden()
"""


def test_a_model_that_is_written_over_while_it_serves_answers_on(tmp_path):
    command = [sys.executable, "-c", REPLACED, str(tmp_path / "model")]
    assert subprocess.run(command).returncode == 0


def test_config_names_what_it_must(saved):
    values = json.loads((saved / "config.json").read_text())
    assert values["format_version"] == 1
    assert values["labels"] == list(LABELS)
    assert len(values["golden"]["probabilities"]) == 8
    assert values["golden"]["tolerance"] == 1e-3
    assert values["features"] == FeatureConfig().to_dict()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"format_version": 3}, "format version"),
        ({"format_version": 2}, "lists its files"),
        ({"files": {"../model.onnx": {"size": 1, "sha256": ""}}, "format_version": 2}, "beside"),
        ({"labels": list(reversed(LABELS))}, "labels"),
        ({"temperature": 0}, "temperature"),
        ({"stretches": [9.0]}, "stretches are rates from"),
        ({"model_name": "os.system"}, "Unknown model"),
        ({"model_args": {"hidden_size": 9, "n_layers": 1}}, "does not hold the weights"),
        ({"model_args": {"n_neurons": 9}}, "n_neurons"),
        ({"features": {"kind": "mfcc39", "colour": 1}}, "colour"),
        ({"features": {"kind": "logmel"}}, "does not hold the weights"),  # other feature dimension
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(saved, values, reason):
    edit(saved, **values)
    with pytest.raises(CheckpointError, match=reason):
        EmotionPipeline.from_pretrained(saved)


def test_weights_that_compute_something_else_are_refused(saved):
    weights = safetensors.torch.load_file(saved / "model.safetensors")
    weights["classify.bias"] += torch.arange(8.0)
    safetensors.torch.save_file(weights, saved / "model.safetensors")
    with pytest.raises(CheckpointError, match="computes something else"):
        EmotionPipeline.from_pretrained(saved)


@pytest.mark.parametrize("fault", ["missing", "truncated", "pickle", "extra", "lacking"])
def test_damaged_weights_are_refused(saved, fault):
    path = saved / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    if fault == "missing":
        path.unlink()
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif fault == "pickle":
        path.write_bytes(pickle.dumps(weights))
    elif fault == "extra":
        safetensors.torch.save_file({**weights, "more": torch.zeros(1)}, path)
    else:
        weights.pop("classify.bias")
        safetensors.torch.save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        EmotionPipeline.from_pretrained(saved)


def test_a_config_that_is_not_json(saved):
    (saved / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        checkpoint.load(saved)


@pytest.mark.parametrize("source", ["no such folder", "a/b/c", "", "/nonexistent/x"])
def test_what_is_neither_a_folder_nor_a_hub_name(source):
    with pytest.raises(CheckpointError, match="neither a folder nor a Hub name"):
        checkpoint.load(source)


def test_an_unreachable_hub_is_a_sentence(tmp_path):
    """Over a real connection that is refused: no server listens there."""
    import subprocess
    import sys

    code = (
        "from ser.checkpoints import checkpoint\n"
        "try:\n    checkpoint.load('nobody/nothing@main')\n"
        "except checkpoint.CheckpointError as error:\n    print(error)"
    )
    environment = {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path),
        "PATH": "",
    }
    root = checkpoint.EMBEDDED.parent.parent
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True
    )
    assert out.stdout == "The Hub could not be reached for nobody/nothing@main.\n", out.stderr
