"""LSTMs over padded sequences: (batch, frame, n_features) -> (batch, frame, output_size).

Sequences are never packed: on CPU that is some fifty times slower to train. A layer that runs
forwards is not reached by the padding after a clip; one that runs backwards reads each clip
reversed within its own length.
"""

import torch
from torch import nn

from ser.models.base import MaskedBatchNorm


class ForwardLSTM(nn.LSTM):
    """LSTM layers in one direction, with dropout between them."""

    def __init__(self, n_features: int, hidden_size: int, n_layers: int, dropout: float):
        super().__init__(
            n_features,
            hidden_size,
            n_layers,
            batch_first=True,
            dropout=dropout if n_layers > 1 else 0.0,
        )
        self.output_size = hidden_size

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states; those of padded frames mean nothing."""
        return super().forward(features)[0]


class BidirectionalLSTM(nn.Module):
    """LSTM layers in both directions, `hidden_size` each, with dropout between layers."""

    def __init__(self, n_features: int, hidden_size: int, n_layers: int, dropout: float):
        super().__init__()
        sizes = [n_features] + [2 * hidden_size] * (n_layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(n, hidden_size, batch_first=True) for n in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(n, hidden_size, batch_first=True) for n in sizes)
        self.dropout = nn.Dropout(dropout)
        self.output_size = 2 * hidden_size

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states, those from either direction side by side."""
        order = reversed_order(mask)
        hidden = features
        for number, (forwards, backwards) in enumerate(
            zip(self.forwards, self.backwards, strict=True)
        ):
            hidden = self.dropout(hidden) if number else hidden
            ahead = forwards(hidden)[0]
            back = take_frames(backwards(take_frames(hidden, order))[0], order)
            hidden = torch.cat([ahead, back], dim=2)
        return hidden


class ResidualLSTM(nn.Module):
    """(LSTM of the input's width + input > BatchNorm) for all layers but the last > LSTM.

    ResLSTM-SA of Krasnoproshin & Vashkevich (arXiv:2606.03359), whose reference has two layers.
    """

    def __init__(self, n_features: int, hidden_size: int, n_layers: int, dropout: float):
        super().__init__()
        inner = range(n_layers - 1)
        self.inner = nn.ModuleList(nn.LSTM(n_features, n_features, batch_first=True) for _ in inner)
        self.norms = nn.ModuleList(MaskedBatchNorm(n_features) for _ in inner)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.LSTM(n_features, hidden_size, batch_first=True)
        self.output_size = hidden_size

    def forward(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states of the last layer."""
        hidden = features
        for lstm, norm in zip(self.inner, self.norms, strict=True):
            hidden = self.dropout(norm(hidden + lstm(hidden)[0], mask))
        return self.last(hidden)[0]


def reversed_order(mask: torch.Tensor) -> torch.Tensor:
    """Frame numbers (batch, frames) that reverse each clip in place; padding stays where it is."""
    frames = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - frames, frames)


def take_frames(hidden: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Rearrange the frames of (batch, frames, channels) by `order` (batch, frames)."""
    return hidden.gather(1, order.unsqueeze(2).expand_as(hidden))
