"""A linear model on what thousands of random convolution kernels find in a clip."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from ser.models.base import ModelOutput, check_window
from ser.models.statistics import LinearHead, Standardize

warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")

KERNEL_SIZE = 7
QUANTILES = (0.3, 0.7, 0.9)  # of a kernel's outputs: the levels that are counted
N_PER_KERNEL = len(QUANTILES) + 4
N_REFERENCE_CLIPS = 64  # training clips that the levels are taken from
LEVEL_MARGIN = 1e-3  # off the outputs of a constant stretch, where rounding would decide


class RandomConv(nn.Module):
    """Standardise > fixed random dilated convolutions > statistics > Linear, in closed form.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame): how much each
    frame spoke for the answer, by the statistics that are means over frames (class activation
    mapping, B. Zhou et al., arXiv:1512.04150). After ROCKET and MultiRocket (A. Dempster et al.,
    arXiv:1910.13051; C. W. Tan et al., arXiv:2102.00457): of each kernel's output the share of
    frames above three levels, mean and mean position above the middle one, deviation and maximum.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        n_kernels: int = 300,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32),
        n_channels: int = 6,
    ):
        super().__init__()
        self.n_features = n_features
        self.dilations = tuple(dilations)
        self.standardize = Standardize(n_features)
        n_dilations = len(self.dilations)
        kernels = [_draw(n_kernels, n_features, n_channels) for _ in self.dilations]
        self.register_buffer("channels", torch.stack([k[0] for k in kernels]))
        self.register_buffer("kernels", torch.stack([k[1] for k in kernels]))
        self.register_buffer("levels", torch.zeros(n_dilations, len(QUANTILES), n_kernels))
        self.embedding_size = n_dilations * N_PER_KERNEL * n_kernels
        self.head = LinearHead(self.embedding_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        kernels = self._sparse_kernels()
        clips = zip(features, mask, strict=True)
        found = [self._found(clip[real], kernels) for clip, real in clips]
        logits, embedding = self.head(torch.stack([_over_time(of_clip) for of_clip in found]))
        attention = torch.zeros(mask.shape, device=features.device)
        for row, of_clip in enumerate(found):
            attention[row, mask[row]] = self._activation(of_clip, int(logits[row].argmax()))
        return ModelOutput(logits, attention, embedding)

    def statistics(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the linear head sees, before it is standardised: (batch, embedding_size)."""
        kernels = self._sparse_kernels()
        clips = zip(features, mask, strict=True)
        return torch.stack([_over_time(self._found(clip[real], kernels)) for clip, real in clips])

    def fit_levels(self, clips: Sequence[torch.Tensor]) -> None:
        """Take the levels from some training clips (n_frames, n_features)."""
        step = max(1, len(clips) // N_REFERENCE_CLIPS)
        kernels = self._sparse_kernels()
        found = [self._convolved(clip, kernels) for clip in clips[::step]]
        for number in range(len(self.dilations)):
            outputs = torch.cat([of_clip[number][:, ::KERNEL_SIZE] for of_clip in found], dim=1)
            shares = torch.tensor(QUANTILES, device=outputs.device)
            self.levels[number] = torch.quantile(outputs, shares, dim=1) + LEVEL_MARGIN

    def _sparse_kernels(self) -> list[torch.Tensor]:
        """Each dilation's kernels, sparse: (n_kernels, KERNEL_SIZE * n_features).

        A kernel sees few features: a sparse product takes less than a third of a convolution's
        time.
        """
        shape = (self.kernels.shape[1], KERNEL_SIZE * self.n_features)
        first = torch.arange(KERNEL_SIZE)[:, None] * self.n_features
        weights = self.kernels.transpose(2, 3).flatten(2)
        columns = (first + self.channels[:, :, None, :]).flatten(2)
        used = weights != 0
        rows = functional.pad(used.sum(dim=2).cumsum(dim=1), (1, 0))
        sizes = rows[:, -1].tolist()
        parts = zip(rows, columns[used].split(sizes), weights[used].split(sizes), strict=True)
        return [torch.sparse_csr_tensor(*part, shape, check_invariants=False) for part in parts]

    def _convolved(
        self, frames: torch.Tensor, kernels: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Each dilation's kernels over one clip (n_frames, n_features): (n_kernels, n_frames)."""
        values = self.standardize(frames).T.contiguous()
        n_frames = len(frames)
        found = []
        for dilation, of_dilation in zip(self.dilations, kernels, strict=True):
            padded = functional.pad(values, 2 * [dilation * (KERNEL_SIZE // 2)])
            taps = [padded[:, k * dilation : k * dilation + n_frames] for k in range(KERNEL_SIZE)]
            with torch.autocast(values.device.type, enabled=False):  # there is no sparse bfloat16
                found.append(of_dilation @ torch.cat(taps))
        return found

    def _found(self, frames: torch.Tensor, kernels: Sequence[torch.Tensor]) -> list["_Found"]:
        """What the kernels of each dilation find in one clip."""
        found = []
        for output, levels in zip(self._convolved(frames, kernels), self.levels, strict=True):
            counted = output.new_empty(*levels.shape, output.shape[1])
            torch.gt(output, levels[:, :, None], out=counted)  # ten times as fast as .float()
            found.append(_Found(output, counted, torch.relu(output - levels[1][:, None])))
        return found

    def _activation(self, found: Sequence["_Found"], answer: int) -> torch.Tensor:
        """Share of each frame in what spoke for `answer`, (n_frames,), sum 1."""
        scale = (self.head.norm.running_var + self.head.norm.eps).sqrt()
        weight = (self.head.classify.weight[answer] / scale).unflatten(
            0, (len(self.dilations), N_PER_KERNEL, -1)
        )
        spoke = 0
        for (_, counted, above), of_kernel in zip(found, weight, strict=True):
            spoke = spoke + of_kernel[: len(QUANTILES)].flatten() @ counted.flatten(0, 1)
            spoke = spoke + of_kernel[len(QUANTILES)] @ above
        spoke = torch.relu(spoke - spoke.mean()).float() + 1e-6
        return spoke / spoke.sum()


class _Found(NamedTuple):
    """Of the kernels of one dilation in one clip.

    `output` (n_kernels, n_frames); `counted` (n_levels, n_kernels, n_frames), 1.0 where it lies
    above a level; `above` (n_kernels, n_frames): how far above the middle one, else 0.
    """

    output: torch.Tensor
    counted: torch.Tensor
    above: torch.Tensor


def _over_time(found: Sequence[_Found]) -> torch.Tensor:
    """Statistics (embedding_size,) of one clip."""
    parts = []
    for output, counted, above in found:
        time = torch.linspace(-1, 1, output.shape[1], device=output.device)
        position = (above @ time) / (above.sum(dim=1) + 1e-4)
        mean = output.mean(dim=1)
        spread = (output.square().mean(dim=1) - mean.square()).clamp(min=1e-8).sqrt()
        parts += [*counted.mean(dim=2), above.mean(dim=1), position, spread, output.amax(dim=1)]
    return torch.cat(parts)


def _draw(n_kernels: int, n_features: int, n_channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernels of zero mean and unit norm over 1 to `n_channels` features each.

    Returns which features (n_kernels, n_channels) and the weights (n_kernels, n_channels, size).
    """
    channels = torch.rand(n_kernels, n_features).argsort(dim=1)[:, :n_channels]
    n_channels = channels.shape[1]
    used = torch.arange(n_channels) < torch.randint(1, n_channels + 1, (n_kernels, 1))
    weights = torch.randn(n_kernels, n_channels, KERNEL_SIZE) * used[:, :, None]
    mean = weights.sum(dim=(1, 2), keepdim=True) / (used.sum(dim=1)[:, None, None] * KERNEL_SIZE)
    weights = (weights - mean) * used[:, :, None]
    return channels, weights / weights.norm(dim=(1, 2), keepdim=True)
