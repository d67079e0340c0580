"""The statistics of all clips of some corpora, from which any head follows in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from ser.adaptation import Setting
from ser.labels import LABELS
from train.clips.store import FeatureStore
from train.corpora import Utterance
from train.fit import by_corpus, ridge
from train.fit.loop import to_learn
from train.fit.trainer import Trainer
from train.judge import metrics
from train.recipes.recipe import Recipe

STRENGTHS = (0.3, 1.0, 3.0)
HOME_FOLDS = 2


@dataclass(frozen=True)
class Scored:
    """Answers to n clips before they are calibrated: `logits` (n, 8), `distance` (n,)."""

    labels: np.ndarray
    logits: np.ndarray
    distance: np.ndarray

    def probabilities(self, temperature: float, slope: float) -> np.ndarray:
        """(n, 8), as the pipeline gives them."""
        scaled = self.logits / (temperature * self.distance**slope)[:, None]
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def only(self, chosen: np.ndarray) -> "Scored":
        """Those of some clips."""
        return Scored(self.labels[chosen], self.logits[chosen], self.distance[chosen])

    @property
    def ua(self) -> float:
        """UA among the emotions that occur."""
        return metrics.ua(self.labels, metrics.restricted(self.labels, self.probabilities(1, 0)))


class Bank:
    """The statistics of all clips of some corpora, from which any head follows in seconds."""

    def __init__(self, recipe: Recipe, utterances: Sequence[Utterance], seed: int):
        if not (recipe.train.by_corpus and recipe.train.ridge):
            raise ValueError(f"{recipe.name} is not fitted by corpus in closed form.")
        self.recipe = recipe
        self.utterances = [u for u in utterances if u.emotion in LABELS]
        store = FeatureStore(self.utterances, recipe.features, recipe.augment, seed)
        self.model = Trainer(recipe, self.utterances, store, seed).learner.model.eval()
        clips, numbers, self._counts = to_learn(recipe, self.utterances, store)
        self._statistics = ridge.all_statistics(self.model, clips)
        self._numbers = np.array(numbers)
        self._corpora = np.array([self.utterances[n].corpus for n in numbers])
        self._speakers = np.array([self.utterances[n].speaker for n in numbers])
        labels = [LABELS.index(self.utterances[n].emotion) for n in numbers]
        self._labels = torch.tensor(labels)
        self._heads: dict[tuple, dict[float, by_corpus.Head]] = {}

    def heads(
        self,
        corpora: Sequence[str],
        home_fold: int | None = None,
        without: Sequence[str] = (),
    ) -> dict[float, by_corpus.Head]:
        """Heads of each strength that learnt these corpora.

        Their speakers of a fold stay aside, and those `without` whom they are to be.
        """
        key = (tuple(sorted(corpora)), home_fold, tuple(sorted(without)))
        if key not in self._heads:
            chosen = np.isin(self._corpora, corpora) & ~np.isin(self._speakers, list(without))
            if home_fold is not None:
                chosen &= self._folds() != home_fold
            rows = np.flatnonzero(chosen)
            n_plain = int((rows < len(self.utterances)).sum())
            clips = by_corpus.grouped(
                self._statistics[rows],
                self._labels[rows],
                self._counts[rows],
                self._corpora[rows],
                n_plain,
            )
            learnt = by_corpus.Learnt(clips, self.recipe.train.corpus_shares)
            self._heads[key] = {strength: learnt.head(strength) for strength in STRENGTHS}
        return self._heads[key]

    def rows(self, corpus: str, home_fold: int | None = None) -> np.ndarray:
        """Which plain clips are of a corpus, and where a fold is named of its speakers there."""
        chosen = self._corpora[: len(self.utterances)] == corpus
        if home_fold is not None:
            chosen &= self._folds()[: len(self.utterances)] == home_fold
        return np.flatnonzero(chosen)

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Class indices of clips."""
        return self._labels[rows].numpy()

    def speakers(self, rows: np.ndarray) -> np.ndarray:
        """Who speaks in clips."""
        return self._speakers[rows]

    def _folds(self) -> np.ndarray:
        """The home fold of each clip: the speakers of a corpus take turns."""
        fold_of = {}
        for corpus in set(self._corpora):
            names = sorted(set(self._speakers[self._corpora == corpus]))
            fold_of |= {name: n % HOME_FOLDS for n, name in enumerate(names)}
        return np.array([fold_of[name] for name in self._speakers])

    @torch.no_grad()
    def scored(self, head: by_corpus.Head, rows: np.ndarray, shift: float | torch.Tensor = 0.0):
        """What a head says of clips, `shift` (n_statistics,) taken from their statistics."""
        logits, _, _, distance = head.into(self.model).of_statistics(self._statistics[rows], shift)
        return Scored(self.labels(rows), logits.double().numpy(), distance.double().numpy())

    @torch.no_grad()
    def ua(self, head: by_corpus.Head, rows: np.ndarray, shift: float | torch.Tensor) -> float:
        """UA among the emotions that occur, the shift taken out."""
        logits, _ = head.into(self.model).head(self._statistics[rows] - shift)
        return Scored(self.labels(rows), logits.double().numpy(), np.ones(len(rows))).ua

    @torch.no_grad()
    def heard(
        self, head: by_corpus.Head, rows: np.ndarray, calibration: tuple[float, float]
    ) -> "HeardClips":
        """What a head says of clips, to learn from; `calibration` are temperature and slope."""
        found = head.into(self.model).of_statistics(self._statistics[rows], 0.0)
        logits, _, residuals, distance = found
        said = Scored(self.labels(rows), logits.double().numpy(), distance.double().numpy())
        return HeardClips(residuals.numpy(), said.probabilities(*calibration))


class HeardClips(NamedTuple):
    """`residuals` (n, n_statistics) and `answers` (n, 8), as `EmotionPipeline.adapted` takes them.

    Of clips that a head has heard.
    """

    residuals: np.ndarray
    answers: np.ndarray

    def shift(self, chosen: Sequence[int], k: float, is_calm: bool = False) -> torch.Tensor:
        """What the chosen clips teach, (n_statistics,)."""
        setting = Setting(is_calm)
        for n in chosen:
            setting.hear(self.residuals[n], self.answers[n])
        return torch.from_numpy(setting.learnt(k, "").shift)
