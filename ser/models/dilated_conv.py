"""A small convolutional network over frame descriptors, with statistics pooling."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ser.models.base import ModelOutput, at_frame_rate, check_window, masked_softmax
from ser.models.statistics import LinearHead, Standardize

TIME_RATIO = 2  # frames a step of the network spans


class DilatedConv(nn.Module):
    """Standardise > strided convolution > residual dilated convolutions > statistics > Linear.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame).

    The statistics are mean and standard deviation over time: of the last layer, weighted by an
    attention of each channel's own (Okabe et al., arXiv:1803.10963), and of every layer, plain,
    when `all_layers`.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        channels: int = 160,
        dilations: Sequence[int] = (1, 2, 4, 8, 1, 2),
        dropout: float = 0.2,
        head_dropout: float = 0.4,
        attention_size: int = 64,
        all_layers: bool = False,
    ):
        super().__init__()
        self.n_features = n_features
        self.all_layers = all_layers
        self.standardize = Standardize(n_features)
        self.stem = ConvLayer(n_features, channels, kernel_size=5, stride=TIME_RATIO)
        self.layers = nn.ModuleList(ConvLayer(channels, channels, dilation=d) for d in dilations)
        self.dropout = dropout
        self.key = nn.Linear(channels, attention_size)
        self.score = nn.Linear(attention_size, channels)
        n_pooled = 1 + (len(self.layers) + 1 if all_layers else 0)
        self.embedding_size = 2 * channels * n_pooled
        self.head = LinearHead(self.embedding_size, n_classes, head_dropout)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        statistics, weights = self._pooled(features, mask)
        logits, embedding = self.head(statistics)
        attention = at_frame_rate(weights.mean(dim=2, keepdim=True), mask.shape[1], TIME_RATIO)
        attention = attention.squeeze(2) * mask
        return ModelOutput(logits, attention / attention.sum(dim=1, keepdim=True), embedding)

    def statistics(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the linear head sees, before it is standardised: (batch, embedding_size)."""
        return self._pooled(features, mask)[0]

    def _without_some_channels(self, hidden: torch.Tensor) -> torch.Tensor:
        """Dropout of whole channels of a clip: neighbouring frames would give a value away."""
        kept = functional.dropout(torch.ones_like(hidden[:, :1]), self.dropout, self.training)
        return hidden * kept

    def _pooled(
        self, features: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Statistics (batch, embedding_size) and the attention (batch, step, channel)."""
        steps = mask[:, ::TIME_RATIO]
        places = steps.flatten().nonzero().squeeze(1)
        hidden = self.stem(self.standardize(features) * mask.unsqueeze(2), places)
        heights = [hidden]
        for layer in self.layers:
            hidden = hidden + self._without_some_channels(layer(hidden, places))
            heights.append(hidden)
        weights = masked_softmax(self.score(torch.tanh(self.key(hidden))), steps)
        evenly = steps.unsqueeze(2) / steps.sum(dim=1).view(-1, 1, 1)
        pooled = [weighted_statistics(hidden, weights)]
        if self.all_layers:
            pooled += [weighted_statistics(height, evenly) for height in heights]
        return torch.cat(pooled, dim=1), weights


class ConvLayer(nn.Module):
    """Convolution over time > BatchNorm over real steps > ReLU, (batch, frame, channel).

    The taps are one matrix product over frames laid side by side, of the real steps alone, which a
    CPU does in bfloat16 three times as fast as a convolution.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel_size: int = 3, dilation: int = 1, stride: int = 1
    ):
        super().__init__()
        self.kernel_size, self.dilation, self.stride = kernel_size, dilation, stride
        self.taps = nn.Linear(kernel_size * n_in, n_out, bias=False)
        self.norm = nn.BatchNorm1d(n_out)

    def forward(self, hidden: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """`hidden` must be zero on padding; `places` (n,) are the real steps among batch x step."""
        if torch.is_autocast_enabled(hidden.device.type):  # half as much to lay side by side
            hidden = hidden.to(torch.get_autocast_dtype(hidden.device.type))
        reach = self.dilation * (self.kernel_size // 2)
        padded = functional.pad(hidden, (0, 0, reach, reach))
        n_frames = hidden.shape[1]
        shifted = [
            padded[:, tap * self.dilation : tap * self.dilation + n_frames : self.stride]
            for tap in range(self.kernel_size)
        ]
        beside = torch.cat(shifted, dim=2)
        real = self.taps(beside.flatten(0, 1).index_select(0, places)).float()
        found = torch.relu(self.norm(real))
        out = found.new_zeros(beside.shape[0] * beside.shape[1], found.shape[1])
        return out.index_copy(0, places, found).view(*beside.shape[:2], -1)


def weighted_statistics(hidden: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation over time, (batch, 2 x channels), under weights of sum 1."""
    mean = (weights * hidden).sum(dim=1)
    variance = (weights * hidden.square()).sum(dim=1) - mean.square()
    return torch.cat([mean, variance.clamp(min=1e-4).sqrt()], dim=1)
