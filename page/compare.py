"""Two models on the same clip: paired bars, both attentions, and whether they agree."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr

from page import drawn
from page.answer import bars, headline, no_answer, ranked, reported
from page.clip import ADVICE, MEGABYTES, SECONDS, in_a_sentence
from page.figures import right_at_home, right_elsewhere
from page.language import ENGLISH, Say, in_each, speaking_to, told
from page.models import Model, named
from page.source import PRIVATE, source, tell_failures
from ser.prediction import Prediction
from ser.sound.audio import AudioError

HUB = "user/repo or user/repo@revision of the Hugging Face Hub may be typed, too."


def compare(
    offered: Sequence[Model], takes_hub: bool, is_over: Callable[[], bool] | None = None
) -> None:
    """Lay the part out inside the current Blocks; `takes_hub`: models of the Hub are loaded."""
    gr.HTML(in_each(lambda say: f"<h2>{say('Two models, one voice')}</h2>"), js_on_load=None)
    names = [(in_each(one.called), one.name) for one in offered]
    with gr.Row():
        choices = [
            gr.Dropdown(
                names,
                value=value,
                label=told(label),
                info=told(HUB) if takes_hub else None,
                allow_custom_value=takes_hub,
                elem_id=f"compare-{label.split()[0].lower()}",
            )
            for label, value in (("First model", names[0][1]), ("Second model", names[-1][1]))
        ]
    sent, cancel = source("compare", limits, MEGABYTES, SECONDS, advice=ADVICE)
    sound = gr.State()
    with gr.Column(elem_classes="answer-of-compare"):
        said = gr.HTML(elem_id="compare-said", js_on_load=None)
        picture = gr.HTML(elem_id="compare-time", js_on_load=None)

    def show(path: str | None, first: str, second: str, request: gr.Request) -> dict:
        say = speaking_to(request)
        try:
            with in_a_sentence():
                if path and Path(path).stat().st_size > MEGABYTES << 20:
                    raise AudioError(f"It has more than {MEGABYTES} MB.")
                pair = [named(name, offered, takes_hub) for name in (first, second)]
                answers = [one.pipeline().predict(path, is_over) for one in pair]
                return {
                    sound: path,
                    said: reported(beside(pair, answers, say), "compare"),
                    picture: drawn.of_pair(
                        answers, [one.called(say) for one in pair], "compare", say
                    ),
                }
        except gr.Error as error:
            return {sound: path, said: no_answer(error.message, "compare", say), picture: ""}

    def show_if_any(path: str | None, first: str, second: str, request: gr.Request) -> dict:
        """Nothing is judged before there is a sound."""
        return show(path, first, second, request) if path else {}

    options = {
        "outputs": [sound, said, picture],
        "trigger_mode": "always_last",
        "concurrency_id": "predict",
        **PRIVATE,
    }
    wait = "(...all) => { window.voice.again('compare', all[0]); return all; }"
    events = [sent.upload(show, [sent, *choices], **options)]
    for choice in choices:
        again = choice.input(lambda path: path, sound, sound, js=wait, queue=False, **PRIVATE)
        events.append(again.then(show_if_any, [sound, *choices], **options))
    tell_failures("compare", events)
    cancel.click(None, cancels=events)


def limits(say: Say) -> str:
    """What may be sent."""
    return say(
        "Up to {minutes} minutes and {megabytes} MB.", minutes=SECONDS // 60, megabytes=MEGABYTES
    )


def beside(pair: Sequence[Model], answers: Sequence[Prediction], say: Say = ENGLISH) -> str:
    """Whether the models agree, each one's figures, and their bars in pairs."""
    facts = "".join(_facts(one, answer, say) for one, answer in zip(pair, answers, strict=True))
    head, more = agreement(answers, say)
    more = f"<p>{html.escape(more)}</p>" if more else ""
    inside = f'<h2 class="answer" tabindex="-1">{html.escape(head)}</h2>{more}{facts}'
    if all(answer.emotion for answer in answers):
        first, second = (answer.probabilities for answer in answers)
        inside += bars(first, second, [one.called(say) for one in pair], say=say)
    return inside


def agreement(answers: Sequence[Prediction], say: Say = ENGLISH) -> tuple[str, str]:
    """Whether two answers are the same, in a sentence; and one more where there is more to say."""
    first, second = answers
    if first.emotion is None or second.emotion is None:
        if first.emotion is second.emotion:
            return say("Both hear no speech."), ""
        return say("They disagree: one of them hears no speech."), ""
    names = {"first": say(first.emotion.name), "second": say(second.emotion.name)}
    if first.emotion == second.emotion:
        return say("Both hear {first}.", **names), ""
    text = say("They disagree: {first} or {second}.", **names)
    if second.emotion in ranked(first) and first.emotion in ranked(second):
        return text, say("Each has the other's answer second.")
    return text, ""


def _facts(model: Model, answer: Prediction, say: Say) -> str:
    home, abroad = (f(model.told.metrics) for f in (right_at_home, right_elsewhere))
    known = []
    if home is not None:
        known.append(say("{share} right with unheard actors", share=say.percent(home)))
    if abroad is not None:
        known.append(say("{share} in other recordings", share=say.percent(abroad)))
    known = ", ".join(known) or say("not measured")
    ms = say("{ms:.0f} ms", ms=answer.timings_ms["total"])
    return (
        f"<p><strong>{html.escape(model.called(say))}</strong>: "
        f"{html.escape(headline(answer, say))} ({known}; {ms})</p>"
    )
