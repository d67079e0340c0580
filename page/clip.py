"""One clip: recorded or chosen, judged, its answer shown.

Layout and wiring only: `ser.pipeline` judges, `ser.plots` draws, `page.answer` finds the words.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gradio as gr

from page import drawn, words
from page.answer import answer, headline, named, no_answer
from page.details import of_attention, stages
from page.language import Say, in_each, speaking_to, told
from page.models import Model
from page.part import Part, chosen, origin
from page.sharing import CHOICES, Asked, question, sharing_panel
from page.source import PRIVATE, source, tell_failures
from page.voice import Voice, voice_panel
from ser import plots
from ser.feedback.queue import Feedback
from ser.labels import EMOTIONS, LABELS
from ser.prediction import Prediction
from ser.sound.errors import AudioError, CancelledError

EXAMPLES = Path(__file__).parent.parent / "examples"
MEGABYTES, SECONDS = 64, 600
TOO_LARGE = f"It has more than {MEGABYTES} MB: the part “Long” takes it."
ADVICE = "The part “Long” takes up to three hours and 400 MB."
LOG = logging.getLogger(__name__)


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn whatever goes wrong into a gr.Error that tells whoever sent the sound what to do."""
    try:
        yield
    except gr.Error:
        raise
    except FileNotFoundError as error:
        raise gr.Error(words.GONE, print_exception=False) from error
    except AudioError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except CancelledError as error:
        raise gr.Error(words.CANCELLED, print_exception=False) from error
    except ValueError as error:  # emotions that are none, or one alone
        raise gr.Error(str(error), print_exception=False) from error
    except Exception as error:
        LOG.exception("A recording could not be judged")
        raise gr.Error(words.BROKEN, print_exception=False) from error


@dataclass(frozen=True)
class _Said:
    """The answer that shows: of which sound, and in a few words."""

    path: str
    headline: str


def clip(
    offered: Sequence[Model], shared: Feedback | None, is_over: Callable[[], bool] | None = None
) -> gr.UploadButton:
    """Lay the part out inside the current Blocks; gives the component that takes its sounds."""
    sound, judged, said_before = gr.State(), gr.State(), gr.State()
    part = gr.State()  # Part, where the sound is one of another
    picked = gr.JSON(visible=False)  # by `browser/trim.js`
    trim = gr.Button("Trim", elem_id="clip-trim", visible="hidden")
    sent, cancel = source("clip", limits, MEGABYTES, SECONDS, advice=ADVICE)
    with gr.Column(elem_classes="answer-of-clip"):
        said = gr.HTML(elem_id="said", js_on_load=None)
        drawing = gr.HTML(elem_id="clip-time", js_on_load=None)
        form_place = gr.Column(elem_id="asked")
    with gr.Accordion(told("Who answers, and among which emotions"), open=False):
        which = gr.Radio(
            [(in_each(one.line), number) for number, one in enumerate(offered)],
            value=0,
            label=told("Which model answers"),
            elem_id="which",
        )
        only = gr.CheckboxGroup(
            [(in_each(partial(named, emotion)), emotion.name) for emotion in EMOTIONS],
            value=list(LABELS),
            label=told("Only these emotions"),
            elem_id="only",
        )
        voice, is_adapted = voice_panel(offered[0])
    with gr.Column(visible=False, elem_classes="answer-of-clip") as details:
        bars = gr.Plot(label=told("Probability of each expression"))
        moments = gr.Plot(label=told("When the model listened"))
        in_words = gr.HTML(js_on_load=None, elem_id="words")
        how = told("Step by step: what the model saw, and how long it took")
        with gr.Accordion(how, open=False):
            steps = gr.HTML(js_on_load=None)
            seen = gr.Plot(label=told("What the model saw"))

    def judge(
        path: str | None, number: int, emotions: Sequence[str] = LABELS, own: Voice | None = None
    ) -> Prediction:
        with in_a_sentence():
            if not path:
                raise AudioError(words.EMPTY)
            if Path(path).stat().st_size > MEGABYTES << 20:
                raise AudioError(TOO_LARGE)
            pipeline = offered[number].pipeline()
            if own is not None and number == 0:
                pipeline = own.adapted(pipeline)
            prediction = pipeline.predict(path, is_over)
            if prediction.emotion is None or len(emotions) == len(LABELS):
                return prediction
            return prediction.restricted(emotions)

    offer, form = lambda *_: {}, []
    if shared:
        with form_place:
            asked_form, heard = question(CHOICES)
        offer, form = sharing_panel(shared, judge, judged, asked_form, heard)

    def show(
        path: str | None,
        number: int,
        emotions: Sequence[str],
        before: Asked | None,
        showed: _Said | None,
        heard: Voice | None,
        adapts: bool,
        own: Part | None,
        choice: dict | None,
        request: gr.Request,
    ) -> Iterator[dict]:
        """Judge a sound; with a `choice`, what was chosen of it, or all of what it is a part of."""
        say, own, heard = speaking_to(request), origin(path, own), heard or Voice()
        try:
            if choice is not None:
                with in_a_sentence():
                    path, own = chosen(path, own, choice)
            plain = judge(path, number, emotions)
            is_adapted_now = adapts and number == 0 and bool(heard.clips)
            prediction = judge(path, number, emotions, heard) if is_adapted_now else plain
            with in_a_sentence():
                # A machine's voice is nothing to share; what is no voice has no expression.
                is_ours = Path(own.whole if own else path).is_relative_to(EXAMPLES)
                asked = None if is_ours or prediction.emotion is None else (path, number)
                earlier = ""
                if is_adapted_now:
                    answered = headline(plain, say)
                    earlier = say(
                        "Without your voice taken into account: {answer}", answer=answered
                    )
                elif is_other(showed, path):
                    earlier = say("The answer before: {answer}", answer=showed.headline)
                yield {
                    sound: path,
                    judged: asked,
                    **offer(before, asked),
                    said: answer(prediction, offered[number], "clip", earlier, say),
                    drawing: drawn.of_clip(prediction, "clip", say, own.start_s if own else None),
                    part: own,
                    said_before: _Said(path, headline(prediction, say)),
                    voice: heard if number else heard.heard(path, plain),
                    details: gr.Column(visible=prediction.emotion is not None),
                    in_words: of_attention(prediction, say),
                    steps: stages(prediction, say),
                }
                if prediction.emotion is not None:  # after the answer can be read
                    figures = {
                        bars: plots.probability_bars(prediction, say),
                        moments: plots.attention_over_waveform(prediction, say),
                        seen: plots.feature_heatmap(prediction, say),
                    }
                    for figure in figures.values():
                        figure.update_layout(separators=say.separators)
                    yield figures
        except gr.Error as error:
            yield {
                judged: None,
                **offer(before, None),
                said: no_answer(error.message, "clip", say),
                drawing: "",
                details: gr.Column(visible=False),
            }

    rest = [which, only, judged, said_before, voice, is_adapted, part, picked]
    options = {
        "outputs": [
            *(sound, judged, said, drawing, said_before, voice, details, in_words, steps),
            *(part, bars, moments, seen, *form),
        ],
        "trigger_mode": "always_last",
        "concurrency_id": "predict",
        **PRIVATE,
    }
    events = [sent.upload(show, [sent, *rest], **options)]
    again = [which.input, only.input, is_adapted.input]
    wait = "(...all) => { window.voice.again('clip', all[0]); return all; }"
    events.append(gr.on(again, show, [sound, *rest], js=wait, **options))
    pick = "(...all) => [...all.slice(0, -1), window.voice.picked.clip]"
    events.append(trim.click(show, [sound, *rest], js=pick, **options))
    gr.HTML(in_each(on_examples), js_on_load=None)
    with gr.Row(elem_classes="examples"):
        for path in sorted(EXAMPLES.glob("*.flac")):
            name = told(path.stem.replace("-", " "))
            button = gr.Button(name, size="sm", elem_id=f"example-{path.stem}")
            use = f"(...all) => {{ window.voice.use('clip', '{path.name}'); return all; }}"
            own = gr.State(str(path))
            events.append(button.click(show, [own, *rest], js=use, **options))
    tell_failures("clip", events)
    cancel.click(None, cancels=events)
    return sent


def is_other(showed: _Said | None, path: str) -> bool:
    """Whether the answer that showed is that of another sound."""
    return showed is not None and showed.path != path


def limits(say: Say) -> str:
    """What may be sent."""
    return say(
        "Up to {minutes} minutes and {megabytes} MB; sound files of any kind, and videos with a "
        "voice.",
        minutes=SECONDS // 60,
        megabytes=MEGABYTES,
    )


def on_examples(say: Say) -> str:
    """What stands above the examples."""
    text = say(
        "Synthetic voices, made by a machine (espeak-ng); they show how the page works, not what "
        "people sound like."
    )
    return f"<h2>{say('No microphone?')}</h2><p>{text}</p>"
