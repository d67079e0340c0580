"""How it works in three pictures, drawn of an example: the sound, what a model sees, the answer."""

from collections.abc import Callable

import numpy as np

from page.answer import bars
from page.drawn import peaks
from page.language import ENGLISH, Say
from ser.prediction import Prediction

WIDTH, HEIGHT = 320, 120
N_COLUMNS, N_ROWS = 64, 24


def pictures(prediction: Prediction, say: Say = ENGLISH) -> str:
    """The three, each with its sentence."""
    heard = say("1. The sound is read, brought to one form, and searched for speech.")
    seen = say(
        "2. A hundred times a second it is described by figures: how loud, how high, how bright. "
        "Each is a row of this picture, time runs to the right."
    )
    answered = say(
        "3. The model weighs the moments and gives each of eight expressions a probability. They "
        "add up to 100 %."
    )
    return (
        f'<div class="steps">{_figure(_waveform(prediction), heard)}'
        f"{_figure(_features(prediction), seen)}<figure>{bars(prediction.probabilities, say=say)}"
        f"<figcaption>{answered}</figcaption></figure></div>"
    )


def _figure(drawn: str, told: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" '
        f'preserveAspectRatio="none">{drawn}</svg><figcaption>{told}</figcaption></figure>'
    )


def _waveform(prediction: Prediction) -> str:
    strokes = peaks(prediction.waveform, WIDTH // 2)
    middle, scale = HEIGHT / 2, HEIGHT / 200
    path = "".join(
        f"M{2 * i + 1} {middle - scale * high:.0f}V{middle - scale * low + 1:.0f}"
        for i, (low, high) in enumerate(strokes)
    )
    return f'<path d="{path}" stroke="currentColor" stroke-width="1.4"/>'


def _features(prediction: Prediction) -> str:
    values = prediction.features
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-8)
    cells = _thinned(_thinned(values, N_COLUMNS, np.mean).T, N_ROWS, np.mean)
    width, height = WIDTH / cells.shape[1], HEIGHT / cells.shape[0]
    shares = ((cells.clip(-2, 2) + 2) / 4).round(2)
    return "".join(
        f'<rect x="{x * width:.1f}" y="{y * height:.1f}" width="{width + 0.3:.1f}" '
        f'height="{height + 0.3:.1f}" fill="#7c3aed" fill-opacity="{share}"/>'
        for (y, x), share in np.ndenumerate(shares)
    )


def _thinned(values: np.ndarray, n_most: int, together: Callable) -> np.ndarray:
    """Rows (n, k) put together in at most `n_most` groups of neighbours."""
    groups = np.array_split(values, min(n_most, len(values)))
    return np.stack([together(group, axis=0) for group in groups])
