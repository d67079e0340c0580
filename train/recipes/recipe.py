"""Everything that decides a run but the split and the seed, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ser.checkpoints.checkpoint import check_stretches
from ser.features import FeatureConfig
from ser.labels import LABELS
from train.checks import check_between, check_one_of, check_switches
from train.clips.augment import AugmentConfig
from train.clips.perturb import PerturbConfig
from train.clips.targets import TargetConfig

SCHEDULES = ("plateau", "cosine", "onecycle")  # of the learning rate; see train.fit.schedule


@dataclass(frozen=True)
class TrainConfig:
    """How a model is fitted; the defaults are the founding recipe's."""

    batch_size: int = 64
    optimizer: str = "adam"  # or adamw
    learning_rate: float = 1e-3  # the highest
    weight_decay: float = 1e-5
    max_gradient: float = 0.0  # norm at which gradients are clipped; 0: not
    bfloat16: bool = False  # the training step's matrix products, by autocast
    average_decay: float = 0.0  # of the moving average of the weights an update; 0: no average
    max_epochs: int = 100
    patience: int = 15  # epochs without a better one; 0: go to the end and keep the last
    select: str = "accuracy"  # what makes an epoch better, on validation clips; or ua, loss
    ridge: float = 0.0  # fit the linear head alone, at once, with this penalty; 0: by gradient
    by_corpus: bool = False  # a ridge that asks each corpus about its own emotions alone
    corpus_shares: dict[str, float] = field(default_factory=dict)  # of the measured one's weight
    clean_share: float = 0.0  # of the clips as they are, where there are augmented copies
    refit: bool = False  # fit again with the validation speakers, for as many epochs as were best
    schedule: str = "plateau"  # or cosine, onecycle
    warmup_epochs: float = 0.0  # not with plateau
    plateau_patience: int = 5  # epochs without a lower validation loss
    plateau_factor: float = 0.3
    min_learning_rate: float = 1e-6  # where plateau and cosine end
    class_weights: dict[str, float] = field(default_factory=dict)  # 1.0 where not named
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0
    length_step: int = 1  # of a batch in frames: fewer different lengths waste less memory
    sampling: dict[str, float] = field(default_factory=dict)  # share of a corpus's clips an epoch

    def __post_init__(self) -> None:
        check_one_of(
            self,
            optimizer=("adam", "adamw"),
            select=("accuracy", "ua", "loss"),
            schedule=SCHEDULES,
        )
        check_switches(self, "bfloat16", "by_corpus", "refit")
        check_between(
            self,
            batch_size=(1, 100_000),
            learning_rate=(0, 100),
            weight_decay=(0, 100),
            max_gradient=(0, 1e9),
            average_decay=(0, 1),
            max_epochs=(1, 1_000_000),
            patience=(0, 1_000_000),
            plateau_patience=(0, 1_000_000),
            plateau_factor=(0, 1),
            label_smoothing=(0, 1),
            focal_gamma=(0, 100),
            ridge=(0, 1e9),
            clean_share=(0, 1),
            length_step=(1, 100_000),
        )
        check_between(
            self,
            warmup_epochs=(0, self.max_epochs - 1),
            min_learning_rate=(0, self.learning_rate),
        )
        if self.warmup_epochs and self.schedule == "plateau":
            raise ValueError("warmup_epochs needs the schedule cosine or onecycle")
        if unknown := set(self.class_weights) - set(LABELS):
            raise ValueError(f"class weights for unknown emotions {sorted(unknown)}")
        if any(not isinstance(s, int | float) or s < 0 for s in self.sampling.values()):
            raise ValueError(f"sampling holds a share of 0 or more a corpus, not {self.sampling}")
        if any(not isinstance(s, int | float) or s <= 0 for s in self.corpus_shares.values()):
            raise ValueError(f"corpus_shares are above 0, not {self.corpus_shares}")
        if (self.corpus_shares or self.by_corpus) and not self.ridge:
            raise ValueError(
                "corpus_shares and by_corpus are for a ridge: others draw their clips by sampling"
            )


@dataclass(frozen=True)
class PretrainConfig:
    """Where the weights come from before training; by default from nowhere.

    `recipe`: fitted first, on corpora of its own, and its weights taken wherever name and shape
    fit. They stand still for `freeze_epochs`, but for the classifier's and for what a normalisation
    layer counts. `layer_decay`: how much slower each part of the model learns than the one after
    it. `encoder`: or else weights of OpenAI's for the model's encoder (`train.whisper_weights`).
    """

    recipe: str | None = None
    encoder: str | None = None
    freeze_epochs: int = 0
    layer_decay: float = 1.0

    def __post_init__(self) -> None:
        check_between(self, freeze_epochs=(0, 1_000_000), layer_decay=(1e-3, 1))
        if self.freeze_epochs and not self.recipe:
            raise ValueError("freeze_epochs needs a recipe whose weights stand still")
        if self.recipe and self.encoder:
            raise ValueError("weights come from a recipe or are an encoder's, not both")


@dataclass(frozen=True)
class DistillConfig:
    """Whose answers a student learns besides the labels; by default nobody's.

    `teacher`: a recipe, fitted first on the same split. `share`: of its answer in a clip's target;
    the rest is the label. `corpora`: those whose clips it answers; all of the student's when empty.
    `cross_fitted`: it answers for each clip that it learned as if it had not learned the clip's
    speaker (T. Dao et al., arXiv:2104.09732), for what it says of clips that it knows by heart is
    little more than their label.
    """

    teacher: str | None = None
    share: float = 0.5
    corpora: tuple[str, ...] = ()
    cross_fitted: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "corpora", tuple(self.corpora))
        check_switches(self, "cross_fitted")
        check_between(self, share=(0, 1))
        if (self.corpora or self.cross_fitted) and not self.teacher:
            raise ValueError("corpora and cross_fitted of a distillation need a teacher")


@dataclass(frozen=True)
class InferenceConfig:
    """How the fitted model is asked; by default once, with the clip as it is.

    `stretches`: see `CheckpointConfig`; the temperature is that of the clip as it is.
    """

    stretches: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "stretches", tuple(self.stretches))
        check_stretches(self.stretches)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run but the split and the seed.

    An ensemble has `members`, which are trained each by its own recipe, and their `shares`.
    """

    name: str
    description: str
    corpora: tuple[str, ...]
    model_name: str
    model_args: dict[str, Any]
    features: FeatureConfig
    augment: AugmentConfig
    perturb: PerturbConfig
    targets: TargetConfig
    train: TrainConfig
    pretrain: PretrainConfig
    distill: DistillConfig
    inference: InferenceConfig
    members: "tuple[Recipe, ...]" = ()
    shares: tuple[float, ...] = ()

    def on_corpora(self, corpora: Sequence[str]) -> "Recipe":
        """Return the same recipe trained on other corpora, under a name that says so.

        The members of an ensemble gain and lose the same corpora as it does. Raises ValueError
        where that leaves one of them nothing to learn from.
        """
        gained = [c for c in corpora if c not in self.corpora]
        return self._changed(gained, [c for c in self.corpora if c not in corpora])

    def _changed(self, gained: Sequence[str], lost: Sequence[str]) -> "Recipe":
        lost = [c for c in lost if c in self.corpora]
        gained = [c for c in gained if c not in self.corpora]
        corpora = tuple(c for c in self.corpora if c not in lost) + tuple(gained)
        if not corpora:
            raise ValueError(f"{self.name} learns from {', '.join(lost)} alone")
        return replace(
            self,
            name=self.name + "".join(f"+{c}" for c in gained) + "".join(f"-{c}" for c in lost),
            corpora=corpora,
            members=tuple(member._changed(gained, lost) for member in self.members),
        )


TABLES = {
    "features": FeatureConfig,
    "augment": AugmentConfig,
    "perturb": PerturbConfig,
    "targets": TargetConfig,
    "train": TrainConfig,
    "pretrain": PretrainConfig,
    "distill": DistillConfig,
    "inference": InferenceConfig,
}
