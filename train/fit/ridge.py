"""A linear head fitted in closed form: for models whose statistics are fixed or learnt elsewhere.

Some 1,000 clips and many thousand statistics: the ridge keeps what is common to the speakers.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ser.labels import N_LABELS
from train.clips.batches import judged_by_length
from train.fit.kept_statistics import frozen_statistics

LOGIT_SCALE = 4.0  # scores lie between -1 and 1; the temperature does the rest


def fit_head(
    model: nn.Module,
    clips: Sequence[torch.Tensor],
    labels: torch.Tensor,
    shares: torch.Tensor,
    groups: Sequence[str],
    strength: float,
    n_plain: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Set `model.head` to the ridge classifier of the clips' statistics.

    `clips` are features (n_frames, n_features), `labels` (n,) class indices, `shares` (n,) how much
    each clip counts among those of its class, `groups` (n,) the speakers. Every class counts the
    same; `strength` is the penalty divided by the number of statistics, which are standardised, so
    that it means the same for few and for many. They are standardised on the first `n_plain` clips,
    before any augmented ones: else what noise and telephones spread would count for little in
    clips without them.

    Returns the clips' logits (n, 8), and those that each would get were its speaker not learnt.
    """
    model.eval()
    statistics = all_statistics(model, clips)
    norm = model.head.norm
    norm.running_mean.copy_(statistics[:n_plain].mean(dim=0))
    norm.running_var.copy_(statistics[:n_plain].var(dim=0).clamp(min=1e-12))
    with torch.no_grad():
        weight, bias, unheard = ridge(
            model.head.embed(statistics), labels, shares, groups, strength
        )
        model.head.classify.weight.copy_(LOGIT_SCALE * weight)
        model.head.classify.bias.copy_(LOGIT_SCALE * bias)
        return model.head(statistics)[0], LOGIT_SCALE * unheard


class Ridge(NamedTuple):
    """Weights (8, n_statistics) and bias (8,); `unheard` (n, 8): see `ridge`."""

    weight: torch.Tensor
    bias: torch.Tensor
    unheard: torch.Tensor


def ridge(
    embedding: torch.Tensor,
    labels: torch.Tensor,
    shares: torch.Tensor,
    groups: Sequence[str],
    strength: float,
) -> Ridge:
    """One-against-all regression on -1 and 1 of (n, n_statistics).

    Solved in its dual form, for there are fewer clips than statistics (A. Hoerl & R. Kennard,
    Technometrics 12(1), 1970). The penalty is that of as many clips as the shares add up to.
    `unheard` are the scores that the clips of each of `groups` (n,) get when that group is left out
    of the regression, in closed form; means, class balance and deviations stay those of all clips.
    """
    shares = shares.double().clamp(min=1e-9)  # clips that count nothing are answered, too
    of_class = torch.zeros(N_LABELS, dtype=torch.double).index_add(0, labels, shares)
    share = shares / of_class[labels]
    share = share / share.sum()
    answers = torch.full((len(labels), N_LABELS), -1.0, dtype=torch.double)
    answers[torch.arange(len(labels)), labels] = 1.0
    centre, mean_answer = share.float() @ embedding, share @ answers
    root = (shares.sum() * share).sqrt()[:, None]
    inner, wanted = (embedding - centre) * root.float(), (answers - mean_answer) * root
    kernel = (inner @ inner.T).double()
    kernel.diagonal().add_(strength * embedding.shape[1])
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(kernel))
    dual = inverse @ wanted
    weight = (inner.T @ dual.float()).T
    unheard = torch.empty_like(answers)
    for group in set(groups):
        rows = torch.from_numpy(np.flatnonzero(np.asarray(groups) == group))
        away = torch.linalg.solve(inverse[rows][:, rows], dual[rows])
        unheard[rows] = answers[rows] - away / root[rows]
    return Ridge(weight, mean_answer.float() - weight @ centre, unheard.float())


@torch.no_grad()
def all_statistics(model: nn.Module, clips: Sequence[torch.Tensor]) -> torch.Tensor:
    """The statistics of all clips, (n, model.embedding_size)."""
    if getattr(model, "is_frozen", False):
        return frozen_statistics(model, clips)
    return judged_by_length(model.statistics, clips, model.embedding_size)
