"""2-D convolutions over padded spectrograms, as if each clip were alone."""

from collections.abc import Sequence

import torch
from torch import nn

from ser.models.base import MaskedBatchNorm

TIME_RATIO = 4  # frames of the spectrogram a step of the output spans
_STRIDES = ((2, 2), (2, 2))  # frames, bins; later blocks: (1, 2)


class ConvBlock(nn.Module):
    """Convolution 3 x 3 > BatchNorm over real frames > ReLU, (batch, frame, bin, channel)."""

    def __init__(self, n_in: int, n_out: int, stride: tuple[int, int]):
        super().__init__()
        self.stride = stride
        self.convolve = nn.Conv2d(n_in, n_out, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm = MaskedBatchNorm(n_out)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden values and their mask, fewer frames by the stride; padding must be and is zero."""
        mask = mask[:, :: self.stride[0]]
        hidden = self.convolve(hidden.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return torch.relu(self.norm(hidden, mask)), mask


class ConvTrunk(nn.Module):
    """Convolution blocks that read a spectrogram (batch, frame, bin) at a quarter of its rate.

    Out come (batch, step, output_size), the bins and channels of the last block side by side, and
    the mask of those steps. Values lie in memory with channels last, which CPUs convolve fastest.
    """

    def __init__(self, n_bins: int, channels: Sequence[int], dropout: float):
        super().__init__()
        strides = [*_STRIDES, *[(1, 2)] * (len(channels) - len(_STRIDES))]
        sizes = zip([1, *channels], channels, strides, strict=False)
        self.blocks = nn.ModuleList(ConvBlock(*size) for size in sizes)
        self.dropout = nn.Dropout(dropout)
        n_left = n_bins
        for _ in channels:
            n_left = (n_left + 1) // 2
        self.output_size = n_left * channels[-1]

    def forward(
        self, spectrogram: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of every fourth frame, (batch, step, output_size), and their mask."""
        hidden = (spectrogram * mask.unsqueeze(2)).unsqueeze(3)
        for block in self.blocks:
            hidden, mask = block(hidden, mask)
            hidden = self.dropout(hidden)
        return hidden.flatten(2), mask
