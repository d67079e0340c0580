"""A model while it is fitted: one epoch after another."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ser.labels import N_LABELS
from ser.models import registry
from train.clips.batches import batches_by_length, collate, training_batches
from train.clips.store import FeatureStore
from train.clips.targets import Targets, TargetSpace
from train.corpora import Utterance
from train.fit.heads import ADVERSARIAL, Learner
from train.fit.losses import emotion_loss, smooth, task_loss
from train.fit.schedule import by_depth, rate_factor
from train.recipes.recipe import Recipe
from train.whisper_weights import load_encoder

EVALUATION_BATCH = 64
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Trainer:
    """A model while it is fitted to clips: all that changes from epoch to epoch.

    `pretrained` are weights to start from, by name; those that the model lacks are left out.
    `taught` are a teacher's answers (8,) to some of the clips, by stem.
    """

    def __init__(
        self,
        recipe: Recipe,
        utterances: Sequence[Utterance],
        store: FeatureStore,
        seed: int,
        pretrained: Mapping[str, torch.Tensor] | None = None,
        taught: Mapping[str, torch.Tensor] | None = None,
    ):
        torch.manual_seed(seed)
        self.recipe, self.config = recipe, recipe.train
        self.utterances, self.store, self.seed = utterances, store, seed
        self.space = TargetSpace(utterances, recipe.targets)
        self.targets = self.space.targets(utterances)
        if taught:
            unasked = torch.full((N_LABELS,), torch.nan)
            answers = torch.stack([taught.get(u.stem, unasked) for u in utterances])
            self.targets = self.targets.taught(answers, recipe.distill.share)
        self.weights = torch.tensor(
            [self.config.class_weights.get(name, 1.0) for name in self.space.classes]
        )
        model = registry.build(
            recipe.model_name, recipe.features.n_features, N_LABELS, **recipe.model_args
        )
        if recipe.pretrain.encoder:
            load_encoder(model.encoder, recipe.pretrain.encoder)
        self.frozen = []
        if pretrained:
            model.load_state_dict(model.state_dict() | pretrained)
            self.frozen = [
                parameter
                for name, parameter in model.named_parameters()
                if name in pretrained and parameter.requires_grad and "classify" not in name
            ]
        elif hasattr(model, "standardize"):
            model.standardize.fit([store.clean[u.stem][0] for u in utterances])
        self.learner = Learner(model, self.space)
        self.average = None
        if self.config.average_decay:
            decay = get_ema_multi_avg_fn(self.config.average_decay)
            self.average = AveragedModel(self.learner, multi_avg_fn=decay, use_buffers=True)
        self.optimizer = OPTIMIZERS[self.config.optimizer](
            by_depth(self.learner, model, recipe.pretrain.layer_decay),
            weight_decay=self.config.weight_decay,
        )
        self.rate = self.config.learning_rate
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer,
            patience=self.config.plateau_patience,
            factor=self.config.plateau_factor,
            min_lr=self.config.min_learning_rate,
        )

    @property
    def judged(self) -> Learner:
        """What is judged and kept: the moving average, where there is one."""
        return self.average.module if self.average else self.learner

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training clips; all that is random in it follows from seed and epoch.

        Returns the epoch's row of the history.
        """
        rng = np.random.default_rng((self.seed, epoch))
        torch.manual_seed(int(rng.integers(2**63)))
        self.learner.train()
        for parameter in self.frozen:
            parameter.requires_grad = epoch >= self.recipe.pretrain.freeze_epochs
        total_loss, n_right, n_clips = 0.0, 0, 0
        batches = training_batches(
            self.utterances,
            self.targets,
            self.store,
            self.config.batch_size,
            rng,
            self.recipe.perturb,
            self.config.sampling,
            self.config.length_step,
            self.config.clean_share,
        )
        for share, (features, mask, targets) in batches:
            self._set_rate(epoch + share)
            if n_clips == 0:
                row = {"epoch": epoch + 1, "learning_rate": self.rate}
            with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
                logits, tasks = self.learner(features, mask, targets)
            loss = self._loss(logits, tasks, targets)
            self._step(loss)
            total_loss += loss.item() * len(targets)
            n_right += int((logits.argmax(1) == targets.classes).sum())
            n_clips += len(targets)
        return row | {"loss": total_loss / n_clips, "accuracy": n_right / n_clips}

    def validate(self, utterances: Sequence[Utterance]) -> dict[str, float]:
        """Judge clips as they are; lowers the learning rate of a plateau."""
        logits, targets = predict(self.judged, utterances, self.space, self.store)
        right = logits.argmax(1) == targets.classes
        recalls = [right[targets.classes == k].float().mean() for k in targets.classes.unique()]
        row = {
            "validation_loss": emotion_loss(logits, targets.emotions, self.weights).item(),
            "validation_accuracy": right.float().mean().item(),
            "validation_ua": torch.stack(recalls).mean().item(),
        }
        if self.config.schedule == "plateau":
            self.plateau.step(row["validation_loss"])
        return row

    @property
    def rate(self) -> float:
        """The learning rate of now, of the layers that have the whole one."""
        group = self.optimizer.param_groups[0]
        return group["lr"] / group["scale"]

    @rate.setter
    def rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]

    def _set_rate(self, epochs: float) -> None:
        config = self.config
        if config.schedule != "plateau":
            lowest = config.min_learning_rate / config.learning_rate
            self.rate = config.learning_rate * rate_factor(
                config.schedule, epochs, config.max_epochs, config.warmup_epochs, lowest
            )

    def _loss(
        self, logits: torch.Tensor, tasks: Mapping[str, torch.Tensor], targets: Targets
    ) -> torch.Tensor:
        config = self.config
        emotions = smooth(targets, config.label_smoothing)
        loss = emotion_loss(logits, emotions, self.weights, config.focal_gamma)
        for name, answers in targets.tasks.items():
            weight = 1 if name.startswith(ADVERSARIAL) else self.recipe.targets.tasks[name]
            loss = loss + weight * task_loss(tasks[name], answers)
        return loss

    def _step(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        if self.config.max_gradient:
            nn.utils.clip_grad_norm_(self.learner.parameters(), self.config.max_gradient)
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.learner)

    def state_dict(self) -> dict:
        """What the next epoch needs."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from there."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict:
        parts = {"learner": self.learner, "optimizer": self.optimizer, "plateau": self.plateau}
        return parts | ({"average": self.average} if self.average else {})


@torch.inference_mode()
def predict(
    learner: Learner, utterances: Sequence[Utterance], space: TargetSpace, store: FeatureStore
) -> tuple[torch.Tensor, Targets]:
    """Logits (n, n_classes) and targets of clips as they are, without augmentation."""
    learner.eval()
    clips = [torch.from_numpy(store.clean[u.stem][0]) for u in utterances]
    targets = space.targets(utterances)
    logits = torch.empty_like(targets.emotions)
    for chosen in batches_by_length(clips, EVALUATION_BATCH):
        logits[chosen], _ = learner(*collate([clips[i] for i in chosen]), targets.only(chosen))
    return logits, targets
