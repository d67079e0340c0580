"""config.json + model.safetensors: save, load, Hub, embedded default.

A checkpoint explains itself: everything needed to turn a waveform into probabilities lies in the
two files, loading is strict, and pickle is never read.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from ser import models
from ser.checkpoints import hub
from ser.checkpoints.hub import HubSource
from ser.features import FeatureConfig
from ser.labels import LABELS, N_LABELS

FORMAT_VERSION = 1
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
METRICS_NAME = "metrics.json"
PRIMARY = "emobox-6fold"  # the protocol whose figures are quoted: actors that nobody had heard
EMBEDDED = Path(__file__).parent.parent / "weights"
FOUNDING = EMBEDDED / "founding"  # the project's first model, selectable in the app
GOLDEN_CLIP = Path(__file__).parent.parent / "golden.flac"
FILES = (CONFIG_NAME, WEIGHTS_NAME)
ENSEMBLE = "ensemble"


class CheckpointError(RuntimeError):
    """The checkpoint cannot be used; the message says which file and why."""


@dataclass(frozen=True)
class CheckpointConfig:
    """What config.json holds.

    `training` tells corpora, speakers and recipe; `golden` holds the sha256 of the shipped clip,
    the eight probabilities these weights give it, and the tolerance within which they must.

    `stretches` are rates at which the features are played besides, each for one more answer; the
    answers are averaged (test-time augmentation).

    An ensemble has the model name `ensemble` and complete `members`, whose probabilities are
    averaged by their `shares`; `temperature` then applies to the average, and `features` are those
    of the member with the finest frames, on which the attention is told. Its weights are the
    members', one after the other.
    """

    model_name: str
    model_args: dict[str, Any]
    features: FeatureConfig
    temperature: float = 1.0
    labels: tuple[str, ...] = LABELS
    training: dict[str, Any] = field(default_factory=dict)
    golden: dict[str, Any] | None = None
    format_version: int = FORMAT_VERSION
    members: tuple["CheckpointConfig", ...] = ()
    shares: tuple[float, ...] = ()
    stretches: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_stretches(self.stretches)
        if self.stretches and self.members:
            raise ValueError("an ensemble's members are stretched, not the ensemble")
        if bool(self.members) != (self.model_name == ENSEMBLE):
            raise ValueError("an ensemble, and nothing else, has members")
        if len(self.members) != len(self.shares) or not all(share > 0 for share in self.shares):
            raise ValueError("an ensemble has a share above 0 for each member")
        if self.members and self.features not in {member.features for member in self.members}:
            raise ValueError("an ensemble has the features of one of its members")
        if any(member.members for member in self.members):
            raise ValueError("a member of an ensemble is no ensemble itself")

    def build(self) -> nn.Module:
        """Make the untrained model this config describes; a ModuleList for an ensemble."""
        if self.members:
            return nn.ModuleList(member.build() for member in self.members)
        return models.build(self.model_name, self.features.n_features, N_LABELS, **self.model_args)


def check_stretches(rates: Sequence[float]) -> None:
    """ValueError for a rate that is no number from 0.5 to 2."""
    if not all(isinstance(rate, int | float) and 0.5 <= rate <= 2 for rate in rates):
        raise ValueError(f"stretches are rates from 0.5 to 2, not {rates}")


def expected_row(metrics: Sequence[dict]) -> dict | None:
    """The row that says what to expect from new voices; None where that was not measured.

    That of the recipe's cross-validation on the primary protocol.
    """
    wanted = {"scope": "recipe-crossval", "part": "test", "protocol": PRIMARY}
    return next((row for row in metrics if wanted.items() <= row.items()), None)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model in evaluation mode, where it came from, and the rows of its metrics.json."""

    model: nn.Module
    config: CheckpointConfig
    name: str
    revision: str
    metrics: list[dict]

    @property
    def members(self) -> list[tuple[nn.Module, CheckpointConfig, float]]:
        """The models that answer, with the share of each: one, or the members of an ensemble."""
        if not self.config.members:
            return [(self.model, self.config, 1.0)]
        total = sum(self.config.shares)
        shares = [share / total for share in self.config.shares]
        return list(zip(self.model, self.config.members, shares, strict=True))

    def joined(self, answers: Sequence[torch.Tensor]) -> torch.Tensor:
        """Probabilities (..., 8) of the whole from those of each of `members`."""
        if not self.config.members:
            return answers[0]
        shares = [share for *_, share in self.members]
        mean = sum(share * answer for share, answer in zip(shares, answers, strict=True))
        return (mean.log() / self.config.temperature).softmax(dim=-1)


def save(folder: Path, model: nn.Module, config: CheckpointConfig) -> None:
    """Write both files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    _replace(folder / WEIGHTS_NAME, safetensors.torch.save(state))
    save_config(folder, config)


def save_config(folder: Path, config: CheckpointConfig) -> None:
    """Write config.json alone, beside weights that stay as they are."""
    text = json.dumps(_told(config), indent=2, ensure_ascii=False) + "\n"
    _replace(folder / CONFIG_NAME, text.encode())


def _told(config: CheckpointConfig) -> dict:
    """The config for JSON, without `stretches` where there are none: older code reads it, too."""
    values = asdict(config) | {"members": [_told(member) for member in config.members]}
    if not config.stretches:
        del values["stretches"]
    return values


def load(source: str | os.PathLike | None = None) -> Checkpoint:
    """Load the embedded default (None), a local folder, or `user/repo[@revision]` from the Hub.

    Raises CheckpointError for whatever cannot be used, with the reason in one sentence.
    """
    if source is None:
        return _load_folder(EMBEDDED, name="embedded", revision=_revision(EMBEDDED))
    if str(source) and Path(source).is_dir():
        name = "founding" if Path(source) == FOUNDING else str(source)
        return _load_folder(Path(source), name=name, revision=_revision(Path(source)))
    if hub_source := HubSource.parse(source):
        return _load_hub(hub_source)
    raise CheckpointError(f"{source} is neither a folder nor a Hub name like user/repo[@revision].")


def _load_hub(source: HubSource) -> Checkpoint:
    try:
        folder = hub.fetch(source, FILES, optional=[METRICS_NAME])
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


def _load_folder(folder: Path, name: str, revision: str) -> Checkpoint:
    config = _read_config(folder / CONFIG_NAME, f"{CONFIG_NAME} of {name}")
    try:
        model = config.build()
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{CONFIG_NAME} of {name} does not fit: {error}") from error
    try:
        model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_NAME), strict=True)
    except (OSError, safetensors.SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"{WEIGHTS_NAME} of {name} does not hold the weights of its config: {error}"
        ) from error
    metrics = _read_metrics(folder / METRICS_NAME, f"{METRICS_NAME} of {name}")
    return Checkpoint(model.eval(), config, name, revision, metrics)


def _read_metrics(path: Path, what: str) -> list[dict]:
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{what} cannot be read: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CheckpointError(f"{what} is not a list of rows.")
    return rows


def _read_config(path: Path, what: str) -> CheckpointConfig:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{what} cannot be read: {error}") from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{what} has format version {version}; this is {FORMAT_VERSION}.")
    try:
        config = _parsed(values)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{what} does not describe a model: {error}") from error
    for part in (config, *config.members):
        if part.labels != LABELS:
            raise CheckpointError(f"{what} has labels {part.labels}; expected {LABELS}.")
        if not (isinstance(part.temperature, int | float) and part.temperature > 0):
            raise CheckpointError(f"{what} has temperature {part.temperature}; expected above 0.")
    return config


def _parsed(values: dict) -> CheckpointConfig:
    return CheckpointConfig(
        **{
            **values,
            "features": FeatureConfig(**values["features"]),
            "labels": tuple(values["labels"]),
            "members": tuple(_parsed(member) for member in values.get("members", ())),
            "shares": tuple(values.get("shares", ())),
            "stretches": tuple(values.get("stretches", ())),
        }
    )


def _revision(folder: Path) -> str:
    """Eight hex digits that change when the weights do."""
    path = folder / WEIGHTS_NAME
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.exists() else "none"


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
