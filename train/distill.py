"""What an ensemble answers to the clips that a student learns from (arXiv:1503.02531)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from ser import checkpoint
from ser.labels import N_LABELS
from train.augment import AugmentConfig
from train.corpora import Utterance
from train.data import FeatureStore, batches_by_length, collate
from train.pretrain import heard_before
from train.recipe import Recipe, load_recipe

BATCH = 32


class Teacher:
    """The recipe whose fitted weights answer for the clips of a student's split."""

    def __init__(self, student: Recipe):
        self.student = student
        self.recipe = load_recipe(student.distill.teacher)

    def answers(self, run: Path, utterances: Sequence[Utterance]) -> Mapping[str, torch.Tensor]:
        """Of each clip that the weights in `run` are asked about, by stem: probabilities (8,)."""
        asked = self.student.distill.corpora or self.student.corpora
        clips = [u for u in utterances if u.corpus in asked]
        teacher = checkpoint.load(run)
        total = torch.zeros(len(clips), N_LABELS)
        for model, config, share in teacher.voices:
            store = FeatureStore(clips, config.features, AugmentConfig(), 0)
            logits = _logits(model, [torch.from_numpy(store.clean[u.stem][0]) for u in clips])
            total += share * (logits / config.temperature).softmax(dim=1)
        if teacher.config.members:
            total = (total.log() / teacher.config.temperature).softmax(dim=1)
        return dict(zip((u.stem for u in clips), total, strict=True))

    def told(self, run: Path) -> dict:
        """What a student's config.json says of the weights in `run`: all that they have heard."""
        config = checkpoint.load(run).config
        training = config.training
        return {
            "recipe": self.recipe.name,
            "corpora": sorted({*training["corpora"], *heard_before(config, "corpora")}),
            "speakers": sorted({*training["train_speakers"], *heard_before(config, "speakers")}),
        }


@torch.inference_mode()
def _logits(model: nn.Module, clips: Sequence[torch.Tensor]) -> torch.Tensor:
    logits = torch.empty(len(clips), N_LABELS)
    for chosen in batches_by_length(clips, BATCH):
        logits[chosen] = model(*collate([clips[i] for i in chosen])).logits
    return logits
