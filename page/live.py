"""A live voice: the browser talks to /live itself (`browser/live.js`); here it is laid out."""

import html
import json

import gradio as gr

from page.models import Model
from ser.labels import EMOTIONS
from ser.plots import FAIRLY_SURE


def live(model: Model) -> None:
    """Lay the part out inside the current Blocks."""
    emotions = [{"name": e.name, "emoji": e.emoji, "color": e.color} for e in EMOTIONS]
    fairly = (*model.told.config.certainty, FAIRLY_SURE)[0]
    gr.HTML(
        "<h2>As you speak</h2><p>The last three seconds of speech are judged every half a second. "
        "Nothing is stored: the sound is forgotten once it was heard.</p>"
        f'<voice-live data-fairly="{fairly}" data-emotions="{html.escape(json.dumps(emotions))}">'
        '<p class="limits">Up to an hour. “Stop and keep” sends up to its first ten minutes to the '
        "part “Long”, where they are deleted like every recording.</p></voice-live>",
        js_on_load=None,
        elem_id="live-voice",
    )
