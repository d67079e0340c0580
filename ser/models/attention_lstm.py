"""The project's founding architecture and its relatives."""

from typing import Literal

import torch
from torch import nn

from ser.models.base import Attention, AttentionPooling, MaskedBatchNorm, ModelOutput, check_window
from ser.models.recurrent import BidirectionalLSTM, ForwardLSTM, ResidualLSTM

Recurrence = Literal["forward", "bidirectional", "residual"]
_RECURRENCES = {
    "forward": ForwardLSTM,
    "bidirectional": BidirectionalLSTM,
    "residual": ResidualLSTM,
}


class AttentionLSTM(nn.Module):
    """LSTM > BatchNorm over real frames > Dropout > attention over time > Linear.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame).

    The defaults are the founding model. `recurrence` chooses how the layers are wired
    (ser/models/recurrent.py), `attention` how time is weighed (`AttentionPooling`).
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_size: int = 256,
        n_layers: int = 2,
        dropout: float = 0.5,
        recurrence: Recurrence = "forward",
        attention: Attention = "frame",
        n_heads: int = 4,
    ):
        super().__init__()
        if recurrence not in _RECURRENCES:
            raise ValueError(f"recurrence is one of {sorted(_RECURRENCES)}, not {recurrence!r}.")
        self.n_features = n_features
        self.lstm = _RECURRENCES[recurrence](n_features, hidden_size, n_layers, dropout)
        self.embedding_size = self.lstm.output_size
        self.norm = MaskedBatchNorm(self.embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.pool = AttentionPooling(self.embedding_size, attention, n_heads)
        self.classify = nn.Linear(self.embedding_size, n_classes)
        self.register_load_state_dict_pre_hook(_name_pooling)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        hidden = self.dropout(self.norm(self.lstm(features, mask), mask))
        return self.pool.output(self.classify, hidden, mask, mask)


def _name_pooling(model: nn.Module, state: dict, prefix: str, *_: object) -> None:
    """Read the first checkpoints, in which the pooling's parameters had no `pool.` before them."""
    for name in ("key.weight", "key.bias", "score.weight"):
        if prefix + name in state:
            state[f"{prefix}pool.{name}"] = state.pop(prefix + name)
