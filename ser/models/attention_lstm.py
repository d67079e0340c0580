"""The project's founding architecture."""

from typing import Literal

import torch
from torch import nn

from ser.models.base import MaskedBatchNorm, ModelOutput, check_window, masked_softmax


class AttentionLSTM(nn.Module):
    """LSTM > BatchNorm over real frames > Dropout > additive attention > Linear.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame).

    Attention is Bahdanau's (arXiv:1409.0473, with the state itself as key): v tanh(W h + b),
    softmax over real frames. `attention="channel"` gives every hidden channel weights of its own,
    (batch, frame, channel). The LSTM runs in one direction over padded input, so padding after a
    clip cannot reach its real frames.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_size: int = 256,
        n_layers: int = 2,
        dropout: float = 0.5,
        attention: Literal["frame", "channel"] = "frame",
    ):
        super().__init__()
        if attention not in ("frame", "channel"):
            raise ValueError(f"attention is 'frame' or 'channel', not {attention!r}.")
        self.n_features = n_features
        self.n_classes = n_classes
        self.lstm = nn.LSTM(
            n_features,
            hidden_size,
            n_layers,
            batch_first=True,
            dropout=dropout if n_layers > 1 else 0.0,
        )
        self.norm = MaskedBatchNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.key = nn.Linear(hidden_size, hidden_size)
        n_weights = hidden_size if attention == "channel" else 1
        self.score = nn.Linear(hidden_size, n_weights, bias=False)
        self.classify = nn.Linear(hidden_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        hidden, _ = self.lstm(features)
        hidden = self.dropout(self.norm(hidden, mask))
        weights = masked_softmax(self.score(torch.tanh(self.key(hidden))), mask)
        logits = self.classify((weights * hidden).sum(dim=1))
        if weights.shape[2] == 1:
            return ModelOutput(logits, weights.squeeze(2))
        return ModelOutput(logits, weights.mean(dim=2), weights)
