"""One clip: recorded or chosen, judged, its answer shown.

Layout and wiring only: `ser.pipeline` judges, `ser.plots` draws, `page.words` finds the words.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from page import words
from page.limits import DELETE_AGE_S, SWEEP_EVERY_S
from page.models import models
from page.sharing import Asked, sharing_panel
from ser import plots
from ser.feedback.queue import Feedback
from ser.pipeline import EmotionPipeline
from ser.prediction import Prediction
from ser.sound.audio import AudioError

EXAMPLES = Path(__file__).parent.parent / "examples"
LOG = logging.getLogger(__name__)


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn whatever goes wrong into a gr.Error that tells whoever sent the sound what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise gr.Error(words.GONE, print_exception=False) from error
    except AudioError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except Exception as error:
        LOG.exception("A recording could not be judged")
        raise gr.Error(words.BROKEN, print_exception=False) from error


def build(
    pipeline: EmotionPipeline,
    instead: str | None = None,
    shared: Feedback | None = None,
) -> gr.Blocks:
    """Lay out the page, wire it to the models and to the queue of shared recordings, if any.

    `pipeline` answers unless one of the models beside it is chosen.
    """
    gr.set_static_paths([EXAMPLES])  # served from where they lie, neither copied nor deleted
    examples = sorted(EXAMPLES.glob("*.flac"))
    offered = models(pipeline)
    with gr.Blocks(
        title="How does a voice sound?",
        analytics_enabled=False,
        delete_cache=(max(1, int(SWEEP_EVERY_S)), max(1, int(DELETE_AGE_S))),
    ) as page:
        judged = gr.State()  # (path, number) of the recording and the model whose answer shows
        gr.HTML(
            words.notice(pipeline.checkpoint.metrics, instead, shared is not None), elem_id="head"
        )
        with gr.Row():
            with gr.Column(min_width=320):
                recording = gr.Audio(
                    sources=["microphone", "upload"],
                    type="filepath",  # ser.sound.audio decodes, and bounds what a file may cost
                    label="A voice: record it, or choose a sound file",
                    elem_id="recording",
                    buttons=["download"],  # a share button would post the voice in public
                )
                button = gr.Button("Listen", variant="primary")
                which = gr.Radio(
                    [(one.line, number) for number, one in enumerate(offered)],
                    value=0,
                    label="Who answers",
                    elem_id="which",
                )
            with gr.Column(min_width=320):
                said = gr.HTML(f'<p class="answer">{words.EMPTY}</p>', elem_id="said")
                bars = gr.Plot(label="Probability of each expression", visible=False)
        gr.Examples(
            [[str(path)] for path in examples],
            inputs=recording,
            example_labels=[path.stem.replace("-", " ") for path in examples],
            label="No microphone? Synthetic voices, made by a machine (espeak-ng)",
            cache_examples=False,
            api_visibility="private",
        )
        with gr.Column(visible=False) as details:
            moments = gr.Plot(label="When the model listened")
            with gr.Accordion("The same in words and numbers", open=False):
                numbers = gr.HTML(elem_id="words")
            with gr.Accordion("Step by step: what the model saw, and how long it took", open=False):
                stages = [gr.Plot() for _ in range(4)]

        def judge(path: str | None, number: int) -> Prediction:
            with in_a_sentence():
                if not path:
                    raise AudioError(words.EMPTY)
                return offered[number].pipeline().predict(path)

        offer, form = (
            sharing_panel(shared, judge, recording, judged) if shared else (lambda *_: {}, [])
        )
        gr.HTML("".join(one.foot for one in offered), elem_id="foot")

        def show(path: str | None, number: int, before: Asked | None) -> dict:
            try:
                prediction = judge(path, number)
                # A machine's voice is nothing to share.
                asked = None if Path(path).is_relative_to(EXAMPLES) else (path, number)
                if prediction.reason:  # there is nothing to draw, and no answer to share
                    return {
                        judged: None,
                        **offer(before, None),
                        **nothing(words.answer(prediction)),
                    }
                with in_a_sentence():
                    return {
                        judged: asked,
                        **offer(before, asked),
                        said: words.answer(prediction),
                        bars: gr.Plot(plots.probability_bars(prediction), visible=True),
                        details: gr.Column(visible=True),
                        moments: plots.attention_over_waveform(prediction),
                        numbers: words.in_words(prediction),
                        **dict(zip(stages, stage_plots(prediction), strict=True)),
                    }
            except gr.Error as error:
                sentence = words.no_answer(error.message)
                return {judged: None, **offer(before, None), **nothing(sentence)}

        def nothing(sentence: str) -> dict:
            hidden = gr.update(visible=False)
            return {said: sentence, bars: hidden, details: hidden}

        # Recorded, chosen, trimmed or taken from the examples, the sound changes once.
        gr.on(
            [recording.change, button.click, which.input],
            show,
            inputs=[recording, which, judged],
            outputs=[said, bars, details, moments, numbers, *stages, judged, *form],
            show_progress_on=said,
            trigger_mode="always_last",
            concurrency_id="predict",
            api_visibility="private",
        )
    return page


def stage_plots(prediction: Prediction) -> list[gr.Plot]:
    """Draw one figure a stage, labelled with its milliseconds."""
    figures = {
        "Waveform, read": ("audio", plots.waveform),
        "Features, computed": ("features", plots.feature_heatmap),
        "Attention, from the model": ("model", plots.attention),
        "Probabilities, from the model": ("model", plots.probability_bars),
    }
    return [
        gr.Plot(draw(prediction), label=f"{title} in {prediction.timings_ms[stage]:.1f} ms")
        for title, (stage, draw) in figures.items()
    ]
