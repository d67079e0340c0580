"""What every architecture takes and gives, and the masked building blocks they share."""

from typing import NamedTuple

import torch
from torch import nn

MIN_FRAMES = 9  # 0.1 s: the least that counts as a window rather than as single frames


class ModelOutput(NamedTuple):
    """`logits` (batch, classes); `attention` (batch, frames), sum 1 over real frames, 0 elsewhere.

    `channel_attention` (batch, frames, channels) from models that weigh each channel by itself;
    `attention` is then its mean over channels.
    """

    logits: torch.Tensor
    attention: torch.Tensor
    channel_attention: torch.Tensor | None = None


def check_window(
    features: torch.Tensor, mask: torch.Tensor | None, n_features: int
) -> torch.Tensor:
    """Check (batch, frames, features) and its mask (batch, frames; True for real frames).

    Returns the mask, all True where none was given. Raises ValueError on other shapes and on
    windows of fewer than `MIN_FRAMES`: the models answer for whole sequences only.
    """
    if features.ndim != 3 or features.shape[2] != n_features:
        raise ValueError(
            f"Expected features of (batch, frames, {n_features}), not {tuple(features.shape)}."
        )
    if mask is None:
        mask = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
    if mask.shape != features.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(
            f"Expected a boolean mask of {tuple(features.shape[:2])}, "
            f"not {mask.dtype} of {tuple(mask.shape)}."
        )
    shortest = int(mask.sum(dim=1).min())
    if shortest < MIN_FRAMES:
        raise ValueError(
            f"A window of {shortest} frames: give whole windows of {MIN_FRAMES} frames or more, "
            "never single frames."
        )
    return mask


def masked_softmax(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Softmax over frames (dimension 1) of (batch, frames, channels), padding at exactly 0."""
    return scores.masked_fill(~mask.unsqueeze(-1), -torch.inf).softmax(dim=1)


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (batch, frames, channels) whose statistics see real frames only."""

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Normalise; padded frames come out as zeros."""
        out = torch.zeros_like(hidden)
        out[mask] = super().forward(hidden[mask])
        return out
