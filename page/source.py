"""Where a sound comes from: recorded in the browser, chosen or dropped; `<voice-source>`."""

import html
from typing import Literal

import gradio as gr

from page.limits import DELETE_AFTER_S


def source(
    name: str,
    limits: str,
    megabytes: int,
    seconds: int,
    choose: str = "Choose or drop a file",
    advice: str = "",
    record: bool = True,
    count: Literal["single", "multiple"] = "single",
) -> tuple[gr.UploadButton, gr.Button]:
    """Lay it out; `limits` is said beforehand.

    Returns the component that gives what was sent, whose event is `upload`, and a button that
    nobody sees: the browser clicks it where an answer is waited for no longer.
    """
    flags = ("data-record " if record else "") + (
        "data-multiple data-folder" if count == "multiple" else ""
    )
    gr.HTML(
        f'<voice-source id="{name}" data-to="{name}-file" data-cancel="{name}-cancel" {flags} '
        f'data-megabytes="{megabytes}" data-seconds="{seconds}" '
        f'data-choose="{html.escape(choose)}" '
        f'data-advice="{html.escape(advice)}"><p class="limits">{limits} '
        f"It is deleted within {DELETE_AFTER_S / 60:g} minutes.</p></voice-source>",
        js_on_load=None,
    )
    sent = gr.UploadButton(
        choose, file_count=count, elem_id=f"{name}-file", visible="hidden", file_types=None
    )
    return sent, gr.Button("Cancel", elem_id=f"{name}-cancel", visible="hidden")
