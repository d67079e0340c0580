"""A speech head in closed form: is this a voice, and does it sing.

Two linear scores of a clip's standardised statistics, about 1 for yes and -1 for no.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ser.models.whisper import N_SPEECH

VOICE, SUNG = range(N_SPEECH)


class SpeechHead(NamedTuple):
    """`weight` (2, n_statistics) and `bias` (2,): scores of a voice, and of singing."""

    weight: torch.Tensor
    bias: torch.Tensor

    def scores(self, embedding: torch.Tensor) -> np.ndarray:
        """(n, 2) of embeddings (n, n_statistics)."""
        return (embedding @ self.weight.T + self.bias).numpy()

    @torch.no_grad()
    def into(self, model: nn.Module) -> nn.Module:
        """Give it to a model that may have one, and the model back."""
        model.speech = nn.Linear(self.weight.shape[1], N_SPEECH)
        model.speech.weight.copy_(self.weight)
        model.speech.bias.copy_(self.bias)
        return model.eval()


def fit(
    embedding: torch.Tensor,
    is_voice: np.ndarray,
    is_sung: np.ndarray,
    groups: Sequence[str],
    strength: float,
) -> SpeechHead:
    """Ridge regression on -1 and 1 of embeddings (n, n_statistics), as `LinearHead.embed` gives.

    Voices and other sounds count the same, and so do the `groups` (n,) within each: a corpus, a
    class of sounds. Singing is learnt from voices alone. `strength` is the penalty beside moments
    that are means. Raises ValueError where either answer is never right.
    """
    voice = _ridge(embedding, is_voice, groups, strength, "a voice")
    rows = torch.from_numpy(np.flatnonzero(is_voice))
    among = [groups[row] for row in rows]
    sung = _ridge(embedding[rows], is_sung[rows.numpy()], among, strength, "singing")
    return SpeechHead(
        torch.stack([voice[0], sung[0]]), torch.tensor([float(voice[1]), float(sung[1])])
    )


def _ridge(
    embedding: torch.Tensor, holds: np.ndarray, groups: Sequence[str], strength: float, what: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (n_statistics,) and bias of one score."""
    if holds.all() or not holds.any():
        raise ValueError(f"To learn what {what} is takes clips that are, and clips that are not.")
    share = torch.from_numpy(_shares(holds, groups)).float()
    wanted = torch.from_numpy(np.where(holds, 1.0, -1.0)).float()
    centre, mean = share @ embedding, share @ wanted
    inner = (embedding - centre) * share.sqrt()[:, None]
    moments = (inner.T @ inner).double()
    moments.diagonal().add_(strength)
    right = (inner.T @ ((wanted - mean) * share.sqrt())).double()
    weight = torch.cholesky_solve(right[:, None], torch.linalg.cholesky(moments))[:, 0].float()
    return weight, mean - weight @ centre


def _shares(holds: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """How much each clip counts, (n,) of sum 1: half for yes, half for no, alike by group."""
    shares = np.zeros(len(holds))
    names = np.asarray(groups)
    for answer in (True, False):
        there = sorted(set(names[holds == answer]))
        for name in there:
            rows = (holds == answer) & (names == name)
            shares[rows] = 0.5 / len(there) / rows.sum()
    return shares
