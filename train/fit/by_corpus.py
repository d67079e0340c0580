"""A linear head in closed form, from several corpora that each speak for their own emotions.

A corpus without calm clips says nothing about calm. What tells corpora apart is no emotion: their
deviations are those within each, and the model keeps the mean of each, to know how far a clip lies
from all of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ser.labels import N_LABELS
from ser.models.statistics import CLIP
from train.fit.ridge import LOGIT_SCALE

SMALLEST_VARIANCE = 1e-12
NEVER_HEARD = -1.0  # the score of an emotion that no corpus has
GROWING = {"feedback": 1000}  # corpora that begin with a clip; with so many, one counts half


class Clips(NamedTuple):
    """What one corpus gives to learn from.

    `statistics` (n, n_statistics) and `labels` (n,) of its clips, the first `n_plain` of them as
    they are and after those augmented copies; `counts` (n,) tells how much each counts.
    """

    statistics: torch.Tensor
    labels: torch.Tensor
    counts: torch.Tensor
    n_plain: int


class Head(NamedTuple):
    """A fitted head: `weight` (8, n) and `bias` (8,) on statistics of `mean` and `variance` (n,).

    And what the model keeps beside it: the mean of each of the `corpora` (n_corpora, n), and how
    each of the `emotions` (8, n) lies from them.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    mean: torch.Tensor
    variance: torch.Tensor
    corpora: torch.Tensor
    emotions: torch.Tensor

    @classmethod
    def of(cls, model: nn.Module) -> "Head":
        """Of a model that has one."""
        classify, norm = model.head.classify, model.head.norm
        return cls(
            classify.weight.detach() / LOGIT_SCALE,
            classify.bias.detach() / LOGIT_SCALE,
            norm.running_mean,
            norm.running_var,
            model.corpora,
            model.emotions,
        )

    @torch.no_grad()
    def into(self, model: nn.Module) -> nn.Module:
        """Give it to the model, and the model back."""
        model.head.norm.running_mean.copy_(self.mean)
        model.head.norm.running_var.copy_(self.variance)
        model.head.classify.weight.copy_(LOGIT_SCALE * self.weight)
        model.head.classify.bias.copy_(LOGIT_SCALE * self.bias)
        model.know(self.corpora, self.emotions)
        return model.eval()


class _Moments(NamedTuple):
    """Weighted means of products over the clips of a corpus, in each of which every class counts 1.

    `inner` (n + 1, n + 1) of the standardised statistics and a constant, `wanted` (n + 1, 8) of
    those and the answers, -1 and 1; `has` (8,) tells which classes occur.
    """

    inner: torch.Tensor
    wanted: torch.Tensor
    has: torch.Tensor


class Learnt:
    """What corpora say together, from which heads of any penalty follow.

    `shares` tells how much each corpus counts. Where it is not named that is 1, and of one that is
    `GROWING`, the more it holds the nearer to 1. Raises ValueError where none of the clips is of
    one of the eight emotions.
    """

    def __init__(self, corpora: Mapping[str, Clips], shares: Mapping[str, float]):
        if not corpora:
            raise ValueError("There is no clip of one of the eight emotions to learn from.")
        given = torch.tensor(
            [shares.get(k, _share(k, clips.n_plain)) for k, clips in corpora.items()]
        )
        self.shares = given / given.sum()
        plain = [clips.statistics[: clips.n_plain] for clips in corpora.values()]
        self.means = torch.stack([statistics.mean(dim=0) for statistics in plain])
        self.mean = self.shares @ self.means
        variances = torch.stack([statistics.var(dim=0, correction=0) for statistics in plain])
        self.variance = (self.shares @ variances).clamp(min=SMALLEST_VARIANCE)
        self._moments = [self._of(clips) for clips in corpora.values()]
        self.emotions = self._emotions(corpora)

    def _of(self, clips: Clips) -> _Moments:
        standard = (clips.statistics - self.mean) / self.variance.sqrt()
        standard = torch.cat([standard.clamp(-CLIP, CLIP), torch.ones(len(standard), 1)], dim=1)
        of_class = torch.zeros(N_LABELS).index_add(0, clips.labels, clips.counts.float())
        has = of_class > 0
        weights = clips.counts.float() / of_class[clips.labels] / has.sum()
        answers = torch.full((len(standard), N_LABELS), -1.0)
        answers[torch.arange(len(standard)), clips.labels] = 1.0
        weighted = (standard * weights[:, None]).T
        return _Moments(weighted @ standard, weighted @ answers, has)

    def _emotions(self, corpora: Mapping[str, Clips]) -> torch.Tensor:
        """How the mean of each emotion's clips lies from that of the corpus, (8, n_statistics)."""
        sums, total = torch.zeros(N_LABELS, len(self.mean)), torch.zeros(N_LABELS)
        for share, mean, clips in zip(self.shares, self.means, corpora.values(), strict=True):
            labels = clips.labels[: clips.n_plain]
            for k in labels.unique():
                ours = clips.statistics[: clips.n_plain][labels == k].mean(dim=0)
                sums[k] += share * (ours - mean)
                total[k] += share
        return sums / total.clamp(min=1e-9)[:, None]

    def head(self, strength: float) -> Head:
        """One-against-all ridge regression, as a head.

        Each emotion is learnt from the corpora that have it. `strength` is the penalty beside
        moments that are means over clips.
        """
        n = len(self.mean)
        weight, bias = torch.zeros(N_LABELS, n), torch.full((N_LABELS,), NEVER_HEARD)
        has = torch.stack([moments.has for moments in self._moments])
        for those in has.T.unique(dim=0):
            classes = (those == has.T).all(dim=1).nonzero()[:, 0]
            if not those.any():
                continue
            share = self.shares * those / self.shares[those].sum()
            inner = sum(s * m.inner for s, m in zip(share, self._moments, strict=True)).double()
            wanted = sum(s * m.wanted for s, m in zip(share, self._moments, strict=True)).double()
            inner.diagonal()[:n] += strength
            solved = torch.cholesky_solve(wanted[:, classes], torch.linalg.cholesky(inner))
            weight[classes], bias[classes] = solved[:n].T.float(), solved[n].float()
        return Head(weight, bias, self.mean, self.variance, self.means, self.emotions)


def _share(corpus: str, n_clips: int) -> float:
    return n_clips / (n_clips + GROWING.get(corpus, 0))


def grouped(
    statistics: torch.Tensor,
    labels: torch.Tensor,
    counts: torch.Tensor,
    corpora: Sequence[str],
    n_plain: int,
) -> dict[str, Clips]:
    """The clips of each corpus by themselves; the first `n_plain` are no copies."""
    names = np.array(corpora)
    found = {}
    for name in dict.fromkeys(corpora):
        rows = torch.from_numpy(np.flatnonzero(names == name))
        first = int((rows < n_plain).sum())
        found[name] = Clips(statistics[rows], labels[rows], counts[rows], first)
    return found
