"""A model with the layers that it has only while it learns; none of them is in a checkpoint."""

import torch
from torch import nn

from ser.labels import N_LABELS
from train.clips.targets import Targets, TargetSpace
from train.fit.losses import restrict

ADVERSARIAL = "adversarial_"


class Learner(nn.Module):
    """Model > embedding > a linear layer for everything that is asked besides the eight labels.

    `more_classes` gives the logits of auxiliary classes, `corpus_heads` those of all classes for
    each corpus but the measured one, `tasks` those of the tasks' values.
    """

    def __init__(self, model: nn.Module, space: TargetSpace):
        super().__init__()
        self.model = model
        self.space = space
        n_classes, n_more = len(space.classes), len(space.classes) - N_LABELS
        size = model.embedding_size
        self.more_classes = nn.Linear(size, n_more) if n_more else None
        self.corpus_heads = None
        if space.config.corpus_heads and len(space.corpora) > 1:
            self.corpus_heads = nn.Linear(size, (len(space.corpora) - 1) * n_classes)
        self.tasks = nn.ModuleDict(
            {name: nn.Linear(size, len(values)) for name, values in space.values.items()}
        )

    def forward(
        self, features: torch.Tensor, mask: torch.Tensor, targets: Targets
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Logits (batch, n_classes) for the emotions, and (batch, n_values) for each task."""
        output = self.model(features, mask)
        logits = output.logits
        if self.more_classes:
            logits = torch.cat([logits, self.more_classes(output.embedding)], dim=1)
        if self.corpus_heads:
            others = self.corpus_heads(output.embedding).unflatten(1, (-1, logits.shape[1]))
            by_corpus = torch.cat([logits.unsqueeze(1), others], dim=1)
            logits = by_corpus[torch.arange(len(logits)), targets.corpora]
        tasks = {}
        for name, head in self.tasks.items():
            embedding = output.embedding
            if name.startswith(ADVERSARIAL):
                embedding = reverse_gradient(embedding, self.space.config.tasks[name])
            tasks[name] = head(embedding).float()
        return restrict(logits.float(), targets.allowed), tasks


def reverse_gradient(values: torch.Tensor, strength: float) -> torch.Tensor:
    """The same values; their gradient comes back times `-strength` (Ganin, arXiv:1409.7495)."""
    return _Reversal.apply(values, strength)


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradient, None
