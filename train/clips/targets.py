"""What training asks about clips: emotions as shares, who speaks, and which answers there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ser.labels import LABELS
from train.checks import check_between, check_switches
from train.corpora import AUXILIARY, Utterance
from train.corpora.splits import MEASURED

AGE_GROUPS = ((0, "under 30"), (30, "30 to 49"), (50, "50 and over"))  # from that age
STRONG = {"strong", "high"}


def _age_group(utterance: Utterance) -> str | None:
    if utterance.age is None:
        return None
    return [name for start, name in AGE_GROUPS if utterance.age >= start][-1]


def _intensity(utterance: Utterance) -> str | None:
    if utterance.intensity is None:
        return None
    return "strong" if utterance.intensity in STRONG else "ordinary"


# What else may be asked about a clip; None where the corpus does not say.
TASKS: dict[str, Callable[[Utterance], str | None]] = {
    "speaker": lambda u: u.speaker,
    "adversarial_speaker": lambda u: u.speaker,
    "sex": lambda u: None if u.sex == "unknown" else u.sex,
    "age": _age_group,
    "intensity": _intensity,
}


@dataclass(frozen=True)
class TargetConfig:
    """What is learnt about a clip beyond its one label out of eight; by default nothing.

    `mask_by_corpus`: a clip's softmax runs over the emotions that its corpus has. `corpus_heads`:
    every corpus but the measured one has a linear layer of its own instead of the shipped one.
    `votes`: the share of the listeners' votes in a clip's target, where there are any; the rest is
    what the actor intended. `tasks`: a weight in the loss for each of `TASKS` that is learnt
    besides; the adversarial one is the strength with which its gradient is reversed.
    """

    mask_by_corpus: bool = False
    corpus_heads: bool = False
    votes: float = 0.0
    tasks: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_switches(self, "mask_by_corpus", "corpus_heads")
        check_between(self, votes=(0, 1))
        if unknown := set(self.tasks) - set(TASKS):
            raise ValueError(f"unknown tasks {sorted(unknown)}: choose from {sorted(TASKS)}")
        if any(not isinstance(w, int | float) or w <= 0 for w in self.tasks.values()):
            raise ValueError(f"tasks holds a weight above 0 each, not {self.tasks}")


@dataclass(frozen=True)
class Targets:
    """The answers for n clips, as shares.

    `emotions` (n, n_classes) add up to 1; `allowed` (n, n_classes) is True for the classes to
    choose from; `corpora` (n,) are indices. `tasks`: name -> (n, n_values), zeros where the answer
    is not known.
    """

    emotions: torch.Tensor
    allowed: torch.Tensor
    corpora: np.ndarray
    tasks: dict[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.emotions)

    @property
    def classes(self) -> torch.Tensor:
        """The likeliest class of each clip (n,)."""
        return self.emotions.argmax(1)

    def only(self, chosen: Sequence[int]) -> "Targets":
        """The answers for these clips, in this order."""
        tasks = {name: values[chosen] for name, values in self.tasks.items()}
        return Targets(self.emotions[chosen], self.allowed[chosen], self.corpora[chosen], tasks)

    def mixed(self, partners: np.ndarray, shares: torch.Tensor) -> "Targets":
        """`shares` (n,) of each clip's answers and the rest of its partner's, of one corpus."""

        def mix(values: torch.Tensor) -> torch.Tensor:
            return torch.lerp(values[partners], values, shares.unsqueeze(1))

        tasks = {name: mix(values) for name, values in self.tasks.items()}
        return replace(self, emotions=mix(self.emotions), tasks=tasks)

    def taught(self, answers: torch.Tensor, share: float) -> "Targets":
        """`share` of a teacher's `answers` (n, 8) in each clip's emotions, the rest as it is.

        A teacher chooses among the classes that are allowed. Rows of NaN are clips that it did not
        answer, which stay as they are, like those of a class that is none of the eight.
        """
        among = torch.zeros_like(self.emotions)
        among[:, : len(LABELS)] = answers.nan_to_num()
        among = among * self.allowed
        total = among.sum(1, keepdim=True)
        heard = (total > 0) & (self.classes < len(LABELS)).unsqueeze(1)
        mixed = torch.lerp(self.emotions, among / total, share)
        return replace(self, emotions=torch.where(heard, mixed, self.emotions))


class TargetSpace:
    """Which answers there are to learn; follows from the training clips.

    `classes` are the eight labels, then those of `AUXILIARY` that occur; `corpora` have the
    measured one first.
    """

    def __init__(self, utterances: Sequence[Utterance], config: TargetConfig):
        self.config = config
        occurring = {u.emotion for u in utterances}
        self.classes = (*LABELS, *(name for name in AUXILIARY if name in occurring))
        self.corpora = (MEASURED, *sorted({u.corpus for u in utterances} - {MEASURED}))
        self.values = {
            name: tuple(sorted({answer(u) for u in utterances} - {None}))
            for name, answer in TASKS.items()
            if name in config.tasks
        }
        self._allowed = torch.ones(len(self.corpora), len(self.classes), dtype=torch.bool)
        if config.mask_by_corpus:
            emotions, corpora = self._emotions(utterances), self._corpora(utterances)
            for number in np.unique(corpora):
                self._allowed[number] = (emotions[corpora == number] > 0).any(0)

    def targets(self, utterances: Sequence[Utterance]) -> Targets:
        """The answers for these clips, which may be others than those that made the space."""
        corpora = self._corpora(utterances)
        tasks = {
            name: torch.stack([_one_hot(TASKS[name](u), values) for u in utterances])
            for name, values in self.values.items()
        }
        return Targets(self._emotions(utterances), self._allowed[corpora], corpora, tasks)

    def _emotions(self, utterances: Sequence[Utterance]) -> torch.Tensor:
        """Shares (n, n_classes): the intended emotion, and the votes where there are any."""
        emotions = torch.stack([_one_hot(u.emotion, self.classes) for u in utterances])
        for number, utterance in enumerate(utterances):
            if self.config.votes and utterance.votes is not None:
                votes = torch.zeros(len(self.classes))
                votes[: len(LABELS)] = torch.tensor(utterance.votes)
                emotions[number] = torch.lerp(emotions[number], votes, self.config.votes)
        return emotions

    def _corpora(self, utterances: Sequence[Utterance]) -> np.ndarray:
        return np.array([self.corpora.index(u.corpus) for u in utterances])


def _one_hot(value: str | None, values: Sequence[str]) -> torch.Tensor:
    """1 at the value's place, (n_values,); zeros where it has none."""
    return torch.tensor([float(value == other) for other in values])
