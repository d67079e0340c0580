"""What a prediction says, in words: English unless `tell` gives them in another language."""

from collections.abc import Callable

import numpy as np

from ser.labels import EMOTIONS
from ser.prediction import Prediction, certainty

SPAN_S = 0.5  # about two syllables: the stretch that is named as counting most
PRONOUNCED = 1.25  # a stretch counts as standing out above this many times its even share
FAIRLY_SURE, SURE = 0.5, 0.8  # probability of the best label, where nobody measured better

Tell = Callable[..., str]  # a sentence and the values that belong in it, as `str.format` takes them


def english(sentence: str, **values: object) -> str:
    """The sentence as it is."""
    return sentence.format(**values)


def percent(share: float, tell: Tell = english) -> str:
    """Write a share as people read it: `13 %`, and `under 1 %` rather than a false 0."""
    if 0 < share < 0.005:
        return tell("under {share}", share="1\u00a0%")
    return f"{100 * share:.0f}\u00a0%"


def answer_sentence(prediction: Prediction, tell: Tell = english) -> str:
    """Name the most probable expression, say how sure that is, and name the runner-up.

    Where no speech was heard, say that instead.
    """
    if prediction.reason:
        return prediction.reason
    ranked = np.argsort(-prediction.probabilities, kind="stable")
    (first, p), (second, q) = (
        (EMOTIONS[i], float(prediction.probabilities[i])) for i in ranked[:2]
    )
    said = prediction.certainty or certainty(p, FAIRLY_SURE, SURE)
    values = {
        "best": f"{first.emoji} {tell(first.name)}",
        "share": percent(p, tell),
        "other": f"{second.emoji} {tell(second.name)}",
        "less": percent(q, tell),
    }
    if said == "sure":
        return tell(
            "Perceived expression: {best}. The model is sure ({share}); next comes {other} "
            "({less}).",
            **values,
        )
    if said == "fairly sure":
        return tell(
            "Perceived expression: {best}. The model is fairly sure ({share}); next comes {other} "
            "({less}).",
            **values,
        )
    return tell(
        "Perceived expression: perhaps {best} ({share}). The model is unsure; next comes {other} "
        "({less}).",
        **values,
    )


def attention_sentence(prediction: Prediction, tell: Tell = english) -> str:
    """Say where in time the attention lies, as the plot shows it."""
    start_s, stop_s, share, times_average = strongest_span(prediction)
    if times_average < PRONOUNCED:
        return tell("The model listened to all parts of the speech about equally.")
    return tell(
        "The model listened most to the time from {start_s:.1f} to {stop_s:.1f} s: it got {share} "
        "of the attention, {times:.1f} times its even share.",
        start_s=start_s,
        stop_s=stop_s,
        share=percent(share, tell),
        times=times_average,
    )


def strongest_span(prediction: Prediction) -> tuple[float, float, float, float]:
    """Find the `SPAN_S` with most attention: start (s), stop (s), its share, times its even share.

    The even share is what it would get if every frame counted the same.
    """
    times_s, weights = prediction.attention_times_s, prediction.attention
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    ends = np.searchsorted(times_s, times_s + SPAN_S)
    shares = sums[ends] - sums[: len(times_s)]
    first = int(np.argmax(shares))
    share = float(shares[first] / sums[-1])
    start_s = float(times_s[first])
    stop_s = min(start_s + SPAN_S, prediction.duration_s)
    return start_s, stop_s, share, share * len(times_s) / int(ends[first] - first)
