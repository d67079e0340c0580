"""The registry of architectures: a name in a checkpoint or recipe -> a class."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from torch import nn

from ser.models.attention_lstm import AttentionLSTM
from ser.models.crnn import CRNN
from ser.models.dilated_conv import DilatedConv
from ser.models.functionals import Functionals
from ser.models.fusion import Fusion
from ser.models.pretrained import Pretrained
from ser.models.random_conv import RandomConv
from ser.models.transformer import Transformer
from ser.models.whisper import WhisperStatistics
from ser.models.whisper_tuned import WhisperTuned

MODELS: dict[str, type[nn.Module]] = {
    "attention_lstm": AttentionLSTM,
    "crnn": CRNN,
    "dilated_conv": DilatedConv,
    "functionals": Functionals,
    "fusion": Fusion,
    "transformer": Transformer,
    "pretrained": Pretrained,
    "random_conv": RandomConv,
    "whisper_statistics": WhisperStatistics,
    "whisper_tuned": WhisperTuned,
}


def check(name: str, args: Mapping[str, Any]) -> None:
    """ValueError for an unknown name, TypeError for unknown arguments; nothing is built."""
    if name not in MODELS:
        raise ValueError(f"Unknown model {name!r}: choose from {sorted(MODELS)}.")
    signature(MODELS[name]).bind(n_features=1, n_classes=1, **args)


def build(name: str, n_features: int, n_classes: int, **args: Any) -> nn.Module:
    """Make an untrained model; ValueError for an unknown name, TypeError for unknown arguments."""
    check(name, args)
    return MODELS[name](n_features=n_features, n_classes=n_classes, **args)
