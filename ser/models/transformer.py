"""Self-attention over the whole clip."""

import math

import torch
from torch import nn

from ser.models.base import Attention, AttentionPooling, MaskedBatchNorm, ModelOutput, check_window

TIME_RATIO = 4  # frames a step of the encoder spans


class Transformer(nn.Module):
    """Two strided convolutions > positions > Transformer encoder > attention > Linear.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame).

    The encoder of Vaswani et al. (arXiv:1706.03762) with its sinusoids, normalised before each
    layer (arXiv:2002.04745), on a quarter of the frames.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_size: int = 128,
        n_layers: int = 4,
        n_heads: int = 4,
        feedforward_size: int = 512,
        dropout: float = 0.2,
        attention: Attention = "frame",
    ):
        super().__init__()
        self.n_features = n_features
        self.embedding_size = hidden_size
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n, hidden_size, kernel_size=3, stride=2, padding=1, bias=False)
            for n in (n_features, hidden_size)
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(hidden_size) for _ in self.convolutions)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden_size,
                n_heads,
                feedforward_size,
                dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(n_layers)
        )
        self.last_norm = nn.LayerNorm(hidden_size)
        self.pool = AttentionPooling(hidden_size, attention, n_heads)
        self.classify = nn.Linear(hidden_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        hidden, step_mask = features * mask.unsqueeze(2), mask
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            step_mask = step_mask[:, ::2]
            hidden = convolve(hidden.transpose(1, 2)).transpose(1, 2)
            hidden = torch.relu(norm(hidden, step_mask))
        hidden = self.dropout(hidden + sinusoids(hidden.shape[1], hidden.shape[2]).to(hidden))
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=~step_mask)
        return self.pool.output(self.classify, self.last_norm(hidden), step_mask, mask, TIME_RATIO)


def sinusoids(n_positions: int, size: int) -> torch.Tensor:
    """Sines (first half of the channels) and cosines of each position, (n_positions, size).

    Wavelengths grow geometrically from 2 pi to 20,000 pi steps.
    """
    rates = torch.exp(-math.log(10_000) * torch.arange(size // 2) / (size // 2))
    angles = torch.arange(n_positions).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
