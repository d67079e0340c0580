"""What recordings that visitors shared are worth: each visitor judged by a head that learnt others.

Nothing of it goes into `results/`: the recordings are private.
"""

import json
from pathlib import Path

import numpy as np

from ser.checkpoints.checkpoint import METRICS_NAME
from ser.labels import N_LABELS
from train.corpora import load_corpora
from train.corpora.visitors import FEEDBACK
from train.judge import left_out, metrics
from train.judge.evaluate import Predictions
from train.recipes.recipe import Recipe
from train.runs.bank import Bank
from train.runs.choices import choices_for

N_FOLDS = 5
FEWEST_VISITS = 2
PROTOCOL = "shared-by-visit"


def shared(recipe: Recipe, seed: int, runs: Path) -> dict:
    """Figures of the accepted recordings, without them and with those of other visits learnt.

    The closed-form head is fitted anew on the recipe's corpora, then on those and the recordings
    of the other folds of visits; penalty and temperature stay those of the shipped weights.
    Written into runs/RECIPE/shared-by-visit. Raises ValueError where fewer than two visits have a
    recording that may be learnt, and where `leave-out` has not chosen for the recipe.
    """
    choices = choices_for(recipe, "ship-24", runs)
    known = [name for name in recipe.corpora if name != FEEDBACK.name]
    ours = load_corpora([FEEDBACK.name])
    visits = sorted({u.speaker for u in ours})
    if len(visits) < FEWEST_VISITS:
        raise ValueError(
            f"Only {len(visits)} of the visits have an accepted recording: with two or more, each "
            "can be judged by what the others taught."
        )
    bank = Bank(recipe, [*load_corpora(known), *ours], seed)
    rows = bank.rows(FEEDBACK.name)
    before, after = np.zeros((2, len(rows), N_LABELS))
    fold_of = {visit: n % N_FOLDS for n, visit in enumerate(visits)}
    folds = np.array([fold_of[name] for name in bank.speakers(rows)])
    calibration = choices.temperature, choices.distance_slope
    for fold in np.unique(folds):
        held_out = [name for name in visits if fold_of[name] == fold]
        judged = rows[folds == fold]
        for answers, corpora in ((before, known), (after, [*known, FEEDBACK.name])):
            head = bank.heads(corpora, without=held_out)[choices.strength]
            answers[folds == fold] = bank.scored(head, judged).probabilities(*calibration)
    clips = [bank.utterances[n] for n in rows]
    views = [Predictions.of(clips, answers, 0, seed) for answers in (before, after)]
    gain = metrics.paired_gain(*((p.labels, p.probabilities, p.speakers) for p in views))
    found = {
        "protocol": PROTOCOL,
        "n_clips": len(rows),
        "n_visits": len(visits),
        "before": left_out.figures(views[0]),
        "after": left_out.figures(views[1]),
        "gain_ua": [round(value, 5) for value in gain],
    }
    path = runs / recipe.name / PROTOCOL / METRICS_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    return found
