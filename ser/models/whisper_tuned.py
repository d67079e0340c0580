"""The first layers of Whisper's encoder, trained on by gradient, under attention over time."""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from ser.models.base import Attention, AttentionPooling, ModelOutput, check_window
from ser.models.whisper import FRAMES_A_STEP, CutEncoder

ADAPTED = ("query", "value")  # matrices of each block, as in the paper


class WhisperTuned(nn.Module):
    """Whisper's encoder, cut short > Linear > GELU > Dropout > attention over time > Linear.

    (batch, frame, mel band) -> logits (batch, class) and attention (batch, frame). Features of kind
    `whisper`; the encoder starts from weights of `train.whisper_weights`. `tuning` says what of it
    learns: `none` of it, `adapters` (low-rank changes of the attention's matrices, E. Hu et al.,
    arXiv:2106.09685, of `rank`), or `all`.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        size: int = 512,
        n_heads: int = 8,
        n_layers: int = 3,
        tuning: str = "adapters",
        rank: int = 8,
        hidden_size: int = 256,
        dropout: float = 0.2,
        attention: Attention = "gated",
    ):
        super().__init__()
        if tuning not in ("none", "adapters", "all"):
            raise ValueError(f"tuning is none, adapters or all, not {tuning!r}.")
        self.n_features = n_features
        self.embedding_size = hidden_size
        self.encoder = CutEncoder(n_features, size, n_heads, n_layers)
        self.encoder.requires_grad_(tuning == "all")
        names = [f"blocks.{n}.{part}.weight" for n in range(n_layers) for part in ADAPTED]
        self._adapted = names if tuning == "adapters" else []
        self.adapters = nn.ModuleList(LowRank(size, rank) for _ in self._adapted)
        self.narrow = nn.Linear(size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.pool = AttentionPooling(hidden_size, attention, n_heads)
        self.classify = nn.Linear(hidden_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        weights = dict(self.encoder.named_parameters())
        for name, adapter in zip(self._adapted, self.adapters, strict=True):
            weights[name] = weights[name] + adapter()
        last = functional_call(self.encoder, weights, (features, mask))[-1]
        hidden = self.dropout(functional.gelu(self.narrow(last)))
        return self.pool.output(
            self.classify, hidden, mask[:, ::FRAMES_A_STEP], mask, FRAMES_A_STEP
        )


class LowRank(nn.Module):
    """A square matrix (size, size) as a product of two thin ones; 0 before it has learnt."""

    def __init__(self, size: int, rank: int):
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, size) / size**0.5)
        self.up = nn.Parameter(torch.zeros(size, rank))

    def forward(self) -> torch.Tensor:
        """The product."""
        return self.up @ self.down
