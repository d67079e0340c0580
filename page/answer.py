"""An answer as HTML: what it is, how far to trust it, bars that a screen reader reads, too."""

import html
import itertools

import numpy as np

from page.figures import mistaken_for, right_at_home
from page.models import Model
from ser import plots
from ser.gate import NO_SPEECH
from ser.labels import EMOTIONS, Emotion
from ser.plots import percent
from ser.prediction import Prediction
from ser.sound.audio import peak_db

_numbers = itertools.count()  # so that the same answer again is a new one to the page


def answer(prediction: Prediction, model: Model, source: str, before: str = "") -> str:
    """All that is said at once; `before` tells of the answer that it stands beside."""
    if prediction.emotion is None:
        reason = prediction.reason.removeprefix(f"{NO_SPEECH}: ")
        reason = reason[:1].upper() + reason[1:]
        inside = f"{_headline(NO_SPEECH)}<p>{html.escape(reason)}</p>{_chips(prediction, model)}"
        return reported(inside + _warnings(prediction), source)
    inside = (
        _headline(headline(prediction))
        + f"<p>{html.escape(plots.answer_sentence(prediction))} "
        + f"{html.escape(_mistaken(prediction, model))}</p>"
        + (f'<p class="before">{html.escape(before)}</p>' if before else "")
        + _warnings(prediction)
        + bars(prediction.probabilities)
        + _chips(prediction, model)
    )
    return reported(inside, source)


def headline(prediction: Prediction) -> str:
    """The answer in a few words."""
    if prediction.emotion is None:
        return NO_SPEECH
    first, second = ranked(prediction)
    if said(prediction) == "unsure":
        return f"unsure: {first.emoji} {first.name} or {second.emoji} {second.name}"
    return f"{first.emoji} {first.name} {percent(prediction.probabilities.max())}"


def said(prediction: Prediction) -> str:
    """How sure the answer is, in words."""
    return prediction.certainty or plots.certainty(
        float(prediction.probabilities.max()), plots.FAIRLY_SURE, plots.SURE
    )


def ranked(prediction: Prediction) -> tuple[Emotion, Emotion]:
    """The most probable, and the next."""
    first, second = np.argsort(-prediction.probabilities, kind="stable")[:2]
    return EMOTIONS[first], EMOTIONS[second]


def no_answer(sentence: str, source: str) -> str:
    """Say why there is none."""
    text = f'<p class="answer wrong" tabindex="-1" role="alert">{html.escape(sentence)}</p>'
    return reported(text, source)


def bars(probabilities: np.ndarray, beside: np.ndarray | None = None, names=("", "")) -> str:
    """A table with a drawn bar for each emotion; with `beside`, a pair of bars and differences."""
    best = int(probabilities.argmax())
    rows = []
    for emotion, p in zip(EMOTIONS, probabilities, strict=True):
        cells = _bar(p, emotion.color)
        if beside is not None:
            q = float(beside[emotion.index])
            points = round(100 * q) - round(100 * p)
            cells += _bar(q, emotion.color) + f'<td class="points">{points:+d}</td>'
        mark = ' class="best"' if emotion.index == best else ""
        rows.append(
            f'<tr{mark}><th scope="row"><span aria-hidden="true">{emotion.emoji}</span> '
            f"{emotion.name}</th>{cells}</tr>"
        )
    head = ""
    if beside is not None:
        head = (
            f'<thead><tr><td></td><th scope="col">{html.escape(names[0])}</th>'
            f'<th scope="col">{html.escape(names[1])}</th>'
            '<th scope="col" title="percentage points">diff.</th></tr></thead>'
        )
    kind = "bars" if beside is None else "bars pair"
    return (
        f'<table class="{kind}"><caption>Probability of each expression</caption>'
        f"{head}<tbody>{''.join(rows)}</tbody></table>"
    )


def _bar(share: float, color: str) -> str:
    drawn = f'<span style="width:{100 * share:.1f}%;background:{color}"></span>'
    return (
        f'<td class="bar"><span class="rail" aria-hidden="true">{drawn}</span>'
        f'<span class="share">{percent(share)}</span></td>'
    )


def _headline(text: str) -> str:
    return f'<h2 class="answer" tabindex="-1">{html.escape(text)}</h2>'


def reported(inside: str, source: str) -> str:
    """An answer to `source`; the page learns that the answer is there when this element is."""
    return (
        f'<voice-answer data-source="{source}" data-number="{next(_numbers)}">{inside}'
        "</voice-answer>"
    )


def _mistaken(prediction: Prediction, model: Model) -> str:
    found = mistaken_for(model.told.metrics, prediction.emotion)
    if not found:
        return ""
    other, share = found
    return (
        f"Where this model said {prediction.emotion.name} of voices it did not know, "
        f"{percent(share)} were {other.name}, its most frequent mistake."
    )


def _chips(prediction: Prediction, model: Model) -> str:
    share = prediction.speech_share
    chips = [
        ("Length", f"{prediction.duration_s:.1f} s"),
        ("Speech", "not looked for" if share is None else percent(share)),
        ("Peak level", f"{peak_db(prediction.waveform):.0f} dB of full scale"),
        ("Model", model.name),
    ]
    if (right := right_at_home(model.told.metrics)) is not None:
        chips.append(("Right with unheard actors", percent(right)))
    if prediction.adaptation:
        n = prediction.adaptation["clips"]
        chips.append(("Adapted to", f"{n} clip{'s' * (n > 1)}"))
    inside = "".join(f"<div><dt>{name}</dt><dd>{html.escape(v)}</dd></div>" for name, v in chips)
    return f'<dl class="chips">{inside}</dl>'


def _warnings(prediction: Prediction) -> str:
    items = "".join(f"<li>{html.escape(text)}</li>" for text in prediction.warnings)
    return f'<ul class="warnings" aria-label="Warnings">{items}</ul>' if items else ""
