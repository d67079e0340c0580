"""What every architecture takes and gives, and the masked building blocks they share."""

from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

MIN_FRAMES = 9  # 0.1 s: the least that counts as a window rather than as single frames


class ModelOutput(NamedTuple):
    """`logits` (batch, classes); `attention` (batch, frames), sum 1 over real frames, 0 elsewhere.

    `embedding` (batch, model.embedding_size): the pooled clip, from which the logits are one linear
    layer away; heads for other tasks, which exist only in training, start here.

    Models that can be adapted also give `residual` (batch, n_statistics), what of a clip's
    statistics its answer does not explain, and `distance` (batch,), how far they lie from those of
    the nearest corpus that was learnt: 1 is as far as its own clips.

    Models with a speech head give `speech` (batch, 2): the scores of a voice, and of its singing.
    """

    logits: torch.Tensor
    attention: torch.Tensor
    embedding: torch.Tensor
    residual: torch.Tensor | None = None
    distance: torch.Tensor | None = None
    speech: torch.Tensor | None = None


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
    scores = scores.masked_fill(~mask.unsqueeze(-1), -torch.inf)
    return scores.softmax(dim=1, dtype=torch.float32)


def at_frame_rate(values: torch.Tensor, n_frames: int, ratio: int) -> torch.Tensor:
    """Repeat each step of (batch, steps, channels) `ratio` times: (batch, n_frames, channels).

    Frames after the last step, of which a strided encoder leaves out one or two, are zero.
    """
    repeated = values.repeat_interleave(ratio, dim=1)
    return functional.pad(repeated, (0, 0, 0, n_frames - repeated.shape[1]))


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (batch, frames, ..., channels); statistics see real frames only."""

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Normalise; padded frames come out as zeros."""
        real = hidden[mask]
        out = torch.zeros_like(hidden)
        out[mask] = super().forward(real.flatten(0, -2)).view_as(real)
        return out


Attention = Literal["frame", "channel", "multi_head", "gated"]


class AttentionPooling(nn.Module):
    """Weights over time, (batch, frame, size) -> a clip's embedding (batch, size) and the weights.

    `frame` is Bahdanau's additive attention (arXiv:1409.0473, with the state itself as key):
    v tanh(W h + b), softmax over real frames. `gated` multiplies the tanh by sigmoid(U h + c)
    (Ilse et al., arXiv:1802.04712). `multi_head` gives each of `n_heads` slices of the channels
    weights of its own (India et al., arXiv:1906.09890), `channel` each single channel; the
    attention that shows is then the mean of the weights.
    """

    def __init__(self, size: int, kind: Attention = "frame", n_heads: int = 4):
        super().__init__()
        n_weights = {"frame": 1, "gated": 1, "multi_head": n_heads, "channel": size}
        if kind not in n_weights:
            raise ValueError(f"attention is one of {sorted(n_weights)}, not {kind!r}.")
        if size % n_weights[kind]:
            raise ValueError(f"{size} channels do not divide into {n_heads} heads.")
        self.kind = kind
        self.key = nn.Linear(size, size)
        self.gate = nn.Linear(size, size) if kind == "gated" else None
        self.score = nn.Linear(size, n_weights[kind], bias=False)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedding (batch, size) and weights (batch, frames, 1 or heads or channels)."""
        key = torch.tanh(self.key(hidden))
        if self.gate is not None:
            key = key * torch.sigmoid(self.gate(hidden))
        weights = masked_softmax(self.score(key), mask)
        slices = hidden.unflatten(2, (weights.shape[2], -1))
        embedding = (weights.unsqueeze(3) * slices).sum(dim=1).flatten(1)
        return embedding, weights

    def output(
        self,
        classify: nn.Linear,
        hidden: torch.Tensor,
        hidden_mask: torch.Tensor,
        mask: torch.Tensor,
        ratio: int = 1,
    ) -> ModelOutput:
        """Pool and classify `hidden`, one step of which spans `ratio` frames of `mask`."""
        embedding, weights = self(hidden, hidden_mask)
        if ratio > 1:
            weights = at_frame_rate(weights, mask.shape[1], ratio) * mask.unsqueeze(2)
            weights = weights / weights.sum(dim=1, keepdim=True)
        return ModelOutput(classify(embedding), weights.mean(dim=2), embedding)
