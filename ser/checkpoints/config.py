"""What config.json says of a checkpoint, and which files belong to it. Loads no model."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser.features import FeatureConfig
from ser.labels import LABELS, N_LABELS

if TYPE_CHECKING:
    from torch import nn

FORMAT_VERSIONS = (1, 2)
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
METRICS_NAME = "metrics.json"
PRIMARY = "emobox-6fold"  # the protocol whose figures are quoted: actors that nobody had heard
EMBEDDED = Path(__file__).parent.parent / "weights"
# Models that come with the code beside the default: the best from scratch, and the first of all.
BESIDE = {name: EMBEDDED / name for name in ("best", "founding")}
GOLDEN_CLIP = Path(__file__).parent.parent / "golden.flac"
GRAPH_NAME = "model.onnx"
ENSEMBLE = "ensemble"
_FILE_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


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

    `temperature` divides the logits. With a `distance_slope` it grows with how far a clip lies from
    all corpora that were learnt: temperature x distance ** distance_slope. Under the first number
    of `certainty` an answer is unsure, from the second on it is sure. After n clips of one setting
    n / (n + `adaptation_clips`) of what they have in common is taken out (`ser.adaptation`).

    A model with a speech head has `speech_thresholds` (`ser.gate`): the score from which a window
    is a voice where the detector found speech, the same where it found none, and the score from
    which a voice sings.

    Format 2 lists its `files` with their `size` and `sha256`: a graph for ONNX Runtime, whose
    weights lie in safetensors shards beside it, takes the place of the PyTorch model.
    """

    model_name: str
    model_args: dict[str, Any]
    features: FeatureConfig
    temperature: float = 1.0
    labels: tuple[str, ...] = LABELS
    training: dict[str, Any] = field(default_factory=dict)
    golden: dict[str, Any] | None = None
    format_version: int = 1
    files: dict[str, dict] = field(default_factory=dict)
    members: tuple["CheckpointConfig", ...] = ()
    shares: tuple[float, ...] = ()
    stretches: tuple[float, ...] = ()
    distance_slope: float = 0.0
    certainty: tuple[float, ...] = ()
    adaptation_clips: float = 0.0
    speech_thresholds: tuple[float, ...] = ()

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
        if not isinstance(self.files, dict) or bool(self.files) != (self.format_version == 2):
            raise ValueError("format 2, and no other, lists its files")
        if self.files and (self.members or self.stretches):
            raise ValueError("a graph is one model that answers plainly")
        if not (isinstance(self.distance_slope, int | float) and 0 <= self.distance_slope <= 10):
            raise ValueError("distance_slope is a number from 0 to 10")
        if self.certainty and not (
            len(self.certainty) == 2 and 0 <= self.certainty[0] <= self.certainty[1] <= 1
        ):
            raise ValueError("certainty holds two rising numbers from 0 to 1")
        if not (isinstance(self.adaptation_clips, int | float) and self.adaptation_clips >= 0):
            raise ValueError("adaptation_clips is a number of 0 or more")
        check_thresholds(self.speech_thresholds, bool(self.model_args.get("speech_head")))
        for name, told in self.files.items():
            if not _FILE_NAME.fullmatch(name) or set(told) != {"size", "sha256"}:
                raise ValueError(f"{name!r} is not described as a file beside {CONFIG_NAME}")

    def build(self) -> "nn.Module":
        """Make the untrained model this config describes; a ModuleList for an ensemble."""
        from torch import nn  # which takes most of a second, and a graph does without it

        from ser.models import registry

        if self.members:
            return nn.ModuleList(member.build() for member in self.members)
        return registry.build(
            self.model_name, self.features.n_features, N_LABELS, **self.model_args
        )


def check_stretches(rates: Sequence[float]) -> None:
    """ValueError for a rate that is no number from 0.5 to 2."""
    if not all(isinstance(rate, int | float) and 0.5 <= rate <= 2 for rate in rates):
        raise ValueError(f"stretches are rates from 0.5 to 2, not {rates}")


def check_thresholds(thresholds: Sequence[float], has_speech_head: bool) -> None:
    """ValueError unless there are three finite numbers for a speech head, and none without."""
    if bool(thresholds) != has_speech_head:
        raise ValueError("a model with a speech head, and no other, has speech_thresholds")
    if thresholds and not (len(thresholds) == 3 and all(map(math.isfinite, thresholds))):
        raise ValueError(f"speech_thresholds are three numbers, not {thresholds}")


def expected_row(metrics: Sequence[dict]) -> dict | None:
    """The row that says what to expect from new voices; None where that was not measured.

    That of the recipe's cross-validation on the primary protocol.
    """
    wanted = {"scope": "recipe-crossval", "part": "test", "protocol": PRIMARY}
    return next((row for row in metrics if wanted.items() <= row.items()), None)


def to_json(config: CheckpointConfig) -> dict:
    """The config for JSON, without what older code cannot read where it is empty."""
    values = asdict(config) | {
        "features": config.features.to_dict(),
        "members": [to_json(member) for member in config.members],
    }
    for name in (
        *("stretches", "files", "distance_slope", "certainty", "adaptation_clips"),
        "speech_thresholds",
    ):
        if not values[name]:
            del values[name]
    return values


def read_config(path: Path, what: str) -> CheckpointConfig:
    """Read config.json; CheckpointError, which calls it `what`, where it describes no model."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} cannot be read: {error}") from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if version not in FORMAT_VERSIONS:
        raise CheckpointError(
            f"{what} has format version {version}; known here are {FORMAT_VERSIONS}."
        )
    try:
        config = _parsed(values)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
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
            "certainty": tuple(values.get("certainty", ())),
            "speech_thresholds": tuple(values.get("speech_thresholds", ())),
        }
    )


def file_names(folder: Path) -> list[str]:
    """Files that make the checkpoint in a folder: config.json, and what it says belongs to it.

    Those of format 1 where config.json cannot be read: whoever loads it then says why.
    """
    try:
        files = json.loads((folder / CONFIG_NAME).read_text()).get("files")
        names = [name for name in files if _FILE_NAME.fullmatch(name)]
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        names = []
    return [CONFIG_NAME, *(names or [WEIGHTS_NAME])]


def describe_files(folder: Path, names: Sequence[str]) -> dict[str, dict]:
    """Size and sha256 of each file, as config.json of format 2 lists them."""
    return {
        name: {
            "size": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in names
    }
