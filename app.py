"""The page and the API: a voice goes in, the expression that a machine hears in it comes out.

Layout and wiring only: `ser.pipeline` judges, `ser.plots` draws and finds the words.
"""

import html
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from ser import checkpoint, feedback, plots
from ser.audio import AudioError
from ser.checkpoint import expected_row
from ser.feedback import Feedback
from ser.labels import EMOTIONS
from ser.pipeline import EmotionPipeline, Prediction
from ser.process import keep_memory, one_thread
from ser.serving import serve
from sharing import Asked, sharing_panel

MAX_FILE_SIZE = "64mb"  # ten minutes of 16-bit mono at 48 kHz are 58 MB
MAX_WAITING = 32  # in the queue: at two a time the last still waits only seconds
CONCURRENT = 2  # predictions at a time, as many as a free Space has cores; each on one thread
DELETE_AFTER_S = float(os.environ.get("SER_DELETE_AFTER_S", "600"))  # what the notice promises
DELETE_AGE_S, SWEEP_EVERY_S = 0.8 * DELETE_AFTER_S, 0.1 * DELETE_AFTER_S  # so it is kept

EXAMPLES = Path(__file__).parent / "examples"
CSS = Path(__file__).parent / "app.css"
EMPTY = "Please record or choose a sound first."
GONE = "This recording has been deleted by now: please record or choose it again."
BROKEN = "Something went wrong on our side: please try again, or try another recording."
LOG = logging.getLogger(__name__)

THEME = gr.themes.Default(
    primary_hue="violet",
    font=["system-ui", "sans-serif"],  # the default one comes from another server
    font_mono=["ui-monospace", "monospace"],
).set(
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
)
# Read out to those who cannot see it appear.
JS = "() => document.querySelector('#said').setAttribute('aria-live', 'polite')"


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn whatever goes wrong into a gr.Error that tells whoever sent the sound what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise gr.Error(GONE, print_exception=False) from error
    except AudioError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except Exception as error:
        LOG.exception("A recording could not be judged")
        raise gr.Error(BROKEN, print_exception=False) from error


# --- words ------------------------------------------------------------------------------------


def notice(metrics: list[dict], instead: str | None, is_shared: bool) -> str:
    """Give the title, and what everybody must know before speaking.

    `instead` tells which model answers where it is not the one asked for.
    """
    unless = ", unless you share it" if is_shared else ""
    instead = f"<p><strong>Note:</strong> {html.escape(instead)}</p>" if instead else ""
    return f"""
<h1>How does a voice sound?</h1>
<aside aria-label="Please know">
<p><strong>A machine estimates the <em>perceived expression</em> of a voice: how it may sound to
others.</strong> It learned from actors, most of them speaking North American English, and errs
often in noise, over a telephone, on other accents, languages and everyday speech. Not for judging
people at work or in education (the EU AI Act prohibits that), nor for anything that matters.</p>
<p>{accuracy(metrics)}{elsewhere(metrics)}
A recording is deleted within {DELETE_AFTER_S / 60:g} minutes{unless}.</p>
{instead}
</aside>"""


def model_line(pipeline: EmotionPipeline) -> str:
    """Name a model by its recipe, with its share of recognised emotions where that is measured."""
    model = pipeline.checkpoint
    name = model.config.training.get("recipe", model.name)
    row = expected_row(model.metrics)
    return f"{name} ({100 * row['ua']:.0f} % on unheard voices)" if row else name


def accuracy(metrics: list[dict]) -> str:
    """Say what was measured on speakers that the model never heard."""
    row = expected_row(metrics)
    if row is None:
        return "Its accuracy on actors it never heard: <strong>not measured yet</strong>."
    low, high = row["ci95"]
    return (
        "Of each of the eight emotions, by actors it never heard, it recognises on average "
        f"<strong>{100 * row['ua']:.0f}&nbsp;%</strong> (95&nbsp;% interval {100 * low:.0f} to "
        f"{100 * high:.0f}); chance is 12.5&nbsp;%, people reach 60 to 67&nbsp;%."
    )


def elsewhere(metrics: list[dict]) -> str:
    """Say what was measured on corpora that these weights never heard; nothing where none was."""
    shares = [row["ua"] for row in metrics if row.get("protocol") == "cross-corpus"]
    if not shares:
        return ""
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    corpora = "another corpus" if len(shares) == 1 else f"{len(shares)} other corpora"
    return (
        f" On {corpora}, of other speakers and sentences, it recognises "
        f"<strong>{low if low == high else f'{low} to {high}'}&nbsp;%</strong>."
    )


def answer(prediction: Prediction) -> str:
    """Give the sentence, and the warnings under it."""
    warnings = "".join(f"<li>{html.escape(text)}</li>" for text in prediction.warnings)
    warnings = f'<ul class="warnings" aria-label="Warnings">{warnings}</ul>' if warnings else ""
    sentence = html.escape(plots.answer_sentence(prediction))
    return f'<p class="answer">{sentence}</p>{warnings}'


def no_answer(sentence: str) -> str:
    """Say why there is no answer."""
    return f'<p class="answer wrong">{html.escape(sentence)}</p>'


def in_words(prediction: Prediction) -> str:
    """Give what the plots show, for people who cannot see them."""
    rows = "".join(
        f'<tr><th scope="row">{emotion.emoji} {emotion.name}</th><td>{100 * p:.1f} %</td></tr>'
        for emotion, p in zip(EMOTIONS, prediction.probabilities, strict=True)
    )
    return f"""
<p>{html.escape(plots.attention_sentence(prediction))}</p>
<table><caption>Probability of each expression</caption><tbody>{rows}</tbody></table>"""


# --- the page ---------------------------------------------------------------------------------


def build(
    pipeline: EmotionPipeline,
    instead: str | None = None,
    shared: Feedback | None = None,
    founding: EmotionPipeline | None = None,
) -> gr.Blocks:
    """Lay out the page, wire it to the pipelines and to the queue of shared recordings, if any.

    `founding` is offered beside `pipeline`, which answers unless told otherwise.
    """
    gr.set_static_paths([EXAMPLES])  # served from where they lie, neither copied nor deleted
    examples = sorted(EXAMPLES.glob("*.flac"))
    pipelines = [pipeline, founding] if founding else [pipeline]
    with gr.Blocks(
        title="How does a voice sound?",
        analytics_enabled=False,
        delete_cache=(max(1, int(SWEEP_EVERY_S)), max(1, int(DELETE_AGE_S))),
    ) as page:
        judged = gr.State()  # (path, number) of the recording and the model whose answer shows
        gr.HTML(notice(pipeline.checkpoint.metrics, instead, shared is not None), elem_id="head")
        with gr.Row():
            with gr.Column(min_width=320):
                recording = gr.Audio(
                    sources=["microphone", "upload"],
                    type="filepath",  # ser.audio decodes, and bounds what a file may cost
                    label="A voice: record it, or choose a sound file",
                    elem_id="recording",
                    buttons=["download"],  # a share button would post the voice in public
                )
                button = gr.Button("Listen", variant="primary")
                which = gr.Radio(
                    [(model_line(one), number) for number, one in enumerate(pipelines)],
                    value=0,
                    label="Who answers",
                    elem_id="which",
                    visible=len(pipelines) > 1,
                )
            with gr.Column(min_width=320):
                said = gr.HTML(f'<p class="answer">{EMPTY}</p>', elem_id="said")
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
                words = gr.HTML(elem_id="words")
            with gr.Accordion("Step by step: what the model saw, and how long it took", open=False):
                stages = [gr.Plot() for _ in range(4)]

        def judge(path: str | None, number: int) -> Prediction:
            with in_a_sentence():
                if not path:
                    raise AudioError(EMPTY)
                return pipelines[number].predict(path)

        offer, form = (
            sharing_panel(shared, judge, recording, judged) if shared else (lambda *_: {}, [])
        )
        gr.HTML(
            "".join(
                f"<p>Model {html.escape(one.checkpoint.name)} "
                f"({one.checkpoint.config.model_name}), revision {one.checkpoint.revision}</p>"
                for one in pipelines
            ),
            elem_id="foot",
        )

        def show(path: str | None, number: int, before: Asked | None) -> dict:
            try:
                prediction = judge(path, number)
                # A machine's voice is nothing to share.
                asked = None if Path(path).is_relative_to(EXAMPLES) else (path, number)
                with in_a_sentence():
                    return {
                        judged: asked,
                        **offer(before, asked),
                        said: answer(prediction),
                        bars: gr.Plot(plots.probability_bars(prediction), visible=True),
                        details: gr.Column(visible=True),
                        moments: plots.attention_over_waveform(prediction),
                        words: in_words(prediction),
                        **dict(zip(stages, stage_plots(prediction), strict=True)),
                    }
            except gr.Error as error:
                hidden = gr.update(visible=False)
                return {
                    judged: None,
                    **offer(before, None),
                    said: no_answer(error.message),
                    bars: hidden,
                    details: hidden,
                }

        def predict(clip: str | None) -> dict:
            """Judge one sound file; the answer is what `python -m ser --json` prints for it."""
            prediction = judge(clip, 0)
            return {"file": Path(clip).name, **prediction.to_dict()}

        # Recorded, chosen, trimmed or taken from the examples, the sound changes once.
        gr.on(
            [recording.change, button.click, which.input],
            show,
            inputs=[recording, which, judged],
            outputs=[said, bars, details, moments, words, *stages, judged, *form],
            show_progress_on=said,
            trigger_mode="always_last",
            concurrency_id="predict",
            api_visibility="private",
        )
        gr.on(
            [],
            predict,
            inputs=recording,
            outputs=gr.JSON(label="answer", visible=False),
            concurrency_id="predict",
            api_name="predict",
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


# --- start ------------------------------------------------------------------------------------


async def refuse_address(url: str, cache_dir: str) -> str:
    """Stand in for Gradio's download, which would fetch any address whole into memory."""
    raise gr.Error("Please send the sound itself, not its address.", print_exception=False)


def sweep(folder: Path) -> None:
    """Delete old recordings for ever; `delete_cache` alone forgets uploads that were cut off."""
    while True:
        try:
            for path in folder.rglob("*"):
                if path.is_file() and time.time() - path.stat().st_ctime >= DELETE_AGE_S:
                    path.unlink()
        except OSError:  # a file that vanished meanwhile, for one; the next sweep comes soon
            LOG.warning("A sweep of the recordings was cut short", exc_info=True)
        time.sleep(SWEEP_EVERY_S)


def main() -> None:
    """Load and warm the model, start the sweeper and the sharing, serve until stopped."""
    one_thread()
    keep_memory()
    # A folder of its own, since everything in it is deleted.
    folder = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir())) / "ser-recordings"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    threading.Thread(target=sweep, args=[folder], daemon=True).start()

    gr.processing_utils.async_ssrf_protected_download = refuse_address

    served = serve(os.environ.get("SER_MODEL"))
    shared = feedback.from_environment()
    if shared:
        shared.start()
    founding = EmotionPipeline.from_pretrained(checkpoint.FOUNDING)
    page = build(served.pipeline, served.notice, shared, founding)
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=CONCURRENT)
    page.launch(
        theme=THEME,
        css_paths=CSS,
        js=JS,
        max_file_size=MAX_FILE_SIZE,
        enable_monitoring=False,  # else a page tells everybody what is asked
        run_history=False,  # else voices stay in the browser
        ssr_mode=False,  # else it depends on whether node is there
        show_error=False,  # only sentences of ours reach a visitor, never an exception's text
        share=False,
        footer_links=["api", "gradio", "settings"],
    )


if __name__ == "__main__":
    main()
