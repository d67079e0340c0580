"""Whether a model is as good for one sex as for the other, and for one speaker as for others."""

from collections.abc import Sequence

import numpy as np

from ser.labels import LABELS
from train.judge import metrics

SEX, SPEAKER = "sex", "speakers"
SEXES = {"f": "women", "m": "men"}
UA_GAP, RECALL_GAP, PRECISION_GAP = 0.075, 0.175, 0.075
FEWEST_ANSWERS = 10  # of an emotion to one sex, of which a precision says anything
FEWEST_SPEAKERS = 10  # of whom a tenth percentile says anything
LEAST_SHARE = 0.6  # of the mean accuracy, at the tenth percentile of the speakers
ONE_SEX = "the corpus has clips of one sex only"
FEW_SPEAKERS = f"fewer than {FEWEST_SPEAKERS} speakers"


def group_rows(
    labels: np.ndarray, answers: np.ndarray, sexes: np.ndarray, speakers: np.ndarray
) -> list[dict]:
    """The tests of sexes and speakers, a row each; all arrays (n,), `answers` as `metrics.chosen`.

    `value` is the largest gap to all clips, or the share of the mean accuracy; `worst` names the
    emotion or the speaker where it is found.
    """
    return [*_by_sex(labels, answers, sexes), _by_speaker(labels, answers, speakers)]


def _by_sex(labels: np.ndarray, answers: np.ndarray, sexes: np.ndarray) -> list[dict]:
    rows, all_clips = [], np.ones(len(labels), bool)
    both = set(SEXES) <= set(sexes)
    for sex, words in SEXES.items():
        of_sex = sexes == sex
        for what, bound, of in (
            ("UA", UA_GAP, _ua),
            ("recall of an emotion", RECALL_GAP, _recall),
            ("precision of an emotion", PRECISION_GAP, _precision),
        ):
            row = {"name": f"{what}, {words}", "family": SEX, "n_clips": int(of_sex.sum())}
            row["bounds"] = {"gap": bound}
            if not both:
                rows.append({**row, "passed": None, "reason": ONE_SEX})
                continue
            own, all_of_it = (of(labels[rows_], answers[rows_]) for rows_ in (of_sex, all_clips))
            gaps = {name: own[name] - all_of_it[name] for name in own if name in all_of_it}
            rows.append({**row, **_widest(gaps, bound)})
    return rows


def _widest(gaps: dict[str, float], bound: float) -> dict:
    if not gaps:
        reason = f"no emotion was answered {FEWEST_ANSWERS} times"
        return {"passed": None, "reason": reason}
    worst = max(gaps, key=lambda name: abs(gaps[name]))
    return {
        "value": round(gaps[worst], 5),
        "worst": worst,
        "passed": abs(gaps[worst]) <= bound,
    }


def _ua(labels: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    return {"": metrics.ua(labels, metrics.chosen(answers))}


def _recall(labels: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    return metrics.recalls(labels, metrics.chosen(answers))


def _precision(labels: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    times = np.bincount(answers, minlength=len(LABELS))
    return {
        LABELS[k]: float((labels[answers == k] == k).mean())
        for k in np.unique(labels)
        if times[k] >= FEWEST_ANSWERS
    }


def _by_speaker(labels: np.ndarray, answers: np.ndarray, speakers: np.ndarray) -> dict:
    names: Sequence[str] = [str(name) for name in np.unique(speakers)]
    row = {"name": "tenth percentile of accuracy", "family": SPEAKER, "n_clips": len(labels)}
    row["bounds"] = {"share": LEAST_SHARE}
    if len(names) < FEWEST_SPEAKERS:
        return {**row, "passed": None, "reason": FEW_SPEAKERS}
    right = answers == labels
    accuracy = {name: float(right[speakers == name].mean()) for name in names}
    values = np.array(list(accuracy.values()))
    share = float(np.percentile(values, 10) / max(values.mean(), 1e-12))
    worst = min(accuracy, key=lambda name: accuracy[name])
    return {
        **row,
        "value": round(share, 5),
        "worst": worst,
        "worst_accuracy": round(accuracy[worst], 5),
        "passed": share >= LEAST_SHARE,
    }
