"""Where a sound comes from: recorded in the browser, chosen or dropped; `<voice-source>`."""

import html
from collections.abc import Callable, Sequence

import gradio as gr
from gradio.events import Dependency

from page.language import Say, in_each, told
from page.limits import DELETE_AFTER_S
from ser.recordings.folder import SUFFIXES

PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}  # of the page's own events


def source(
    name: str,
    limits: Callable[[Say], str],
    megabytes: int,
    seconds: int,
    choose: str = "Choose or drop a file",
    advice: str = "",
    record: bool = True,
    n_files: int = 1,
    times: float | None = None,
) -> tuple[gr.UploadButton, gr.Button]:
    """Lay it out; what `limits` gives is said beforehand.

    More than one of `n_files` may be a folder. A sound is judged `times` as fast as it lasts; with
    that, visitors are told how long it takes.

    Returns the component that gives what was sent, whose event is `upload`, and a button that
    nobody sees: the browser clicks it where an answer is waited for no longer.
    """
    count = "single" if n_files == 1 else "multiple"
    suffixes = " ".join(sorted(SUFFIXES))
    flags = ("data-record " if record else "") + (
        f'data-multiple data-folder="{suffixes}" data-files="{n_files}"' if n_files > 1 else ""
    )
    if times:
        flags += f' data-times="{times:.2f}"'
    values = f'data-megabytes="{megabytes}" data-seconds="{seconds}"'

    def laid_out(say: Say) -> str:
        deleted = say("It is deleted within {minutes:g} minutes.", minutes=DELETE_AFTER_S / 60)
        more = html.escape(say(advice)) if advice else ""
        return (
            f'<voice-source id="{name}" data-to="{name}-file" data-cancel="{name}-cancel" {flags} '
            f'{values} data-choose="{html.escape(say(choose))}" data-advice="{more}">'
            f'<p class="limits">{limits(say)} {deleted}</p></voice-source>'
        )

    gr.HTML(in_each(laid_out), js_on_load=None)
    sent = gr.UploadButton(
        told(choose), file_count=count, elem_id=f"{name}-file", visible="hidden", file_types=None
    )
    return sent, gr.Button(told("Cancel"), elem_id=f"{name}-cancel", visible="hidden")


def tell_failures(name: str, events: Sequence[Dependency]) -> None:
    """Have the browser say it where an event of this source fails or is refused."""
    for event in events:
        event.failure(None, js=f"() => window.voice.failed('{name}')")
