"""A checkpoint: saved, and loaded from a folder, from the Hub, or embedded.

A checkpoint explains itself: everything needed to turn a waveform into probabilities lies in its
files, loading is strict, and pickle is never read.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ser.checkpoints import hub
from ser.checkpoints.config import (
    BESIDE,
    CONFIG_NAME,
    EMBEDDED,
    ENSEMBLE,
    GOLDEN_CLIP,
    GRAPH_NAME,
    METRICS_NAME,
    PRIMARY,
    WEIGHTS_NAME,
    CheckpointConfig,
    CheckpointError,
    check_stretches,
    describe_files,
    expected_row,
    file_names,
    read_config,
    to_json,
)
from ser.checkpoints.hub import HubSource
from ser.models.graph import GraphError, GraphModel

if TYPE_CHECKING:
    from torch import nn

__all__ = [  # what config.json tells of a checkpoint belongs to it
    "BESIDE",
    "CONFIG_NAME",
    "Checkpoint",
    "CheckpointConfig",
    "CheckpointError",
    "EMBEDDED",
    "ENSEMBLE",
    "GOLDEN_CLIP",
    "GRAPH_NAME",
    "METRICS_NAME",
    "PRIMARY",
    "WEIGHTS_NAME",
    "check_stretches",
    "expected_row",
    "file_names",
    "load",
    "load_snapshot",
    "told",
    "save",
    "save_config",
    "softmax",
]


class Told(NamedTuple):
    """What a checkpoint says of itself: where it came from, and the rows of its metrics.json."""

    config: CheckpointConfig
    name: str
    revision: str
    metrics: list[dict]


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says of itself (see `Told`), and its model in evaluation mode."""

    config: CheckpointConfig
    name: str
    revision: str
    metrics: list[dict]
    model: "nn.Module | GraphModel"

    @property
    def told(self) -> Told:
        """All but the model."""
        return Told(self.config, self.name, self.revision, self.metrics)

    @property
    def members(self) -> "list[tuple[nn.Module | GraphModel, CheckpointConfig, float]]":
        """The models that answer, with the share of each: one, or the members of an ensemble."""
        if not self.config.members:
            return [(self.model, self.config, 1.0)]
        total = sum(self.config.shares)
        shares = [share / total for share in self.config.shares]
        return list(zip(self.model, self.config.members, shares, strict=True))

    @property
    def embedding_size(self) -> int:
        """How many numbers a clip's embedding has: those of all members."""
        return sum(model.embedding_size for model, *_ in self.members)

    def joined(self, answers: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities (..., 8) of the whole from those of each of `members`."""
        if not self.config.members:
            return answers[0]
        shares = [share for *_, share in self.members]
        mean = sum(share * answer for share, answer in zip(shares, answers, strict=True))
        return softmax(np.log(mean) / self.config.temperature)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (..., n) of logits (..., n)."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def save(folder: Path, model: "nn.Module", config: CheckpointConfig) -> None:
    """Write both files of format 1, each whole or not at all."""
    import safetensors.torch

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    _replace(folder / WEIGHTS_NAME, safetensors.torch.save(state))
    save_config(folder, config)


def save_config(folder: Path, config: CheckpointConfig) -> None:
    """Write config.json alone, beside weights that stay as they are."""
    text = json.dumps(to_json(config), indent=2, ensure_ascii=False) + "\n"
    _replace(folder / CONFIG_NAME, text.encode())


def load(source: str | os.PathLike | None = None) -> Checkpoint:
    """Load the embedded default (None), a local folder, or `user/repo[@revision]` from the Hub.

    A name in `BESIDE` is one of the other models that come with the code. Raises CheckpointError
    for whatever cannot be used, with the reason in one sentence.
    """
    if source is None:
        return _load_folder(EMBEDDED, name="embedded")
    if source in BESIDE:
        return _load_folder(BESIDE[source], name=source)
    if _is_folder(source):
        return _load_folder(Path(source), name=str(source))
    if hub_source := HubSource.parse(source):
        return _load_hub(hub_source)
    raise CheckpointError(f"{source} is neither a folder nor a Hub name like user/repo[@revision].")


def _load_hub(source: HubSource) -> Checkpoint:
    try:
        folder = hub.fetch(source, [CONFIG_NAME], file_names, optional=[METRICS_NAME])
    except hub.HubError as error:
        raise CheckpointError(str(error)) from error
    return load_snapshot(source, folder)


def load_snapshot(source: HubSource, folder: Path) -> Checkpoint:
    """Load a folder that was fetched from the Hub; it is named by its commit.

    What comes from elsewhere must be able to prove itself: without a golden answer it is refused.
    """
    loaded = _load_folder(folder, name=source.repo, revision=folder.name)
    if loaded.config.golden is None:
        raise CheckpointError(f"{CONFIG_NAME} of {source.repo} holds no golden answer.")
    return loaded


def _is_folder(source: str | os.PathLike) -> bool:
    try:
        return bool(str(source)) and Path(source).is_dir()
    except (OSError, ValueError):  # no name that a file may have
        return False


def told(name: str) -> Told:
    """What one of `BESIDE` says of itself, without its model being loaded.

    Raises CheckpointError where its files cannot be read.
    """
    return _told(BESIDE[name], name)


def _told(folder: Path, name: str, revision: str | None = None) -> Told:
    config = read_config(folder / CONFIG_NAME, f"{CONFIG_NAME} of {name}")
    metrics = _read_metrics(folder / METRICS_NAME, f"{METRICS_NAME} of {name}")
    return Told(config, name, revision or _revision(folder), metrics)


def _load_folder(folder: Path, name: str, revision: str | None = None) -> Checkpoint:
    said = _told(folder, name, revision)
    load_model = _load_graph if said.config.files else _load_torch
    return Checkpoint(*said, load_model(folder, said.config, name))


def _load_torch(folder: Path, config: CheckpointConfig, name: str) -> "nn.Module":
    import safetensors
    import safetensors.torch

    try:
        model = config.build()
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{CONFIG_NAME} of {name} does not fit: {error}") from error
    try:
        model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_NAME), strict=True)
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"{WEIGHTS_NAME} of {name} does not hold the weights of its config: {error}"
        ) from error
    return model.eval()


def _load_graph(folder: Path, config: CheckpointConfig, name: str) -> GraphModel:
    if GRAPH_NAME not in config.files:
        raise CheckpointError(f"{CONFIG_NAME} of {name} lists no {GRAPH_NAME}.")
    try:
        there = describe_files(folder, list(config.files))
    except OSError as error:
        raise CheckpointError(f"A file of {name} cannot be read: {error}") from error
    for file, told in config.files.items():
        if there[file] != told:
            raise CheckpointError(f"{file} of {name} is not the file that its config tells of.")
    try:
        return GraphModel(folder / GRAPH_NAME, config.features.n_features)
    except GraphError as error:
        raise CheckpointError(f"{GRAPH_NAME} of {name} cannot be run: {error}") from error


def _read_metrics(path: Path, what: str) -> list[dict]:
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} cannot be read: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CheckpointError(f"{what} is not a list of rows.")
    return rows


def _revision(folder: Path) -> str:
    """Eight hex digits that change when the weights do."""
    weights = [name for name in file_names(folder)[1:] if name.endswith(".safetensors")]
    if not weights or not all((folder / name).exists() for name in weights):
        return "none"
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in weights)).hexdigest()[
        :8
    ]


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
