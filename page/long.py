"""A long recording: its utterances as they are found, drawn, in a table, and as files."""

import html
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import gradio as gr

from page import overview
from page.answer import no_answer, reported
from page.clip import in_a_sentence
from page.models import Model
from page.source import source
from ser.plots import percent
from ser.recordings.reading import clock
from ser.recordings.timeline import CancelledError, Segment, timeline

MEGABYTES, SECONDS = 400, 3 * 3600
POLL_S = 0.5
CANCELLED = "This was cancelled: choose it again to have it judged."
ADVICE = "Compressed files are sent faster: an hour of MP3 or M4A has 30 to 60 MB."


def long(model: Model) -> None:
    """Lay the part out inside the current Blocks."""
    gr.HTML(
        "<h2>When does somebody speak, and how does it sound?</h2><p>Every utterance is judged by "
        "itself; there is no label for all of it. How long it will take is told as soon as it "
        "has begun.</p>",
        js_on_load=None,
    )
    limits = f"Up to three hours and {MEGABYTES} MB. {ADVICE}"
    sent, cancel = source("long", limits, MEGABYTES, SECONDS, advice=ADVICE, record=False)
    going = gr.HTML(elem_id="long-going", js_on_load=None)
    with gr.Column(elem_classes="answer-of-long"):
        said = gr.HTML(elem_id="long-said", js_on_load=None)
        picture = gr.HTML(elem_id="long-time", js_on_load=None)
        table = gr.HTML(elem_id="long-table", js_on_load=None)
    with gr.Column(visible=False, elem_classes="answer-of-long") as downloads:
        files = gr.File(
            label="Take it away", file_count="multiple", interactive=False, elem_id="long-files"
        )
    stops: dict[str, Event] = {}  # of what goes on, by visit
    dropped: set[str] = set()  # visits that no longer want what waits for its turn

    def judge(path: str, request: gr.Request) -> Iterator[dict]:
        if request.session_hash in dropped:
            dropped.discard(request.session_hash)
            yield {said: no_answer(CANCELLED, "long")}
            return
        stop = stops[request.session_hash] = Event()
        envelope, found, heard = overview.Envelope(), [], [0.0, None]

        def follow(heard_s: float, of_s: float | None) -> None:
            heard[:] = heard_s, of_s

        try:
            with in_a_sentence(), ThreadPoolExecutor(1) as pool:
                began_s = time.monotonic()
                work = pool.submit(
                    timeline,
                    model.pipeline(),
                    path,
                    follow,
                    stop.is_set,
                    on_block=envelope.push,
                    on_segment=found.append,
                )
                try:
                    while not work.done():
                        yield {going: progress(*heard, time.monotonic() - began_s, found)}
                        time.sleep(POLL_S)
                finally:
                    stop.set()  # also where nobody waits for it any longer
                try:
                    done = work.result()
                except CancelledError:
                    yield {going: ""}
                    return
                name, text = html.escape(Path(path).name), overview.summary(done)
                headline = f'<h2 class="answer" tabindex="-1">{name}</h2><p>{text}</p>'
                yield {
                    going: "",
                    said: reported(
                        headline + overview.warnings(done) + overview.shares(done), "long"
                    ),
                    picture: overview.picture(done, envelope, "long"),
                    table: overview.table(done),
                    downloads: gr.Column(visible=bool(done.segments)),
                    files: overview.files(done, path, os.environ.get("GRADIO_TEMP_DIR")),
                }
        except gr.Error as error:
            yield {
                going: "",
                said: no_answer(error.message, "long"),
                picture: "",
                table: "",
                downloads: gr.Column(visible=False),
            }
        finally:
            stops.pop(request.session_hash, None)

    def stop_it(request: gr.Request) -> str:
        if stop := stops.get(request.session_hash):
            stop.set()
        else:
            dropped.add(request.session_hash)
        return ""

    event = sent.upload(
        judge,
        sent,
        [going, said, picture, table, downloads, files],
        show_progress="hidden",
        trigger_mode="multiple",  # one that was cancelled may not have ended yet
        concurrency_id="long",
        concurrency_limit=1,
        api_visibility="private",
    )
    event.failure(None, js="() => window.voice.failed('long')")
    private = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    cancel.click(stop_it, None, going, **private)  # `cancels` may hit the next one, too


def progress(heard_s: float, of_s: float | None, took_s: float, found: list[Segment]) -> str:
    """How far it is, how long it will still take, and the latest of what was found."""
    share = heard_s / of_s if of_s else 0.0
    of = f" of {clock(of_s)}" if of_s else ""
    left = f"; about {clock(took_s * (1 / share - 1) + 1)} left" if share > 0.02 else ""
    latest = [one for one in found if one.label][-3:]
    told = "".join(
        f"<li>{clock(s.start_s)} to {clock(s.end_s)}: {overview.FACES[s.label]} {s.label} "
        f"{percent(s.confidence)}</li>"
        for s in reversed(latest)
    )
    return (
        f'<progress max="1" value="{share:.4f}" aria-label="Heard"></progress>'
        f"<p>{clock(heard_s)}{of} heard{left}; {len(found)} utterances so far.</p><ul>{told}</ul>"
    )
