"""What a visitor hears in a part of a long recording: noted in the table, shared by consent."""

import html
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import gradio as gr
import numpy as np
from gradio.blocks import Block

from page.clip import in_a_sentence
from page.language import ENGLISH, Say, speaking_to, told
from page.models import Model
from page.overview import FACES, Heard, corrections
from page.sharing import EXPRESSIONS, question, sharing_panel
from page.source import PRIVATE
from ser.feedback.queue import Feedback
from ser.prediction import Prediction
from ser.recordings.excerpt import excerpt
from ser.recordings.judged import SHORTEST_S
from ser.recordings.reading import clock
from ser.sound.audio import SAMPLE_RATE, AudioError

SHORTEST_PART_S, LONGEST_PART_S = 0.3, 30.0
PICK = "(_, ...rest) => [window.voice.picked.long, ...rest]"  # by `browser/table.js`, `timeline.js`


class Stretch(NamedTuple):
    """Seconds of a recording, and by which weights its channels are summed there."""

    path: str
    start_s: float
    end_s: float
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Correcting:
    """The components of the form, and `closed`, the updates that empty and hide it."""

    components: list[Block]
    closed: Callable[[], dict]


def correcting(
    model: Model, shared: Feedback | None, heard: gr.State, files: gr.File
) -> Correcting:
    """Lay out the form inside the current Blocks; the browser opens it for a part."""
    part, number = gr.State(), gr.State()  # Stretch; its row in the table, None where it has none
    picked = gr.JSON(visible=False)
    pick = gr.Button("Pick", elem_id="long-pick", visible="hidden")
    with gr.Column(elem_id="long-asked", elem_classes="answer-of-long"):
        about = gr.HTML(elem_id="long-part", js_on_load=None)
        with gr.Row(visible=False) as span:
            ends = [
                gr.Number(label=told(label), minimum=0, step=0.1, elem_id=elem_id)
                for label, elem_id in (
                    ("From, in seconds", "part-from"),
                    ("To, in seconds", "part-to"),
                )
            ]
        form, label = question(EXPRESSIONS, "long-")

    def judge(path: str, start_s: float, end_s: float, weights: tuple[float, ...]) -> Prediction:
        with in_a_sentence():
            if not SHORTEST_PART_S <= end_s - start_s <= LONGEST_PART_S:
                raise AudioError("Please give a part of 0.3 to 30 seconds.")
            samples = excerpt(path, start_s, end_s, np.array(weights, np.float32))
            lacking = max(0, round(SHORTEST_S * SAMPLE_RATE) - len(samples))
            return model.pipeline().judge(np.pad(samples, (0, lacking)))

    def reset(before: Stretch | None, asked: Stretch | None) -> dict:
        return {} if before == asked else {form: gr.Column(visible=asked is not None), label: None}

    offer, fields = reset, [form, label]
    if shared:
        offer, fields = sharing_panel(shared, judge, part, form, label, "long-", is_part=True)

    def ask(choice: dict, known: Heard | None, before: Stretch | None, request: gr.Request) -> dict:
        if known is None:
            return {}
        asked, row, text = picked_part(choice, known, speaking_to(request))
        return {
            part: asked,
            number: row,
            about: text,
            span: gr.Row(visible=row is None),
            ends[0]: round(asked.start_s, 2),
            ends[1]: round(asked.end_s, 2),
            **offer(before, asked),
        }

    def moved(start_s: float | None, end_s: float | None, asked: Stretch | None) -> Stretch | None:
        return asked and asked._replace(start_s=start_s or 0.0, end_s=end_s or 0.0)

    def note(chosen: str, known: Heard | None, row: int | None) -> tuple[Heard | None, object]:
        """Keep what is heard in an utterance, in a file more."""
        if known is None or row is None:
            return known, gr.skip()
        mine = {**known.mine, row: chosen}
        written = corrections(known.shown, known.path, os.environ.get("GRADIO_TEMP_DIR"), mine)
        return replace(known, mine=mine), [*known.files, written]

    components = [part, number, about, span, *ends, *fields]
    pick.click(ask, [picked, heard, part], components, js=PICK, queue=False, **PRIVATE).then(
        None, js="() => window.voice.asked('long')"
    )
    gr.on([end.input for end in ends], moved, [*ends, part], part, queue=False, **PRIVATE)
    label.input(None, js="() => window.voice.heard('long')")
    label.input(note, [label, heard, number], [heard, files], queue=False, **PRIVATE)

    def closed() -> dict:
        return {
            part: None,
            number: None,
            about: "",
            span: gr.Row(visible=False),
            **offer((), None),
        }

    return Correcting(components, closed)


def picked_part(choice: dict, known: Heard, say: Say = ENGLISH) -> tuple[Stretch, int | None, str]:
    """What the browser picked: a row by its `number`, or what nobody was heard in, by its times.

    Its row, None where it has none, and what is said above the form.
    """
    shown = known.shown
    row = choice.get("number")
    if row is None:
        weights = np.mean(shown.weights, axis=0)
        start_s, end_s = float(choice["start_s"]), float(choice["end_s"])
        was = say("nobody was heard there")
    else:
        s = shown.segments[row]
        start_s, end_s = s.start_s, s.end_s
        weights = shown.weights[shown.channels.index(s.channel)]
        was = f"{FACES[s.label]} {say(s.label)}" if s.label else say("no speech heard")
    told = say("{start} to {end}: {was}", start=clock(start_s), end=clock(end_s), was=was)
    part = Stretch(known.path, start_s, end_s, tuple(float(w) for w in weights))
    return part, row, f'<h3 tabindex="-1">{html.escape(told)}</h3>'
