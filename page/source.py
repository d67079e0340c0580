"""Where a sound comes from: recorded in the browser, chosen or dropped; `<voice-source>`."""

import html

import gradio as gr

from page.limits import DELETE_AFTER_S
from ser.recordings.folder import SUFFIXES


def source(
    name: str,
    limits: str,
    megabytes: int,
    seconds: int,
    choose: str = "Choose or drop a file",
    advice: str = "",
    record: bool = True,
    n_files: int = 1,
) -> tuple[gr.UploadButton, gr.Button]:
    """Lay it out; `limits` is said beforehand. More than one of `n_files` may be a folder.

    Returns the component that gives what was sent, whose event is `upload`, and a button that
    nobody sees: the browser clicks it where an answer is waited for no longer.
    """
    count = "single" if n_files == 1 else "multiple"
    suffixes = " ".join(sorted(SUFFIXES))
    flags = ("data-record " if record else "") + (
        f'data-multiple data-folder="{suffixes}" data-files="{n_files}"' if n_files > 1 else ""
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
