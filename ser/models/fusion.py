"""Two views of a clip, one for a recurrent branch and one for a convolutional branch."""

from collections.abc import Sequence

import torch
from torch import nn

from ser.models.base import (
    Attention,
    AttentionPooling,
    MaskedBatchNorm,
    ModelOutput,
    at_frame_rate,
    check_window,
)
from ser.models.convolution import TIME_RATIO, ConvTrunk
from ser.models.recurrent import ForwardLSTM


class Fusion(nn.Module):
    """(LSTM of cepstra | convolutions over a spectrogram) > Dropout > attention > Linear.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame).

    `branches` are the numbers of columns: the first go to the LSTM, the others, mel bands and
    whatever stands beside them, to the convolutions. Either branch gives each frame `hidden_size`
    values; both are weighed by one attention over time.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        branches: Sequence[int],
        hidden_size: int = 128,
        n_layers: int = 2,
        channels: Sequence[int] = (32, 64, 96),
        dropout: float = 0.4,
        attention: Attention = "frame",
        n_heads: int = 4,
    ):
        super().__init__()
        if len(branches) != 2 or sum(branches) != n_features:
            raise ValueError(
                f"branches are two numbers of columns that add up to {n_features}, not {branches}."
            )
        self.n_features = n_features
        self.branches = tuple(branches)
        self.lstm = ForwardLSTM(branches[0], hidden_size, n_layers, dropout)
        self.convolutions = ConvTrunk(branches[1], channels, dropout)
        self.narrow = nn.Linear(self.convolutions.output_size, hidden_size, bias=False)
        self.embedding_size = 2 * hidden_size
        self.norm = MaskedBatchNorm(self.embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.pool = AttentionPooling(self.embedding_size, attention, n_heads)
        self.classify = nn.Linear(self.embedding_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        cepstra, spectrogram = features.split(self.branches, dim=2)
        heard = self.lstm(cepstra, mask)
        seen, _ = self.convolutions(spectrogram, mask)
        seen = at_frame_rate(self.narrow(seen), features.shape[1], TIME_RATIO)
        hidden = self.dropout(self.norm(torch.cat([heard, seen], dim=2), mask))
        return self.pool.output(self.classify, hidden, mask, mask)
