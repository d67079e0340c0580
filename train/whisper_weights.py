"""OpenAI's weights for a cut encoder: from the Hub at a pinned commit, or from a folder here."""

import os
from functools import cache
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from safetensors import safe_open

from ser.checkpoints.hub_errors import HUB_ERRORS, explain
from ser.models.whisper import MAX_STEPS, CutEncoder

REVISIONS = {
    "openai/whisper-base": "e37978b90ca9030d5170a5c07aadb050351a65bb",
    "openai/whisper-tiny.en": "87c7102498dcde7456f24cfd30239ca606ed9063",
}
WEIGHTS = "model.safetensors"
PREFIX = "model.encoder."
BLOCK = {  # ours: theirs
    "norm1": "self_attn_layer_norm",
    "norm2": "final_layer_norm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "out": "self_attn.out_proj",
    "fc1": "fc1",
    "fc2": "fc2",
}


def load_encoder(encoder: CutEncoder, name: str) -> None:
    """Give an encoder the first layers of the Whisper called `name`, such as openai/whisper-base.

    `SER_PRETRAINED` may name a folder that holds `whisper-base` or `whisper-base-encoder`, in the
    form of the Hub; then nothing is fetched. Raises ValueError where the weights cannot be had or
    do not fit.
    """
    weights = dict(_weights(name, len(encoder.blocks)))
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"The weights of {name} do not fit: {error}") from error


@cache
def _weights(name: str, n_blocks: int) -> tuple[tuple[str, torch.Tensor], ...]:
    """Name and float32 tensor of all that a `CutEncoder` of so many blocks holds."""
    parts = {f"{conv}.{part}": f"{conv}.{part}" for conv in ("conv1", "conv2") for part in _PARTS}
    parts["positions"] = "embed_positions.weight"
    for number in range(n_blocks):
        for ours, theirs in BLOCK.items():
            for part in _PARTS if ours != "key" else ("weight",):  # Whisper's keys have no bias
                parts[f"blocks.{number}.{ours}.{part}"] = f"layers.{number}.{theirs}.{part}"
    path = _file(name)
    try:
        with safe_open(path, "pt") as file:
            found = {ours: file.get_tensor(PREFIX + theirs) for ours, theirs in parts.items()}
    except Exception as error:  # safetensors raises a class of its own
        raise ValueError(f"{path} does not hold the encoder of {name}: {error}") from error
    found["positions"] = found["positions"][:MAX_STEPS]
    return tuple((ours, tensor.float()) for ours, tensor in found.items())


_PARTS = ("weight", "bias")


def _file(name: str) -> Path:
    if root := os.environ.get("SER_PRETRAINED"):
        short = name.split("/")[-1]
        for folder in (short, f"{short}-encoder"):
            if (path := Path(root) / folder / WEIGHTS).is_file():
                return path
        raise ValueError(f"SER_PRETRAINED names {root}, and no {short} is in it.")
    try:
        return Path(hf_hub_download(name, WEIGHTS, revision=REVISIONS.get(name)))
    except HUB_ERRORS as error:
        raise ValueError(explain(error, name)) from error
