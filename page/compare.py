"""Two models on the same clip: paired bars, both attentions, and whether they agree."""

import html
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from page import drawn
from page.answer import bars, headline, no_answer, ranked, reported
from page.clip import MEGABYTES, SECONDS, in_a_sentence
from page.figures import right_at_home, right_elsewhere
from page.models import Model, named
from page.source import source
from ser.plots import percent
from ser.prediction import Prediction
from ser.sound.audio import AudioError

HUB = "user/repo or user/repo@revision of the Hugging Face Hub may be typed, too."


def compare(offered: Sequence[Model], takes_hub: bool) -> None:
    """Lay the part out inside the current Blocks; `takes_hub`: models of the Hub are loaded."""
    gr.HTML("<h2>Two models, one voice</h2>", js_on_load=None)
    names = [one.name for one in offered]
    with gr.Row():
        choices = [
            gr.Dropdown(
                names,
                value=value,
                label=label,
                info=HUB if takes_hub else None,
                allow_custom_value=takes_hub,
                elem_id=f"compare-{label.split()[0].lower()}",
            )
            for label, value in (("First model", names[0]), ("Second model", names[-1]))
        ]
    limits = f"Up to {SECONDS // 60} minutes and {MEGABYTES} MB."
    sent, cancel = source("compare", limits, MEGABYTES, SECONDS)
    sound = gr.State()
    with gr.Column(elem_classes="answer-of-compare"):
        said = gr.HTML(elem_id="compare-said", js_on_load=None)
        picture = gr.HTML(elem_id="compare-time", js_on_load=None)

    def show(path: str | None, *chosen: str) -> dict:
        try:
            with in_a_sentence():
                if path and Path(path).stat().st_size > MEGABYTES << 20:
                    raise AudioError(f"It has more than {MEGABYTES} MB.")
                pair = [named(name, offered, takes_hub) for name in chosen]
                answers = [one.pipeline().predict(path) for one in pair]
                return {
                    sound: path,
                    said: reported(beside(pair, answers), "compare"),
                    picture: drawn.of_pair(answers, [one.name for one in pair], "compare"),
                }
        except gr.Error as error:
            return {sound: path, said: no_answer(error.message, "compare"), picture: ""}

    options = {
        "outputs": [sound, said, picture],
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "concurrency_id": "predict",
        "api_visibility": "private",
    }
    wait = "(...all) => { window.voice.again('compare', all[0]); return all; }"
    events = [sent.upload(show, [sent, *choices], **options)]
    for choice in choices:
        again = choice.input(lambda path: path, sound, sound, js=wait, queue=False, **_PRIVATE)
        events.append(again.then(_if_any(show), [sound, *choices], **options))
    for event in events:
        event.failure(None, js="() => window.voice.failed('compare')")
    cancel.click(None, cancels=events)


_PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}


def _if_any(show):
    """Nothing is judged before there is a sound."""
    return lambda path, *chosen: show(path, *chosen) if path else (gr.skip(),) * 3


def beside(pair: Sequence[Model], answers: Sequence[Prediction]) -> str:
    """Whether the models agree, each one's figures, and their bars in pairs."""
    facts = "".join(_facts(one, answer) for one, answer in zip(pair, answers, strict=True))
    said, _, more = agreement(answers).partition(". ")
    more = f"<p>{html.escape(more)}</p>" if more else ""
    inside = f'<h2 class="answer" tabindex="-1">{html.escape(said)}</h2>{more}{facts}'
    if all(answer.emotion for answer in answers):
        first, second = (answer.probabilities for answer in answers)
        inside += bars(first, second, [one.name for one in pair])
    return inside


def agreement(answers: Sequence[Prediction]) -> str:
    """Whether two answers are the same, in a sentence."""
    first, second = answers
    if first.emotion is None or second.emotion is None:
        if first.emotion is second.emotion:
            return "Both hear no speech."
        return "They disagree: one of them hears no speech."
    if first.emotion == second.emotion:
        return f"Both hear {first.emotion.name}."
    text = f"They disagree: {first.emotion.name} or {second.emotion.name}."
    if second.emotion in ranked(first) and first.emotion in ranked(second):
        text += " Each has the other's answer second."
    return text


def _facts(model: Model, answer: Prediction) -> str:
    home, abroad = (f(model.told.metrics) for f in (right_at_home, right_elsewhere))
    known = [f"{percent(home)} right with unheard actors"] if home is not None else []
    known += [f"{percent(abroad)} in other recordings"] if abroad is not None else []
    known = ", ".join(known) or "not measured"
    ms = answer.timings_ms["total"]
    return (
        f"<p><strong>{html.escape(model.name)}</strong>: {html.escape(headline(answer))} "
        f"({known}; {ms:.0f} ms)</p>"
    )
