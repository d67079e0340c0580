"""Convolutions over a spectrogram, read by a recurrent network or pooled as they are."""

from collections.abc import Sequence

import torch
from torch import nn

from ser.models.base import Attention, AttentionPooling, ModelOutput, check_window
from ser.models.convolution import TIME_RATIO, ConvTrunk
from ser.models.recurrent import BidirectionalLSTM


class CRNN(nn.Module):
    """Convolutions > bidirectional LSTM > Dropout > attention over time > Linear.

    (batch, frame, mel band) -> logits (batch, class) and attention (batch, frame).

    A convolutional recurrent network in the manner of Trigeorgis et al. (ICASSP 2016), on log-mel
    bands. The convolutions leave a quarter of the frames. `n_layers` 0 leaves out the LSTM: a
    CNN with attention.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        channels: Sequence[int] = (32, 64, 96, 128),
        hidden_size: int = 128,
        n_layers: int = 1,
        dropout: float = 0.3,
        attention: Attention = "frame",
        n_heads: int = 4,
    ):
        super().__init__()
        self.n_features = n_features
        self.convolutions = ConvTrunk(n_features, channels, dropout)
        size = self.convolutions.output_size
        self.lstm = BidirectionalLSTM(size, hidden_size, n_layers, dropout) if n_layers else None
        self.embedding_size = self.lstm.output_size if self.lstm else size
        self.dropout = nn.Dropout(dropout)
        self.pool = AttentionPooling(self.embedding_size, attention, n_heads)
        self.classify = nn.Linear(self.embedding_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        hidden, step_mask = self.convolutions(features, mask)
        if self.lstm:
            hidden = self.dropout(self.lstm(hidden, step_mask))
        return self.pool.output(self.classify, hidden, step_mask, mask, TIME_RATIO)
