"""What is chosen by leaving one corpus out: penalty, temperature, certainty, adaptation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from ser.checkpoints.checkpoint import CheckpointConfig
from ser.labels import LABELS
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, LEFT_OUT_IN_TURN
from train.corpora.visitors import FEEDBACK
from train.fit import by_corpus
from train.judge import metrics
from train.recipes.recipe import Recipe
from train.runs.bank import HOME_FOLDS, STRENGTHS, Bank, Scored

CHOICES_NAME = "choices.json"
SHIPPED_NAME = f"all-{CHOICES_NAME}"
RAVDESS_NAME = f"fold-1-seed-0/{CHOICES_NAME}"
CLIPS_BELIEVED_HALF = (1.0, 2.0, 5.0, 10.0, 20.0)  # k of n / (n + k)
SET_SIZES = (2, 5, 20)
ONE_SIDED = ("angry", "sad")
N_DRAWS = 40
MIXED_COST, ONE_SIDED_COST = 0.01, 0.03  # of UA, that a set may cost the clips after it
LARGEST_REST = 500  # clips that are judged after those of a set
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

    @classmethod
    def load(cls, path: Path) -> "LeftOutChoices":
        """Read what `save` wrote."""
        told = json.loads(path.read_text())
        return cls(**told | {"certainty": tuple(told["certainty"])})

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    def into(self, config: CheckpointConfig) -> CheckpointConfig:
        """A checkpoint's config with these in it; the penalty is in its weights."""
        return replace(
            config,
            temperature=self.temperature,
            distance_slope=self.distance_slope,
            certainty=self.certainty,
            adaptation_clips=self.adaptation_clips,
        )


def choices_for(recipe: Recipe, protocol: str, runs: Path) -> LeftOutChoices:
    """What weights of a protocol are calibrated with: what was chosen without whom it judges.

    Protocols that judge RAVDESS take what was chosen with RAVDESS left out, those that judge nobody
    what was chosen on all corpora. What visitors share changes none of it. ValueError where
    `leave-out` has not chosen it.
    """
    recipe_name = recipe.name.replace(f"+{FEEDBACK.name}", "")
    name = SHIPPED_NAME if protocol.startswith("ship-") else RAVDESS_NAME
    path = runs / recipe_name / LEAVE_ONE_CORPUS_OUT / name
    if not path.exists():
        raise ValueError(
            f"{recipe_name} is calibrated on corpora left out: run `python -m train leave-out "
            f"--recipe {recipe_name}` first."
        )
    return LeftOutChoices.load(path)


def choose(bank: Bank, judged: Sequence[str], learnable: Sequence[str]) -> LeftOutChoices:
    """Choose by leaving out each of `judged` in turn; `learnable` are learnt, that one aside."""
    others = {name: apart(learnable, name) for name in judged}
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
        k: np.array(
            [
                adaptation_gain(bank, bank.heads(others[y])[strength], (temperature, slope), y, k)
                for y in judged
            ]
        )
        for k in CLIPS_BELIEVED_HALF
    }
    k = careful(gains)
    return LeftOutChoices(
        strength,
        temperature,
        slope,
        bounds(away, temperature, slope),
        k,
        {f"ua_strength_{s}": round(v, 4) for s, v in accuracy.items()}
        | {f"gain_k_{k}": round(float(v.mean()), 4) for k, v in gains.items()},
    )


def apart(learnable: Sequence[str], left_out: str) -> list[str]:
    """What may be learnt where a corpus is left out: song is of the people of RAVDESS."""
    gone = {left_out, "ravdess-song"} if left_out == "ravdess" else {left_out}
    return [name for name in learnable if name not in gone]


def careful(gains: Mapping[float, np.ndarray]) -> float:
    """The k whose mixed sets gain most, among those that cost no corpus more than is allowed.

    `gains` holds for each k those of each corpus and kind of set, (n_corpora, n_kinds), as
    `adaptation_gain` gives them. Where every k costs too much, the one that does so least.
    """
    n_mixed = len(SET_SIZES)

    def excess(k: float) -> float:
        mixed, one_sided = gains[k][:, :n_mixed], gains[k][:, n_mixed:]
        return max(0.0, (-mixed - MIXED_COST).max(), (-one_sided - ONE_SIDED_COST).max())

    allowed = [k for k in gains if excess(k) == 0]
    if not allowed:
        return min(gains, key=excess)
    return max(allowed, key=lambda k: float(gains[k][:, :n_mixed].mean()))


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


def adaptation_gain(
    bank: Bank, head: by_corpus.Head, calibration: tuple[float, float], corpus: str, k: float
) -> np.ndarray:
    """Gain of UA by adaptation to drawn sets, on the other clips of a corpus, one for each kind.

    Kinds are mixed sets of each of `SET_SIZES`, and the largest of them of one emotion alone.
    """
    return np.array(
        [
            gain_of_sets(bank, head, calibration, corpus, k, size, emotion)
            for size, emotion in [
                *((n, None) for n in SET_SIZES),
                *((SET_SIZES[-1], e) for e in ONE_SIDED),
            ]
        ]
    )


def gain_of_sets(
    bank: Bank,
    head: by_corpus.Head,
    calibration: tuple[float, float],
    corpus: str,
    k: float,
    size: int,
    emotion: str | None = None,
    n_draws: int = N_DRAWS,
) -> float:
    """Mean gain of UA, among the corpus's emotions, over drawn sets of clips to adapt to."""
    rng = np.random.default_rng((size, LEFT_OUT_IN_TURN.index(corpus)))
    rows, gains = bank.rows(corpus), []
    heard, plain = bank.heard(head, rows, calibration), bank.scored(head, rows)
    among = np.arange(len(rows))
    if emotion is not None:
        among = among[plain.labels == LABELS.index(emotion)]
    for _ in range(n_draws):
        drawn = rng.choice(among, min(size, len(among)), replace=False)
        rest = rng.permutation(np.setdiff1d(np.arange(len(rows)), drawn))[:LARGEST_REST]
        if len(rest):
            adapted = bank.ua(head, rows[rest], heard.shift(drawn, k))
            gains.append(adapted - plain.only(rest).ua)
    return float(np.mean(gains)) if gains else 0.0
