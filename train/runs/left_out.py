"""`leave-one-corpus-out`: each corpus is judged by weights that never heard it, all choices nested.

For a corpus left out, penalty, temperature, certainty and the weight of adaptation are chosen by
leaving one out among the other ones. What is shipped is chosen by leaving each of all out, and has
no figure of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize

from ser.labels import LABELS
from train.clips.store import FeatureStore
from train.corpora import Utterance
from train.corpora.splits import LEFT_OUT_IN_TURN
from train.fit import by_corpus, ridge
from train.fit.loop import to_learn
from train.fit.trainer import Trainer
from train.judge import metrics
from train.recipes.recipe import Recipe

STRENGTHS = (0.3, 1.0, 3.0)
CLIPS_BELIEVED_HALF = (1.0, 2.0, 3.0, 5.0, 10.0)  # k of n / (n + k)
SET_SIZES = (2, 5, 20)
ONE_SIDED = ("angry", "sad")
N_DRAWS = 5
HOME_FOLDS = 2
SURE = 0.8  # how often an answer at the bound of "sure" is right


@dataclass(frozen=True)
class LeftOutChoices:
    """What was chosen on corpora left out; `figures` are those of each, for the record."""

    strength: float
    temperature: float
    distance_slope: float
    certainty: tuple[float, float]
    adaptation_clips: float
    figures: dict[str, float]


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
        self, corpora: Sequence[str], home_fold: int | None = None
    ) -> dict[float, by_corpus.Head]:
        """Heads of each strength that learnt these corpora, their speakers of a fold aside."""
        key = (tuple(sorted(corpora)), home_fold)
        if key not in self._heads:
            chosen = np.isin(self._corpora, corpora)
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
    def residuals(self, head: by_corpus.Head, rows: np.ndarray) -> torch.Tensor:
        """What adaptation learns from, (n, n_statistics)."""
        return head.into(self.model).of_statistics(self._statistics[rows], 0.0)[2]


def choose(bank: Bank, judged: Sequence[str], learnable: Sequence[str]) -> LeftOutChoices:
    """Choose by leaving out each of `judged` in turn; `learnable` are learnt, that one aside."""
    others = {name: _apart(learnable, name) for name in judged}
    scored = {
        strength: [bank.scored(bank.heads(others[y])[strength], bank.rows(y)) for y in judged]
        for strength in STRENGTHS
    }
    accuracy = {s: float(np.mean([one.ua for one in scored[s]])) for s in STRENGTHS}
    strength = max(accuracy, key=accuracy.__getitem__)
    away = scored[strength]
    home = [
        bank.scored(bank.heads(learnable, fold)[strength], bank.rows(corpus, fold))
        for corpus in judged
        if corpus in learnable
        for fold in range(HOME_FOLDS)
    ]
    temperature, slope = calibrate(away + [one for one in home if len(one.labels)])
    gains = {
        k: np.mean(
            [adaptation_gain(bank, bank.heads(others[y])[strength], y, k) for y in judged], axis=0
        )
        for k in CLIPS_BELIEVED_HALF
    }
    k = max(gains, key=lambda k: float(gains[k].mean()))
    return LeftOutChoices(
        strength,
        temperature,
        slope,
        bounds(away, temperature, slope),
        k,
        {f"ua_strength_{s}": round(v, 4) for s, v in accuracy.items()}
        | {f"gain_k_{k}": round(float(v.mean()), 4) for k, v in gains.items()},
    )


def _apart(learnable: Sequence[str], left_out: str) -> list[str]:
    """What may be learnt where a corpus is left out: song is of the people of RAVDESS."""
    gone = {left_out, "ravdess-song"} if left_out == "ravdess" else {left_out}
    return [name for name in learnable if name not in gone]


def calibrate(sets: Sequence[Scored]) -> tuple[float, float]:
    """Temperature and slope of the smallest NLL, in which each set counts the same."""

    def loss(given: np.ndarray) -> float:
        slope = abs(given[1])
        answers = [metrics.nll(s.labels, s.probabilities(np.exp(given[0]), slope)) for s in sets]
        return float(np.mean(answers))

    found = minimize(loss, [0.0, 0.5], method="Nelder-Mead").x
    return round(float(np.exp(found[0])), 4), round(float(abs(found[1])), 4)


def bounds(sets: Sequence[Scored], temperature: float, slope: float) -> tuple[float, float]:
    """Confidences from which an answer is right more often than wrong, and four times in five.

    Each is where a corpus's answers above it are worth most, when a right one counts 1 and a wrong
    one as much as makes a coin of these odds worth nothing.
    """
    confidence, right, weight = (
        np.concatenate(column)
        for column in zip(
            *(
                (
                    p.max(axis=1),
                    p.argmax(axis=1) == s.labels,
                    np.full(len(s.labels), 1 / len(s.labels)),
                )
                for s in sets
                for p in [s.probabilities(temperature, slope)]
            ),
            strict=True,
        )
    )
    order = np.argsort(-confidence)
    found = []
    for odds in (0.5, SURE):
        worth = np.where(right, 1.0, -odds / (1 - odds)) * weight
        total = np.cumsum(worth[order])
        best = int(total.argmax())
        found.append(float(confidence[order][best]) if total[best] > 0 else 1.0)
    low, high = min(found), max(found)
    return round(low, 3), round(high, 3)


def adaptation_gain(bank: Bank, head: by_corpus.Head, corpus: str, k: float) -> np.ndarray:
    """Gain of UA by adaptation to drawn sets, on the other clips of a corpus, one for each kind.

    Kinds are mixed sets of each of `SET_SIZES`, and the largest of them of one emotion alone.
    """
    return np.array(
        [
            gain_of_sets(bank, head, corpus, k, size, emotion)
            for size, emotion in [
                *((n, None) for n in SET_SIZES),
                *((SET_SIZES[-1], e) for e in ONE_SIDED),
            ]
        ]
    )


def gain_of_sets(
    bank: Bank,
    head: by_corpus.Head,
    corpus: str,
    k: float,
    size: int,
    emotion: str | None = None,
    n_draws: int = N_DRAWS,
) -> float:
    """Mean gain of UA, among the corpus's emotions, over drawn sets of clips to adapt to."""
    rng = np.random.default_rng((size, LEFT_OUT_IN_TURN.index(corpus)))
    rows, gains = bank.rows(corpus), []
    labels = bank.labels(rows)
    plain = bank.scored(head, rows)
    among = (
        np.arange(len(rows)) if emotion is None else np.flatnonzero(labels == LABELS.index(emotion))
    )
    for _ in range(n_draws):
        drawn = rng.choice(among, min(size, len(among)), replace=False)
        rest = np.setdiff1d(np.arange(len(rows)), drawn)
        residual = bank.residuals(head, rows[drawn]).mean(dim=0)
        adapted = bank.scored(head, rows[rest], residual * len(drawn) / (len(drawn) + k))
        before = replace(
            plain, labels=labels[rest], logits=plain.logits[rest], distance=plain.distance[rest]
        )
        gains.append(adapted.ua - before.ua)
    return float(np.mean(gains))
