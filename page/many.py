"""Many files: one row each, as they are judged; what failed can be tried again."""

import html
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import gradio as gr

from page.answer import reported
from page.language import ENGLISH, Say, in_each, speaking_to, told
from page.models import Model
from page.overview import FACES
from page.source import PRIVATE, source, tell_failures
from page.stopping import Stops
from page.words import GONE
from ser.gate import NO_SPEECH
from ser.recordings.folder import write_rows
from ser.recordings.reading import clock
from ser.recordings.rows import Row, judge_file
from ser.recordings.whole_files import OutputError
from ser.sound.errors import CancelledError

MEGABYTES, SECONDS, N_FILES = 64, 600, 200
EVERY_S = 0.5  # the list is shown anew
COMMAND = "python -m ser folder recordings/ --out results.csv"


@dataclass
class _List:
    """The files of a visit in their order, and the rows of those that were judged."""

    paths: list[str] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)


def many(model: Model) -> None:
    """Lay the part out inside the current Blocks."""
    gr.HTML(in_each(lambda say: f"<h2>{say('One answer a file')}</h2>"), js_on_load=None)
    sent, cancel = source(
        "many", limits, MEGABYTES, SECONDS, "Choose or drop files", record=False, n_files=N_FILES
    )
    going = gr.HTML(elem_id="many-going", js_on_load=None)
    state = gr.State()
    with gr.Column(elem_classes="answer-of-many"):
        said = gr.HTML(elem_id="many-said", js_on_load=None)
        table = gr.HTML(elem_id="many-table", js_on_load=None)
    again = gr.Button(told("Try again what was not judged"), visible=False, elem_id="many-again")
    with gr.Column(visible=False) as downloads:
        files = gr.File(
            label=told("Take it away"),
            file_count="multiple",
            interactive=False,
            elem_id="many-files",
        )
    gr.HTML(in_each(on_the_command_line), js_on_load=None)
    stops = Stops()

    def begin(paths: list[str] | None, request: gr.Request) -> Iterator[dict]:
        yield from judge(_List(list(paths or [])), request)

    def go_on(listed: _List | None, request: gr.Request) -> Iterator[dict]:
        listed = listed or _List()
        listed.rows = {n: row for n, row in listed.rows.items() if row["error"] is None}
        yield from judge(listed, request)

    def judge(listed: _List, request: gr.Request) -> Iterator[dict]:
        say = speaking_to(request)
        with stops.going(request.session_hash) as stop:
            try:
                yield from until(stop, listed, say)
            except CancelledError:
                is_left = len(listed.rows) < len(listed.paths)
                yield {
                    state: listed,
                    going: "",
                    table: rows(listed, None, say),
                    again: gr.Button(visible=is_left),
                }

    def until(stop: Event, listed: _List, say: Say) -> Iterator[dict]:
        """Judge what has no row yet; CancelledError soon after `stop` was set."""
        missing = [n for n in range(len(listed.paths)) if n not in listed.rows]
        began_s, shown_s = time.monotonic(), 0.0
        yield {
            state: listed,
            going: progress(listed, None, say),
            table: rows(listed, None, say),
            downloads: gr.Column(visible=False),
            again: gr.Button(visible=False),
        }
        for n_done, number in enumerate(missing):
            now_s = time.monotonic()
            if now_s - shown_s > EVERY_S:
                left_s = (now_s - began_s) / n_done * (len(missing) - n_done) if n_done else None
                yield {going: progress(listed, left_s, say), table: rows(listed, number, say)}
                shown_s = now_s
            listed.rows[number] = _row(model, listed.paths[number], stop.is_set)
        n_failed = sum(row["error"] is not None for row in listed.rows.values())
        n = len(listed.paths)
        text = say("{n} of {of} judged", n=n - n_failed, of=n)
        if n_failed:
            text += ", " + say("{n} could not be", n=n_failed)
        yield {
            going: "",
            said: reported(f'<h2 class="answer" tabindex="-1">{text}</h2>', "many"),
            table: rows(listed, None, say),
            again: gr.Button(visible=n_failed > 0),
            downloads: gr.Column(visible=True),
            files: tables(listed),
        }

    outputs = [state, going, said, table, again, downloads, files]
    options = {
        "outputs": outputs,
        "trigger_mode": "multiple",  # one that was cancelled may not have ended yet
        "concurrency_id": "many",
        **PRIVATE,
    }
    wait = "listed => { window.voice.again('many', true); return listed; }"
    events = [
        sent.upload(begin, sent, **options),
        again.click(go_on, state, js=wait, **options),
    ]
    tell_failures("many", events)

    def stop_it(request: gr.Request) -> None:
        stops.stop(request.session_hash)

    cancel.click(stop_it, None, None, queue=False, **PRIVATE)


def _row(model: Model, path: str, is_over: Callable[[], bool]) -> Row:
    """The row of a file, under its own name; CancelledError where it `is_over`."""
    row = judge_file(model.pipeline(), path, is_over=is_over)
    if row["error"] and not Path(path).exists():
        row["error"] = GONE
    return row | {"file": Path(str(row["file"])).name}


def limits(say: Say) -> str:
    """What may be sent."""
    return say(
        "Up to {n} files at a time, each up to {minutes} minutes, {megabytes} MB together.",
        n=N_FILES,
        minutes=SECONDS // 60,
        megabytes=400,
    )


def on_the_command_line(say: Say) -> str:
    """How it is done without the page."""
    text = say("It takes any number of files, uses all cores, and goes on where it was stopped.")
    return (
        f"<h3>{say('The same on the command line')}</h3>"
        f'<pre class="command" tabindex="0">{COMMAND}</pre><p>{text}</p>'
    )


def progress(listed: _List, left_s: float | None, say: Say = ENGLISH) -> str:
    """How many are done, and how long the rest will take."""
    n, of = len(listed.rows), len(listed.paths)
    text = say("{n} of {of} judged", n=n, of=of)
    if left_s is not None:
        text += "; " + say("about {left} left", left=clock(left_s + 1))
    return (
        f'<progress max="{of}" value="{n}" aria-label="{say("Judged")}"></progress><p>{text}.</p>'
    )


def rows(listed: _List, going: int | None = None, say: Say = ENGLISH) -> str:
    """The list as a table: each file with its state, to sort, to filter, to open in Clip."""
    if not listed.paths:
        return ""
    body = "".join(
        _tr(number, Path(path).name, listed.rows.get(number), number == going, say)
        for number, path in enumerate(listed.paths)
    )
    names = ("file", "sounds", "how sure", "open")
    head = "".join(f'<th scope="col">{say(name)}</th>' for name in names)
    return (
        '<voice-table data-for="many"><table class="rows files">'
        f"<caption>{say('Files')}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        "</table></voice-table>"
    )


def _tr(number: int, name: str, row: Row | None, is_going: bool, say: Say) -> str:
    label, sure = "", 0.0
    if row is None:
        state = say("being judged …") if is_going else say("waits")
    elif row["error"]:
        state = f'<span class="wrong">{say.heard(str(row["error"]))}</span>'
    elif row["label"] is None:
        state = say.heard(NO_SPEECH)
    else:
        label, sure = str(row["label"]), float(row["confidence"])
        state = f"{FACES[label]} {say(label)}"
    name = html.escape(name)
    data = f'data-number="{number}" data-name="{name}" data-label="{label}" data-sure="{sure:.3f}"'
    return (
        f"<tr {data}><td>{name}</td>"
        f"<td>{state}</td><td>{say.percent(sure) if label else ''}</td>"
        f'<td><button type="button" class="small" data-open="{number}" '
        f'aria-label="{say("Open {name} in Clip", name=name)}">{say("Open")}</button></td></tr>'
    )


def tables(listed: _List) -> list[str]:
    """The rows as CSV, and as Parquet where that can be written here."""
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
    written = []
    for name in ("results.csv", "results.parquet"):
        try:
            write_rows([listed.rows[n] for n in sorted(listed.rows)], folder / name)
        except OutputError:
            continue
        written.append(str(folder / name))
    return written
