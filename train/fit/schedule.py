"""The learning rate over a run, a function of how much of it is over, and over the layers."""

import math

from torch import nn

ONECYCLE_RISE = 0.3  # share of the run, unless told otherwise
ONECYCLE_START = 1 / 25  # of the highest rate
ONECYCLE_END = 1e-4  # of the first rate


def rate_factor(
    schedule: str, epochs: float, max_epochs: int, warmup_epochs: float, lowest: float
) -> float:
    """Share of the highest learning rate after that many of `max_epochs` (broken numbers too).

    cosine: rises in a line over `warmup_epochs`, then falls along half a cosine to `lowest`
    (Loshchilov & Hutter, arXiv:1608.03983). onecycle: half cosines up over `warmup_epochs` (0: over
    30 % of the run) and down (Smith & Topin, arXiv:1708.07120; shares as in torch's OneCycleLR, its
    momentum left alone).
    """
    if schedule == "cosine":
        if epochs < warmup_epochs:
            return epochs / warmup_epochs
        return _half_cosine(1, lowest, (epochs - warmup_epochs) / (max_epochs - warmup_epochs))
    rise = warmup_epochs or ONECYCLE_RISE * max_epochs
    if epochs < rise:
        return _half_cosine(ONECYCLE_START, 1, epochs / rise)
    end = ONECYCLE_START * ONECYCLE_END
    return _half_cosine(1, end, (epochs - rise) / (max_epochs - rise))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def by_depth(learner: nn.Module, model: nn.Module, decay: float) -> list[dict]:
    """Parameter groups of an optimiser, each with the `scale` of its learning rate.

    The model's last part and what only training has get the whole rate, each part before it
    `decay` times the next one's (Howard & Ruder, arXiv:1801.06146). With a decay of 1 there is one
    group, in the order of the parameters.
    """
    if decay == 1:
        return [{"params": list(learner.parameters()), "scale": 1.0}]
    parts = [list(part.parameters()) for part in model.children()]
    parts = [parameters for parameters in parts if parameters]
    inside = {id(parameter) for parameters in parts for parameter in parameters}
    rest = [p for p in learner.parameters() if id(p) not in inside]
    groups = [
        {"params": parameters, "scale": decay**depth}
        for depth, parameters in enumerate(reversed(parts))
    ]
    return groups + ([{"params": rest, "scale": 1.0}] if rest else [])
