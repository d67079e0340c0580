"""Runs in small: a recipe of seconds, checkpoints that nobody trained."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperModel

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from train.judge import finished

# A recipe whose run takes seconds.
TINY = """
base = "founding"
[model]
hidden_size = 8
n_layers = 1
dropout = 0.2
[augment]
copies = 1
seed = 0
[train]
max_epochs = 2
"""
# A linear one.
RIDGE = """
description = "Statistics of MFCC."
corpora = ["ravdess"]
[model]
name = "functionals"
[train]
ridge = 1.0
refit = true
"""


def work_in(folder: Path, data: Path, patch: pytest.MonkeyPatch) -> None:
    """Commands run in this folder, on this data; a cross-validation starts no processes."""
    patch.setenv("SER_DATA", str(data))
    patch.setattr("train.places.RUNS", folder / "runs")
    patch.setattr("train.runs.crossval.ProcessPoolExecutor", InThisProcess)
    patch.chdir(folder)


class InThisProcess(ThreadPoolExecutor):
    """In place of a pool of processes, each of which takes seconds to start."""

    def __init__(self, n_jobs: int, context: object, initializer: object):
        super().__init__(1)


SMALL_WHISPER = "openai/whisper-small.test"


def make_whisper(folder: Path, n_layers: int) -> WhisperModel:
    """Save a small random Whisper, two heads of 8, as in the folder of `SER_PRETRAINED`."""
    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=16,
        encoder_layers=n_layers,
        encoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=64,
        num_mel_bins=80,
        vocab_size=10,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    model = WhisperModel(config).eval()
    path = folder / SMALL_WHISPER.split("/")[1] / "model.safetensors"
    path.parent.mkdir()
    save_file({f"model.{name}": t.clone() for name, t in model.state_dict().items()}, path)
    return model


def make_checkpoint(folder: Path, seed: int = 0, **training: object) -> Path:
    """Save a tiny untrained model with its golden answer."""
    torch.manual_seed(seed)
    config = CheckpointConfig(
        "attention_lstm", {"hidden_size": 8, "n_layers": 1}, FeatureConfig(), training=training
    )
    checkpoint.save(folder, config.build(), config)
    golden = EmotionPipeline(checkpoint.load(folder)).golden_answer()
    checkpoint.save_config(folder, replace(config, golden=golden))
    return folder


def hearing_run(folder: Path, speech: np.ndarray, noise: np.ndarray) -> None:
    """Save a small random model with all parts of the default one, in float32.

    To its speech head, `speech` is a voice; `noise`, and speech backwards, are none.
    """
    torch.manual_seed(0)
    config = CheckpointConfig(
        "whisper_statistics",
        {"size": 64, "n_heads": 2, "layers": [1, 2], "n_corpora": 2, "speech_head": True},
        FeatureConfig(kind="whisper", version=2),
        temperature=0.9,
        distance_slope=0.8,
        speech_thresholds=(0.0, 0.5),
        training={"corpora": ["ravdess"], "recipe": "none"},
    )
    model = config.build()
    for parameter in [*model.encoder.parameters(), model.head.classify.weight]:
        torch.nn.init.normal_(parameter, std=0.1)
    model.know(torch.randn_like(model.corpora), torch.randn_like(model.emotions))
    with torch.no_grad():
        model.speech.bias[0] = 1e6  # all is a voice, so that all has an embedding
        checkpoint.save(folder, model, config)
        pipeline = EmotionPipeline.from_pretrained(folder)
        heard = [pipeline.judge(s).embedding for s in (speech, speech[::-1], noise)]
        model.speech.weight[0] = torch.from_numpy(np.linalg.pinv(heard) @ [1.0, -1.0, -1.0])
        model.speech.bias[0] = 0.0
    checkpoint.save(folder, model, config)


def untrained_run(folder, recipe, split, weights):
    """A run folder as `fit` leaves it, seed 0; `weights` is the seed of its weights."""
    speakers = {
        f"{part}_speakers": sorted({u.speaker for u in clips})
        for part, clips in split.parts.items()
    }
    make_checkpoint(
        folder,
        weights,
        recipe=recipe,
        corpora=["ravdess"],
        protocol=split.protocol,
        fold=split.fold,
        best_epoch=1,
        n_epochs=1,
        minutes=0.1,
        **speakers,
    )
    config = json.loads((folder / "config.json").read_text())
    config["training"]["seed"] = 0
    (folder / "config.json").write_text(json.dumps(config))
    finished.evaluate_run(folder)
