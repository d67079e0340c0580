"""A long recording: its utterances as they are found, drawn, in a table, and as files."""

import html
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import gradio as gr

from page import overview
from page.answer import no_answer, reported, warnings
from page.clip import in_a_sentence
from page.correct import correcting
from page.language import Say, in_each, speaking_to, told
from page.listening import Listening, Speed
from page.models import Model
from page.overview import Heard
from page.source import PRIVATE, source, tell_failures
from page.stopping import Stops
from page.words import CANCELLED
from ser.feedback.queue import Feedback

MEGABYTES, SECONDS = 400, 3 * 3600
ADVICE = "Compressed files are sent faster: an hour of MP3 or M4A has 30 to 60 MB."
KEPT_S = 3600  # is what was heard of a recording, whose sound is deleted long before
LEAST_UTTERANCES = 5  # to adapt to; less gains next to nothing (docs/results.md)


def long(model: Model, shared: Feedback | None) -> None:
    """Lay the part out inside the current Blocks."""
    gr.HTML(in_each(what_it_is), js_on_load=None)
    speed = Speed(model)
    sent, cancel = source(
        "long", limits, MEGABYTES, SECONDS, advice=ADVICE, record=False, times=speed.times
    )
    going = gr.HTML(elem_id="long-going", js_on_load=None)
    heard = gr.State(time_to_live=KEPT_S)  # Heard
    with gr.Column(elem_classes="answer-of-long"):
        said = gr.HTML(elem_id="long-said", js_on_load=None)
        picture = gr.HTML(elem_id="long-time", js_on_load=None)
    with gr.Column(visible=False, elem_classes="answer-of-long") as more:
        adapting = gr.HTML(elem_id="long-adapting", js_on_load=None)
        adapt = gr.Button(told("Adapt to this recording"), elem_id="long-adapt")
        undo = gr.Button(told("Undo: as it was before"), elem_id="long-undo")
    files = gr.File(
        label=told("Take it away"),
        file_count="multiple",
        interactive=False,
        elem_id="long-files",
        render=False,
    )
    form = correcting(model, shared, heard, files)
    with gr.Column(elem_classes="answer-of-long"):
        table = gr.HTML(elem_id="long-table", js_on_load=None)
    with gr.Column(visible=False, elem_classes="answer-of-long") as downloads:
        files.render()
    stops = Stops()

    def shown(known: Heard, say: Say) -> dict:
        """All that is said of a recording."""
        can = model.told.config.adaptation_clips > 0
        n = known.setting.n_clips
        folder = os.environ.get("GRADIO_TEMP_DIR")
        written = overview.files(known.shown, known.path, folder)
        known = replace(known, files=tuple(written))
        if known.mine:
            written.append(overview.corrections(known.shown, known.path, folder, known.mine))
        return {
            heard: known,
            going: "",
            said: reported(headline(known, say), "long"),
            picture: overview.picture(known.shown, known.envelope, "long", True, say),
            table: overview.table(known.shown, known.mine, say),
            more: gr.Column(visible=bool(known.plain.segments)),
            downloads: gr.Column(visible=bool(known.plain.segments)),
            adapting: on_adapting(n, say) if can and not known.adapted else "",
            adapt: gr.Button(visible=can and n >= LEAST_UTTERANCES and not known.adapted),
            undo: gr.Button(visible=known.adapted is not None),
            files: written,
        }

    def listen(path: str, before: Heard | None, say: Say, stop: Event) -> Iterator[dict]:
        """Judge a recording; or, where it was judged `before`, again and adapted to itself."""
        listening = Listening(speed, stop)
        with in_a_sentence():
            pipeline = model.pipeline()
            if before:
                k, revision = model.told.config.adaptation_clips, model.told.revision
                pipeline = pipeline.adapted(before.setting.learnt(k, revision))
            for text in listening.hear(pipeline, path, say):
                yield {going: text}
        if listening.done is None:
            yield {going: ""}
        elif before:
            yield shown(replace(before, adapted=listening.done), say)
        else:
            known = Heard(
                path, listening.done, listening.envelope, listening.setting, listening.times
            )
            yield shown(known, say) | form.closed()

    def judge(path: str, request: gr.Request) -> Iterator[dict]:
        say = speaking_to(request)
        try:
            with stops.going(request.session_hash) as stop:
                if stop.is_set():
                    yield {said: no_answer(CANCELLED, "long", say)}
                    return
                yield from listen(path, None, say, stop)
        except gr.Error as error:
            yield {
                heard: None,
                going: "",
                said: no_answer(error.message, "long", say),
                picture: "",
                table: "",
                more: gr.Column(visible=False),
                downloads: gr.Column(visible=False),
                **form.closed(),
            }

    def judge_adapted(known: Heard | None, request: gr.Request) -> Iterator[dict]:
        say = speaking_to(request)
        if known is None:
            return
        try:
            with stops.going(request.session_hash) as stop:
                yield from listen(known.path, known, say, stop)
        except gr.Error as error:  # what is shown stays
            yield {going: "", said: no_answer(error.message, "long", say)}

    def as_before(known: Heard | None, request: gr.Request) -> dict:
        return shown(replace(known, adapted=None), speaking_to(request)) if known else {}

    def stop_it(request: gr.Request) -> str:
        stops.stop(request.session_hash)
        return ""

    outputs = [heard, going, said, picture, table, more, adapting, adapt, undo, downloads, files]
    options = {
        "outputs": [*outputs, *form.components],
        "trigger_mode": "multiple",  # one that was cancelled may not have ended yet
        "concurrency_id": "long",
        "concurrency_limit": 1,
        **PRIVATE,
    }
    wait = "known => { window.voice.again('long', true); return known; }"
    events = [
        sent.upload(judge, sent, **options),
        adapt.click(judge_adapted, heard, js=wait, **options),
    ]
    tell_failures("long", events)
    undo.click(as_before, heard, outputs, queue=False, **PRIVATE)
    cancel.click(stop_it, None, going, queue=False, **PRIVATE)


def what_it_is(say: Say) -> str:
    """What stands above all."""
    title = say("When does somebody speak, and how does it sound?")
    about = say("Every utterance is judged by itself; there is no label for all of it.")
    return f"<h2>{title}</h2><p>{about}</p>"


def limits(say: Say) -> str:
    """What may be sent."""
    most = say("Up to three hours and {megabytes} MB.", megabytes=MEGABYTES)
    return f"{most} {say(ADVICE)}"


def headline(known: Heard, say: Say) -> str:
    """The name of the recording, what was found in it, and what adapting to it changed."""
    name = html.escape(Path(known.path).name)
    text = overview.summary(known.shown, say)
    took = say("It was heard {times:.0f} times as fast as it lasts.", times=known.times)
    head = f'<h2 class="answer" tabindex="-1">{name}</h2>'
    about = f'<p>{text} <span data-times="{known.times:.2f}">{took}</span></p>'
    rest = warnings(known.shown.warnings, say)
    if known.adapted is None:
        return head + about + rest + overview.shares(known.plain, say)
    n, of = overview.n_changed(known.plain, known.adapted), len(known.plain.segments)
    changed = say.many(
        "{name}: adapted, {n} of {of} utterances sounds otherwise",
        "{name}: adapted, {n} of {of} utterances sound otherwise",
        n,
        of=of,
        name=name,
    )
    head = f'<h2 class="answer" tabindex="-1">{changed}</h2>'
    return head + about + rest + overview.change(known.plain, known.adapted, say)


def on_adapting(n: int, say: Say) -> str:
    """What adapting does; or why there is too little speech for it."""
    if n < LEAST_UTTERANCES:
        text = say.many(
            "To adapt to this recording there is too little speech in it: {n} utterance was "
            "judged, at least {least} are needed.",
            "To adapt to this recording there is too little speech in it: {n} utterances were "
            "judged, at least {least} are needed.",
            n,
            least=LEAST_UTTERANCES,
        )
    else:
        text = say(
            "What all {n} utterances have in common, the room and the microphone for one, can be "
            "taken out: they are then judged again. It helps most where a recording sounds unlike "
            "a studio and its emotions vary.",
            n=n,
        )
    return f"<p>{text}</p>"
