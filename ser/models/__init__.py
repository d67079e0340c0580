"""The registry of architectures: a name in a checkpoint or recipe -> a class."""

from typing import Any

from torch import nn

from ser.models.attention_lstm import AttentionLSTM
from ser.models.base import MIN_FRAMES, ModelOutput

MODELS: dict[str, type[nn.Module]] = {"attention_lstm": AttentionLSTM}

__all__ = ["MIN_FRAMES", "MODELS", "ModelOutput", "build"]


def build(name: str, n_features: int, n_classes: int, **args: Any) -> nn.Module:
    """Make an untrained model; ValueError for an unknown name, TypeError for unknown arguments."""
    if name not in MODELS:
        raise ValueError(f"Unknown model {name!r}: choose from {sorted(MODELS)}.")
    return MODELS[name](n_features=n_features, n_classes=n_classes, **args)
