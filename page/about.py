"""About: how it works, how often it is right, what it must not be used for."""

from collections.abc import Sequence

import gradio as gr

from page import words
from page.models import Model


def about(offered: Sequence[Model], is_shared: bool) -> None:
    """Lay the part out inside the current Blocks."""
    metrics = offered[0].told.metrics
    gr.HTML(f"<h2>Limits, law and privacy</h2>{words.notice(metrics, is_shared)}", js_on_load=None)
