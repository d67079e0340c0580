"""What the models that pool a clip into statistics share: the way in and the way out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

CLIP = 5.0  # standard deviations, beyond which a value says no more


class Standardize(nn.Module):
    """Bring each feature to zero mean and unit variance over the training frames."""

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(..., n_features) in standard deviations, at most `CLIP`."""
        return ((features - self.mean) / self.scale).clamp(-CLIP, CLIP)

    def fit(self, clips: Sequence[np.ndarray]) -> None:
        """Take mean and deviation from the frames of training clips (n_frames, n_features)."""
        n = sum(len(clip) for clip in clips)
        mean = sum(clip.sum(axis=0, dtype=np.float64) for clip in clips) / n
        square = sum(((clip.astype(np.float64) - mean) ** 2).sum(axis=0) for clip in clips) / n
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.sqrt(square) + 1e-5))


class LinearHead(nn.Module):
    """Statistics of a clip (batch, n_statistics), standardised > Dropout > Linear.

    Trained by gradient like any layer, or fitted at once (`train.fit.ridge`), for the
    standardisation is the running mean and variance of a BatchNorm without parameters of its own.
    """

    def __init__(self, n_statistics: int, n_classes: int, dropout: float = 0.0):
        super().__init__()
        self.norm = nn.BatchNorm1d(n_statistics, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(n_statistics, n_classes)

    def embed(self, statistics: torch.Tensor) -> torch.Tensor:
        """Statistics in standard deviations, at most `CLIP`."""
        return self.norm(statistics).clamp(-CLIP, CLIP)

    def scores(self, statistics: torch.Tensor) -> torch.Tensor:
        """Logits as in evaluation, even while training: for a batch of one."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        standard = nn.functional.batch_norm(statistics, mean, variance, eps=self.norm.eps)
        return self.classify(standard.clamp(-CLIP, CLIP))

    def forward(self, statistics: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (batch, n_classes) and the embedding (batch, n_statistics)."""
        embedding = self.dropout(self.embed(statistics))
        return self.classify(embedding), embedding


def saliency(statistics: torch.Tensor, frames: torch.Tensor, head: LinearHead) -> torch.Tensor:
    """How much each frame of one clip moved the winning class: (n_frames,), sum 1.

    |gradient x (frame - mean frame)|, summed over features and smoothed over 0.09 s (K. Simonyan et
    al., arXiv:1312.6034): for models that have no attention of their own. `statistics` (n,) must
    have been computed from `frames` (n_frames, n_features) with gradients on.
    """
    (slope,) = torch.autograd.grad(head.scores(statistics[None]).max(), frames)
    weight = (slope * (frames - frames.mean(dim=0))).abs().sum(dim=1)
    padded = nn.functional.pad(weight[None, None], (4, 4), mode="replicate")
    smooth = nn.functional.avg_pool1d(padded, 9, stride=1)[0, 0] + 1e-12
    return (smooth / smooth.sum()).detach()
