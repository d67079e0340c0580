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

LARGEST_DUAL = 8_000  # clips: their kernel takes half a gigabyte and seconds
LOGIT_SCALE = 4.0  # scores lie between -1 and 1; the temperature does the rest


def fit_head(
    model: nn.Module,
    clips: Sequence[torch.Tensor],
    labels: torch.Tensor,
    shares: torch.Tensor,
    groups: Sequence[str],
    strength: float,
    plain: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Set `model.head` to the ridge classifier of the clips' statistics.

    `clips` are features (n_frames, n_features), `labels` (n,) class indices, `shares` (n,) how much
    each clip counts among those of its class, `groups` (n,) the speakers. Every class counts the
    same; `strength` is the penalty divided by the number of statistics, which are standardised, so
    that it means the same for few and for many. They are standardised on the first clips, before
    any augmented ones, which count as `plain` (n_plain,) tells: else what noise and telephones
    spread would count for little in clips without them.

    Returns the clips' logits (n, 8), and those that each would get were its speaker not learnt, or
    None where there are too many clips for that.
    """
    model.eval()
    statistics = all_statistics(model, clips)
    norm = model.head.norm
    first = statistics[: len(plain)]
    mean = plain @ first / plain.sum()
    norm.running_mean.copy_(mean)
    variance = plain @ (first - mean).square() / plain.sum()
    norm.running_var.copy_((variance * len(plain) / (len(plain) - 1)).clamp(min=1e-12))
    with torch.no_grad():
        weight, bias, unheard = ridge(
            model.head.embed(statistics), labels, shares, groups, strength
        )
        model.head.classify.weight.copy_(LOGIT_SCALE * weight)
        model.head.classify.bias.copy_(LOGIT_SCALE * bias)
        return model.head(statistics)[0], None if unheard is None else LOGIT_SCALE * unheard


class Ridge(NamedTuple):
    """Weights (8, n_statistics) and bias (8,); `unheard` (n, 8): see `ridge`."""

    weight: torch.Tensor
    bias: torch.Tensor
    unheard: torch.Tensor | None


def ridge(
    embedding: torch.Tensor,
    labels: torch.Tensor,
    shares: torch.Tensor,
    groups: Sequence[str],
    strength: float,
) -> Ridge:
    """One-against-all regression on -1 and 1 of (n, n_statistics).

    Solved in its dual form while there are few clips (A. Hoerl & R. Kennard, Technometrics 12(1),
    1970), else as it stands. The penalty is that of as many clips as the
    shares add up to. `unheard`, which only the dual form gives, are the scores that the clips of
    each of `groups` (n,) get when that group is left out of the regression, in closed form; means,
    class balance and deviations stay those of all clips.
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
    if len(inner) > max(inner.shape[1], LARGEST_DUAL):
        moments = (inner.T @ inner).double()
        moments.diagonal().add_(strength * embedding.shape[1])
        solved = torch.cholesky_solve(inner.T.double() @ wanted, torch.linalg.cholesky(moments))
        weight = solved.T.float()
        return Ridge(weight, mean_answer.float() - weight @ centre, None)
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
