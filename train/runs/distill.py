"""What an ensemble answers to the clips that a student learns from (arXiv:1503.02531)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ser.checkpoints import checkpoint
from ser.labels import N_LABELS
from train.clips.augment import AugmentConfig
from train.clips.batches import judged_by_length
from train.clips.store import FeatureStore
from train.corpora import Utterance
from train.corpora.heard import heard_before
from train.recipes.load import load_recipe
from train.recipes.recipe import Recipe

UNHEARD_NAME = "unheard-predictions.npz"  # of a run's training clips, each speaker left out in turn


class Teacher:
    """The recipe whose fitted weights answer for the clips of a student's split."""

    def __init__(self, student: Recipe):
        self.student = student
        self.recipe = load_recipe(student.distill.teacher)

    def answers(
        self, run: Path, utterances: Sequence[Utterance], whole: Sequence[Utterance]
    ) -> Mapping[str, torch.Tensor]:
        """Of each clip that the weights in `run` are asked about, by stem: probabilities (8,).

        `whole` are the corpora that the clips are from, whose features are kept for other folds.
        When `cross_fitted`, clips that the teacher learned get the answer that it would give had it
        not learned their speaker. Raises ValueError where `run` holds no such answers.
        """
        asked = self.student.distill.corpora or self.student.corpora
        unheard = _load_unheard(run) if self.student.distill.cross_fitted else {}
        clips = [u for u in utterances if u.corpus in asked]
        kept = [u for u in whole if u.corpus in asked]
        others = [u for u in clips if u.stem not in unheard]
        teacher = checkpoint.load(run)
        parts = []
        for model, config, _ in teacher.members:
            store = FeatureStore(kept, config.features, AugmentConfig(), 0)
            features = [torch.from_numpy(store.clean[u.stem][0]) for u in others]
            parts.append((_logits(model, features) / config.temperature).softmax(dim=1))
        total = teacher.joined(parts)
        answers = dict(zip((u.stem for u in others), total, strict=True))
        return answers | {u.stem: unheard[u.stem] for u in clips if u.stem in unheard}

    def told(self, run: Path) -> dict:
        """What a student's config.json says of the weights in `run`: all that they have heard."""
        config = checkpoint.load(run).config
        training = config.training
        return {
            "recipe": self.recipe.name,
            "corpora": sorted({*training["corpora"], *heard_before(config, "corpora")}),
            "speakers": sorted({*training["train_speakers"], *heard_before(config, "speakers")}),
        }


def save_unheard(run: Path, clips: Sequence[Utterance], probabilities: torch.Tensor) -> None:
    """Keep what a model answers to each of its training clips with the speaker left out, (n, 8)."""
    stems = np.array([u.stem for u in clips])
    np.savez_compressed(run / UNHEARD_NAME, stems=stems, probabilities=probabilities.numpy())


def _load_unheard(run: Path) -> dict[str, torch.Tensor]:
    path = run / UNHEARD_NAME
    if not path.exists():
        raise ValueError(
            f"{run} holds no answers to speakers left out: delete it, and the runs of its members, "
            "to have them made anew."
        )
    with np.load(path) as saved:
        answers = torch.from_numpy(saved["probabilities"])
        return dict(zip(saved["stems"].tolist(), answers, strict=True))


def join_unheard(run: Path, clips: Sequence[Utterance], folders: Sequence[Path]) -> None:
    """Average, as the ensemble in `run` does, what its members answer to speakers left out.

    Nothing is kept where a member in `folders` has no such answer to one of the training `clips`.
    """
    if not all((folder / UNHEARD_NAME).exists() for folder in folders):
        return
    answers = [_load_unheard(folder) for folder in folders]
    if all(u.stem in of_member for of_member in answers for u in clips):
        parts = [torch.stack([of_member[u.stem] for u in clips]) for of_member in answers]
        save_unheard(run, clips, checkpoint.load(run).joined(parts))


@torch.inference_mode()
def _logits(model: nn.Module, clips: Sequence[torch.Tensor]) -> torch.Tensor:
    return judged_by_length(lambda *batch: model(*batch).logits, clips, N_LABELS)
