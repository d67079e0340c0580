"""How wrong an answer is, where answers and targets are shares over classes."""

import torch
from torch.nn import functional

from train.clips.targets import Targets


def restrict(logits: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Take the classes that are not `allowed` (batch, classes) out of the softmax of the logits."""
    return logits.masked_fill(~allowed, torch.finfo(logits.dtype).min)


def smooth(targets: Targets, smoothing: float) -> torch.Tensor:
    """Spread the share `smoothing` evenly over the allowed classes (Szegedy, arXiv:1512.00567)."""
    evenly = targets.allowed / targets.allowed.sum(1, keepdim=True)
    return torch.lerp(targets.emotions, evenly, smoothing)


def emotion_loss(
    logits: torch.Tensor, emotions: torch.Tensor, weights: torch.Tensor, focal_gamma: float = 0.0
) -> torch.Tensor:
    """Mean cross-entropy between logits and shares (batch, classes), classes weighted by `weights`.

    The mean is weighted as torch's is for class indices, by the weights of what is asked. Each
    class's term is multiplied by (1 - p) ** focal_gamma (Lin et al., arXiv:1708.02002).
    """
    highest, classes = emotions.max(1)
    if focal_gamma == 0 and bool((highest == 1).all()):  # torch's own form, equal to the last bit
        return functional.cross_entropy(logits, classes, weights)
    asked = emotions * weights
    log_p = logits.log_softmax(1)
    doubt = (1 - log_p.exp()).clamp(min=1e-8)  # whose power has a slope at 0 too
    return -(asked * doubt**focal_gamma * log_p).sum() / asked.sum()


def task_loss(logits: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy (batch, values) over the clips whose answer is known; 0 where none is."""
    return -(answers * logits.log_softmax(1)).sum() / answers.sum().clamp(min=1)
