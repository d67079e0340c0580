"""What an ensemble answers to the clips that a student learns from (arXiv:1503.02531)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ser import checkpoint
from ser.checkpoint import CheckpointConfig
from ser.labels import N_LABELS
from train.augment import AugmentConfig
from train.corpora import Utterance
from train.data import FeatureStore, batches_by_length, collate
from train.evaluate import Predictions
from train.pretrain import heard_before
from train.recipe import Recipe, load_recipe

BATCH = 32
UNHEARD_NAME = "unheard-predictions.npz"  # of a run's training clips, each speaker left out in turn


class Teacher:
    """The recipe whose fitted weights answer for the clips of a student's split."""

    def __init__(self, student: Recipe):
        self.student = student
        self.recipe = load_recipe(student.distill.teacher)

    def answers(
        self, run: Path, utterances: Sequence[Utterance], whole: Sequence[Utterance] | None = None
    ) -> Mapping[str, torch.Tensor]:
        """Of each clip that the weights in `run` are asked about, by stem: probabilities (8,).

        `whole` are the corpora that the clips are from, whose features are kept for other folds.
        When `cross_fitted`, clips that the teacher learned get the answer that it would give had it
        not learned their speaker.
        """
        asked = self.student.distill.corpora or self.student.corpora
        clips = [u for u in utterances if u.corpus in asked]
        kept = [u for u in whole or utterances if u.corpus in asked]
        teacher = checkpoint.load(run)
        total = torch.zeros(len(clips), N_LABELS)
        for model, config, share in teacher.voices:
            store = FeatureStore(kept, config.features, AugmentConfig(), 0)
            logits = _logits(model, [torch.from_numpy(store.clean[u.stem][0]) for u in clips])
            total += share * (logits / config.temperature).softmax(dim=1)
        if teacher.config.members:
            total = (total.log() / teacher.config.temperature).softmax(dim=1)
        answers = dict(zip((u.stem for u in clips), total, strict=True))
        if self.student.distill.cross_fitted:
            unheard = Predictions.load(run / UNHEARD_NAME, {u.stem: u for u in utterances})
            of_unheard = torch.from_numpy(unheard.probabilities).float()
            for stem, answer in zip(unheard.files, of_unheard, strict=True):
                if stem in answers:
                    answers[stem] = answer
        return answers

    def told(self, run: Path) -> dict:
        """What a student's config.json says of the weights in `run`: all that they have heard."""
        config = checkpoint.load(run).config
        training = config.training
        return {
            "recipe": self.recipe.name,
            "corpora": sorted({*training["corpora"], *heard_before(config, "corpora")}),
            "speakers": sorted({*training["train_speakers"], *heard_before(config, "speakers")}),
        }


def join_unheard(
    folders: Sequence[Path], config: CheckpointConfig, run: Path, clips: Sequence[Utterance]
) -> None:
    """Average what members answer of speakers left out, as `config` does; not if one has no answer.

    Reads and writes `UNHEARD_NAME`, in the members' `folders` and in `run`.
    """
    files = [folder / UNHEARD_NAME for folder in folders]
    if not all(file.exists() for file in files):
        return
    who = {u.stem: u for u in clips}
    members = [Predictions.load(file, who) for file in files]
    total = sum(s * p.probabilities for s, p in zip(config.shares, members, strict=True))
    scaled = torch.from_numpy(total / sum(config.shares)).log() / config.temperature
    replace(members[0], probabilities=scaled.softmax(dim=1).numpy()).save(run / UNHEARD_NAME)


@torch.inference_mode()
def _logits(model: nn.Module, clips: Sequence[torch.Tensor]) -> torch.Tensor:
    logits = torch.empty(len(clips), N_LABELS)
    for chosen in batches_by_length(clips, BATCH):
        logits[chosen] = model(*collate([clips[i] for i in chosen])).logits
    return logits
