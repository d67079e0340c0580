"""A linear head fitted in closed form: for models whose statistics are fixed or learnt elsewhere.

Some 1,000 clips and many thousand statistics: the ridge keeps what is common to the speakers.
"""

from collections.abc import Sequence

import torch
from torch import nn

from ser.labels import N_LABELS
from train.data import batches_by_length, collate

LOGIT_SCALE = 4.0  # scores lie between -1 and 1; the temperature does the rest
BATCH = 32


def fit_head(
    model: nn.Module,
    clips: Sequence[torch.Tensor],
    labels: torch.Tensor,
    shares: torch.Tensor,
    strength: float,
) -> torch.Tensor:
    """Set `model.head` to the ridge classifier of the clips' statistics; returns their logits.

    `clips` are features (n_frames, n_features), `labels` (n,) class indices, `shares` (n,) how much
    each clip counts among those of its class. Every class counts the same; `strength` is the
    penalty divided by the number of statistics, which are standardised, so that it means the same
    for few and for many.
    """
    model.eval()
    statistics = all_statistics(model, clips)
    norm = model.head.norm
    norm.running_mean.copy_(statistics.mean(dim=0))
    norm.running_var.copy_(statistics.var(dim=0).clamp(min=1e-12))
    with torch.no_grad():
        weight, bias = ridge(model.head.embed(statistics), labels, shares, strength)
        model.head.classify.weight.copy_(LOGIT_SCALE * weight)
        model.head.classify.bias.copy_(LOGIT_SCALE * bias)
        return model.head(statistics)[0]


def ridge(
    embedding: torch.Tensor, labels: torch.Tensor, shares: torch.Tensor, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (8, n_statistics) and bias (8,) of one-against-all regression on -1 and 1.

    Solved in its dual form, for there are fewer clips than statistics (A. Hoerl & R. Kennard,
    Technometrics 12(1), 1970). The penalty is that of as many clips as the shares add up to.
    """
    shares = shares.double()
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
    weight = (inner.T @ torch.linalg.solve(kernel, wanted).float()).T
    return weight, mean_answer.float() - weight @ centre


@torch.no_grad()
def all_statistics(model: nn.Module, clips: Sequence[torch.Tensor]) -> torch.Tensor:
    """The statistics of all clips, (n, model.embedding_size)."""
    found = torch.empty(len(clips), model.embedding_size)
    for chosen in batches_by_length(clips, BATCH):
        found[chosen] = model.statistics(*collate([clips[i] for i in chosen]))
    return found
