"""An answer as HTML: what it is, how far to trust it, bars that a screen reader reads, too."""

import html
import itertools
from collections.abc import Sequence

import numpy as np

from page.figures import mistaken_for, right_at_home
from page.language import ENGLISH, Say
from page.models import Model
from ser.gate import NO_SPEECH
from ser.labels import EMOTIONS, Emotion
from ser.prediction import Prediction, certainty
from ser.sentences import FAIRLY_SURE, SURE, answer_sentence
from ser.sound.audio import peak_db

_numbers = itertools.count()  # so that the same answer again is a new one to the page


def answer(
    prediction: Prediction, model: Model, source: str, before: str = "", say: Say = ENGLISH
) -> str:
    """All that is said at once; `before` tells of the answer that it stands beside."""
    chips = _chips(prediction, model, say)
    if prediction.emotion is None:
        inside = f"{_headline(say.heard(NO_SPEECH))}<p>{_why(prediction, say)}</p>{chips}"
        return reported(inside + warnings(prediction.warnings, say), source)
    inside = (
        _headline(headline(prediction, say))
        + f"<p>{html.escape(answer_sentence(prediction, say))} "
        + f"{html.escape(_mistaken(prediction, model, say))}</p>"
        + (f'<p class="before">{html.escape(before)}</p>' if before else "")
        + warnings(prediction.warnings, say)
        + bars(prediction.probabilities, say=say)
        + chips
    )
    return reported(inside, source)


def _why(prediction: Prediction, say: Say) -> str:
    """Why there is no answer, without the headline's words."""
    head = f"{say.translated(NO_SPEECH)}: "
    reason = say.translated(prediction.reason) or prediction.reason
    reason = reason.removeprefix(head)
    return html.escape(reason[:1].upper() + reason[1:])


def headline(prediction: Prediction, say: Say = ENGLISH) -> str:
    """The answer in a few words."""
    if prediction.emotion is None:
        return say.translated(NO_SPEECH)
    first, second = ranked(prediction)
    if said(prediction) == "unsure":
        return say(
            "unsure: {first} or {second}", first=named(first, say), second=named(second, say)
        )
    return f"{named(first, say)} {say.percent(float(prediction.probabilities.max()))}"


def named(emotion: Emotion, say: Say = ENGLISH) -> str:
    """An emotion with its face."""
    return f"{emotion.emoji} {say(emotion.name)}"


def said(prediction: Prediction) -> str:
    """How sure the answer is, in words."""
    return prediction.certainty or certainty(
        float(prediction.probabilities.max()), FAIRLY_SURE, SURE
    )


def ranked(prediction: Prediction) -> tuple[Emotion, Emotion]:
    """The most probable, and the next."""
    first, second = np.argsort(-prediction.probabilities, kind="stable")[:2]
    return EMOTIONS[first], EMOTIONS[second]


def no_answer(sentence: str, source: str, say: Say = ENGLISH) -> str:
    """Say why there is none."""
    text = f'<p class="answer wrong" tabindex="-1" role="alert">{say.heard(sentence)}</p>'
    return reported(text, source)


def bars(
    probabilities: np.ndarray,
    beside: np.ndarray | None = None,
    names: Sequence[str] = ("", ""),
    caption: str = "",
    say: Say = ENGLISH,
) -> str:
    """A table with a drawn bar for each emotion; with `beside`, a pair of bars and differences.

    The caption is that of probabilities where none is given.
    """
    best = int(probabilities.argmax())
    rows = []
    for emotion, p in zip(EMOTIONS, probabilities, strict=True):
        cells = _bar(p, emotion.color, say)
        if beside is not None:
            q = float(beside[emotion.index])
            points = round(100 * q) - round(100 * p)
            cells += _bar(q, emotion.color, say) + f'<td class="points">{points:+d}</td>'
        mark = ' class="best"' if emotion.index == best else ""
        rows.append(
            f'<tr{mark}><th scope="row"><span aria-hidden="true">{emotion.emoji}</span> '
            f"{say(emotion.name)}</th>{cells}</tr>"
        )
    head = ""
    if beside is not None:
        head = (
            f'<thead><tr><td></td><th scope="col">{html.escape(names[0])}</th>'
            f'<th scope="col">{html.escape(names[1])}</th>'
            f'<th scope="col" title="{say("percentage points")}">{say("diff.")}</th></tr></thead>'
        )
    kind = "bars" if beside is None else "bars pair"
    caption = caption or say("Probability of each expression")
    return (
        f'<table class="{kind}"><caption>{caption}</caption>'
        f"{head}<tbody>{''.join(rows)}</tbody></table>"
    )


def _bar(share: float, color: str, say: Say) -> str:
    drawn = f'<span style="width:{100 * share:.1f}%;background:{color}"></span>'
    return (
        f'<td class="bar"><span class="rail" aria-hidden="true">{drawn}</span>'
        f'<span class="share">{say.percent(share)}</span></td>'
    )


def _headline(text: str) -> str:
    return f'<h2 class="answer" tabindex="-1">{html.escape(text)}</h2>'


def reported(inside: str, source: str) -> str:
    """An answer to `source`; the page learns that the answer is there when this element is."""
    return (
        f'<voice-answer data-source="{source}" data-number="{next(_numbers)}">{inside}'
        "</voice-answer>"
    )


def _mistaken(prediction: Prediction, model: Model, say: Say) -> str:
    found = mistaken_for(model.told.metrics, prediction.emotion)
    if not found:
        return ""
    other, share = found
    return say(
        "Where this model said {emotion} of voices it did not know, {share} were {other}, its most "
        "frequent mistake.",
        emotion=say(prediction.emotion.name),
        share=say.percent(share),
        other=say(other.name),
    )


def _chips(prediction: Prediction, model: Model, say: Say) -> str:
    share = prediction.speech_share
    level_db = peak_db(prediction.waveform)
    chips = [
        (say("Length"), say("{seconds:.1f} s", seconds=prediction.duration_s)),
        (say("Speech"), say("not looked for") if share is None else say.percent(share)),
        (say("Peak level"), say("{db:.0f} dB of full scale", db=level_db)),
        (say("Model"), model.called(say)),
    ]
    if (right := right_at_home(model.told.metrics)) is not None:
        chips.append((say("Right with unheard actors"), say.percent(right)))
    if prediction.adaptation:
        n = prediction.adaptation["clips"]
        chips.append((say("Adapted to"), say.many("{n} clip", "{n} clips", n)))
    inside = "".join(f"<div><dt>{name}</dt><dd>{html.escape(v)}</dd></div>" for name, v in chips)
    return f'<dl class="chips">{inside}</dl>'


def warnings(sentences: Sequence[str], say: Say = ENGLISH) -> str:
    """What limits an answer; nothing where nothing does."""
    items = "".join(f"<li>{say.heard(text)}</li>" for text in sentences)
    return f'<ul class="warnings" aria-label="{say("Warnings")}">{items}</ul>' if items else ""
