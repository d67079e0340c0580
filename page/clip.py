"""One clip: recorded or chosen, judged, its answer shown.

Layout and wiring only: `ser.pipeline` judges, `ser.plots` draws, `page.answer` finds the words.
"""

import html
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from page import drawn, words
from page.answer import answer, headline, no_answer
from page.models import Model
from page.sharing import Asked, sharing_panel
from page.source import source
from page.voice import Voice, voice_panel
from ser import plots
from ser.feedback.queue import Feedback
from ser.labels import EMOTIONS, LABELS
from ser.prediction import Prediction
from ser.sound.audio import AudioError

EXAMPLES = Path(__file__).parent.parent / "examples"
MEGABYTES, SECONDS = 64, 600
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


def clip(offered: Sequence[Model], shared: Feedback | None) -> gr.UploadButton:
    """Lay the part out inside the current Blocks; gives the component that takes its sounds."""
    sound, judged, said_before = gr.State(), gr.State(), gr.State()
    limits = (
        f"Up to {SECONDS // 60} minutes and {MEGABYTES} MB; sound files of any kind, and videos "
        "with a voice."
    )
    sent, cancel = source("clip", limits, MEGABYTES, SECONDS)
    with gr.Column(elem_classes="answer-of-clip"):
        said = gr.HTML(elem_id="said", js_on_load=None)
        drawing = gr.HTML(elem_id="clip-time", js_on_load=None)
        form_place = gr.Column(elem_id="asked")
    with gr.Accordion("Who answers, and among which emotions", open=False):
        which = gr.Radio(
            [(one.line, number) for number, one in enumerate(offered)],
            value=0,
            label="Which model answers",
            elem_id="which",
        )
        only = gr.CheckboxGroup(
            [(f"{emotion.emoji} {emotion.name}", emotion.name) for emotion in EMOTIONS],
            value=list(LABELS),
            label="Only these emotions",
            elem_id="only",
        )
        voice, is_adapted = voice_panel(offered[0])
    with gr.Column(visible=False, elem_classes="answer-of-clip") as details:
        bars = gr.Plot(label="Probability of each expression")
        moments = gr.Plot(label="When the model listened")
        told = gr.HTML(js_on_load=None, elem_id="words")
        with gr.Accordion("Step by step: what the model saw, and how long it took", open=False):
            steps = gr.HTML(js_on_load=None)
            seen = gr.Plot(label="What the model saw")

    def judge(
        path: str | None, number: int, emotions: Sequence[str] = LABELS, own: Voice | None = None
    ) -> Prediction:
        with in_a_sentence():
            if not path:
                raise AudioError(words.EMPTY)
            if Path(path).stat().st_size > MEGABYTES << 20:
                raise AudioError(f"It has more than {MEGABYTES} MB: the part “Long” takes it.")
            pipeline = offered[number].pipeline()
            if own is not None and number == 0:
                pipeline = own.adapted(pipeline)
            prediction = pipeline.predict(path)
            if prediction.emotion is None or len(emotions) == len(LABELS):
                return prediction
            return prediction.restricted(emotions)

    offer, form = (
        sharing_panel(shared, judge, sound, judged, form_place) if shared else (lambda *_: {}, [])
    )

    def show(
        path: str | None,
        number: int,
        emotions: Sequence[str],
        before: Asked | None,
        showed: _Said | None,
        heard: Voice | None,
        adapts: bool,
    ) -> Iterator[dict]:
        try:
            heard = heard or Voice()
            plain = judge(path, number, emotions)
            is_adapted_now = adapts and number == 0 and bool(heard.clips)
            prediction = judge(path, number, emotions, heard) if is_adapted_now else plain
            with in_a_sentence():
                # A machine's voice is nothing to share; what is no voice has no expression.
                is_ours = Path(path).is_relative_to(EXAMPLES)
                asked = None if is_ours or prediction.emotion is None else (path, number)
                earlier = f"The answer before: {showed.headline}" if is_other(showed, path) else ""
                if is_adapted_now:
                    earlier = f"Without your voice taken into account: {headline(plain)}"
                yield {
                    sound: path,
                    judged: asked,
                    **offer(before, asked),
                    said: answer(prediction, offered[number], "clip", earlier),
                    drawing: drawn.of_clip(prediction, "clip"),
                    said_before: _Said(path, headline(prediction)),
                    voice: heard if number else heard.heard(path, plain),
                    details: gr.Column(visible=prediction.emotion is not None),
                    told: in_words(prediction),
                    steps: stages(prediction),
                }
                if prediction.emotion is not None:  # after the answer can be read
                    yield {
                        bars: plots.probability_bars(prediction),
                        moments: plots.attention_over_waveform(prediction),
                        seen: plots.feature_heatmap(prediction),
                    }
        except gr.Error as error:
            yield {
                judged: None,
                **offer(before, None),
                said: no_answer(error.message, "clip"),
                drawing: "",
                details: gr.Column(visible=False),
            }

    rest = [which, only, judged, said_before, voice, is_adapted]
    options = {
        "outputs": [
            *(sound, judged, said, drawing, said_before, voice, details, told, steps),
            *(bars, moments, seen, *form),
        ],
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "concurrency_id": "predict",
        "api_visibility": "private",
    }
    events = [sent.upload(show, [sent, *rest], **options)]
    again = [which.input, only.input, is_adapted.input]
    wait = "(...all) => { window.voice.again('clip', all[0]); return all; }"
    events.append(gr.on(again, show, [sound, *rest], js=wait, **options))
    gr.HTML(
        "<h2>No microphone?</h2><p>Synthetic voices, made by a machine (espeak-ng); they show how "
        "the page works, not what people sound like.</p>",
        js_on_load=None,
    )
    with gr.Row(elem_classes="examples"):
        for path in sorted(EXAMPLES.glob("*.flac")):
            button = gr.Button(
                path.stem.replace("-", " "), size="sm", elem_id=f"example-{path.stem}"
            )
            use = f"(...all) => {{ window.voice.use('clip', '{path.name}'); return all; }}"
            own = gr.State(str(path))
            events.append(button.click(show, [own, *rest], js=use, **options))
    for event in events:
        event.failure(None, js="() => window.voice.failed('clip')")
    cancel.click(None, cancels=events)
    return sent


def is_other(showed: _Said | None, path: str) -> bool:
    """Whether the answer that showed is that of another sound."""
    return showed is not None and showed.path != path


def in_words(prediction: Prediction) -> str:
    """What the plots show, for people who cannot see them."""
    return (
        f"<p>{html.escape(plots.attention_sentence(prediction))} The curve shows how much each "
        "moment counted, in times the average: at 1 it counted as much as all others.</p>"
    )


def stages(prediction: Prediction) -> str:
    """How long each step took, and what the rows of the picture below are."""
    names = {
        "audio": "Read the sound",
        "speech": "Find the speech",
        "features": "Compute what the model sees",
        "model": "Ask the model",
    }
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{prediction.timings_ms[stage]:.1f} ms</td></tr>'
        for stage, name in names.items()
        if stage in prediction.timings_ms
    )
    n_frames, n_features = prediction.features.shape
    return (
        f'<table class="plain"><caption>Time for each step</caption><tbody>{rows}</tbody></table>'
        f"<p>Below: {n_features} figures for each of {n_frames} moments, one row each from top to "
        f"bottom, {html.escape(meaning(prediction.feature_names))} Bright is above that row's "
        "average, dark below, in standard deviations.</p>"
    )


def meaning(names: Sequence[str]) -> str:
    """What a model's features are, told from their names."""
    if any("delta" in name for name in names):
        return (
            "13 MFCCs (the shape of the spectrum, coarse to fine), then how fast each of them "
            "changes (delta), then how fast that changes (delta-delta)."
        )
    if any("mel" in name for name in names):
        return "loudness in bands of frequency, low to high (log-mel)."
    return (
        "loudness in bands of frequency as it changes (rasta), pitch, voicing, and the strength "
        "of harmonics (h) and formants (a) against each other; the names are at the left."
    )
