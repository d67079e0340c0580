"""A run's weights beside its evidence, without what anybody can fetch.

A run on a frozen encoder of OpenAI's is kept as its head alone: the encoder is fetched again, and
the head is some hundred kilobytes instead of forty megabytes.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ser.checkpoints import checkpoint
from ser.checkpoints.config import CONFIG_NAME, WEIGHTS_NAME, read_config
from ser.models.whisper import CutEncoder
from ser.pipeline import EmotionPipeline
from train.judge.finished import load_run
from train.judge.size import check_size
from train.whisper_weights import REVISIONS, load_encoder

HEAD_NAME = "head.safetensors"
ENCODER = "encoder"  # in the training of config.json: whose weights are to be fetched
PREFIX = f"{ENCODER}."  # of the encoder's tensors


def keep(run: Path, folder: Path) -> None:
    """Write what is kept of a run into `folder`, in place of what was there.

    Raises ValueError for weights that are too large, and for an encoder that is none of OpenAI's.
    """
    config = read_config(run / CONFIG_NAME, str(run))
    encoder = None if config.files or config.members else config.build()
    is_cut = isinstance(getattr(encoder, ENCODER, None), CutEncoder)
    if not is_cut:
        check_size(run)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        if is_cut:
            tensors = load_file(run / WEIGHTS_NAME)
            told = config.training | {ENCODER: _name(encoder.encoder, tensors, run)}
            checkpoint.save_config(made, replace(config, training=told))
            head = {k: v for k, v in tensors.items() if not k.startswith(PREFIX)}
            save_file(head, made / HEAD_NAME)
        else:
            for name in checkpoint.file_names(run):
                shutil.copyfile(run / name, made / name)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def load_kept(folder: Path) -> EmotionPipeline:
    """Load what was kept, the encoder fetched; also a whole run.

    Raises ValueError where it is not there or the encoder cannot be had, CheckpointError where it
    is damaged or gives its golden clip another answer.
    """
    if not (folder / HEAD_NAME).exists():
        return load_run(folder)
    config = read_config(folder / CONFIG_NAME, str(folder))
    encoder = config.build().encoder
    load_encoder(encoder, config.training[ENCODER])
    tensors = {PREFIX + name: tensor for name, tensor in encoder.state_dict().items()}
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copyfile(folder / CONFIG_NAME, Path(scratch) / CONFIG_NAME)
        save_file(load_file(folder / HEAD_NAME) | tensors, Path(scratch) / WEIGHTS_NAME)
        return load_run(Path(scratch))


def _name(encoder: CutEncoder, tensors: dict[str, torch.Tensor], run: Path) -> str:
    """Which of the known encoders the run's is, to the last bit."""
    own = {k.removeprefix(PREFIX): v for k, v in tensors.items() if k.startswith(PREFIX)}
    for name in REVISIONS:
        try:
            load_encoder(encoder, name)
        except ValueError:  # of another size, or not here
            continue
        if all(torch.equal(tensor, own[k]) for k, tensor in encoder.state_dict().items()):
            return name
    raise ValueError(f"The encoder of {run} is none that can be had: {', '.join(REVISIONS)}.")
