"""A recording as the timeline in the browser draws it: `<voice-timeline>` and its JSON."""

import html
import json
from collections.abc import Sequence

import numpy as np

from page.language import ENGLISH, Say
from ser.labels import EMOTIONS
from ser.prediction import Prediction

MAX_PEAKS = 800  # of a clip's waveform
MAX_ATTENTION = 300
PAIR = ("#8b5cf6", "#d55e00")  # of two curves; the second is dashed, too


def ink(color: str) -> str:
    """Black or white, whichever is read better on `color` (WCAG 2 contrast)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = np.dot(linear, (0.2126, 0.7152, 0.0722))
    return "#000" if (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) else "#fff"


PALETTE = [{"name": e.name, "color": e.color, "ink": ink(e.color)} for e in EMOTIONS]


def peaks(waveform: np.ndarray, n_most: int = MAX_PEAKS) -> list[list[int]]:
    """Lowest and highest of each stretch of samples (n,), in percent of the loudest."""
    edges = np.linspace(0, len(waveform), min(n_most, len(waveform)) + 1).astype(int)[:-1]
    lows, highs = np.minimum.reduceat(waveform, edges), np.maximum.reduceat(waveform, edges)
    return scaled(np.stack([lows, highs], axis=1))


def scaled(extremes: np.ndarray) -> list[list[int]]:
    """Extremes (n, 2) in percent of the largest."""
    most = max(float(np.abs(extremes).max(initial=0.0)), 1e-9)
    return np.round(100 * extremes / most).astype(int).tolist()


def attention(prediction: Prediction, n_most: int = MAX_ATTENTION) -> list[float]:
    """How much each of equal stretches of the recording counted, times the average; 0 in gaps."""
    n = int(min(n_most, max(1, round(prediction.duration_s / 0.02))))
    weights = prediction.attention * len(prediction.attention) / prediction.attention.sum()
    places = (prediction.attention_times_s / prediction.duration_s * n).astype(int).clip(0, n - 1)
    counts = np.bincount(places, minlength=n)
    sums = np.bincount(places, weights, minlength=n)
    return np.round(sums / np.maximum(counts, 1), 2).tolist()


def timeline(shown: dict, told: str, source: str) -> str:
    """The element that draws `shown`, plays the last sound of `source`, and tells `told`."""
    values = json.dumps({"emotions": PALETTE} | shown, separators=(",", ":"))
    return (
        f'<voice-timeline data-source="{source}" data-told="{html.escape(told)}" '
        f'data-shown="{html.escape(values)}"></voice-timeline>'
    )


def of_clip(
    prediction: Prediction, source: str, say: Say = ENGLISH, part_from_s: float | None = None
) -> str:
    """The whole clip: waveform, and attention as shade where there is an answer.

    Of a part of the source's sound, `part_from_s` is where it begins.
    """
    shown = {
        "duration_s": round(prediction.duration_s, 3),
        "peaks": peaks(prediction.waveform),
        "trims": True,
    }
    if part_from_s is not None:
        shown["part_from_s"] = round(part_from_s, 3)
    seconds = prediction.duration_s
    if prediction.emotion is None:
        return timeline(shown, say("Waveform of {seconds:.1f} seconds.", seconds=seconds), source)
    told = say(
        "Waveform of {seconds:.1f} seconds; the darker the shade, the more the model attended to "
        "that moment.",
        seconds=seconds,
    )
    return timeline(shown | {"attention": attention(prediction)}, told, source)


def of_pair(
    predictions: Sequence[Prediction], names: Sequence[str], source: str, say: Say = ENGLISH
) -> str:
    """One clip, and above its waveform how much each moment counted to each of two models."""
    first = predictions[0]
    lines = [
        {"color": color, "dash": dash, "values": attention(prediction, MAX_ATTENTION // 3)}
        for prediction, color, dash in zip(predictions, PAIR, ([], [6, 4]), strict=True)
    ]
    shown = {"duration_s": round(first.duration_s, 3), "peaks": peaks(first.waveform)}
    told = say(
        "How much each moment counted, in times the average (the thin line): {first} drawn "
        "through, {second} dashed. Below, the waveform.",
        first=names[0],
        second=names[1],
    )
    return f"<p>{html.escape(told)}</p>" + timeline(shown | {"lines": lines}, told, source)
