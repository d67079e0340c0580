"""A live voice: the browser talks to /live itself (`browser/live.js`); here it is laid out."""

import html
import json

import gradio as gr

from page.language import Say, in_each
from page.models import Model
from ser.labels import EMOTIONS
from ser.sentences import FAIRLY_SURE


def live(model: Model) -> None:
    """Lay the part out inside the current Blocks."""
    emotions = [{"name": e.name, "emoji": e.emoji, "color": e.color} for e in EMOTIONS]
    fairly = (*model.told.config.certainty, FAIRLY_SURE)[0]

    def laid_out(say: Say) -> str:
        about = say(
            "The last three seconds of speech are judged every half a second. Nothing is stored: "
            "the sound is forgotten once it was heard."
        )
        limits = say(
            "Up to an hour. “Stop and keep” sends up to its first ten minutes to the part “Long”, "
            "where they are deleted like every recording."
        )
        return (
            f'<h2>{say("As you speak")}</h2><p>{about}</p><voice-live data-fairly="{fairly}" '
            f'data-emotions="{html.escape(json.dumps(emotions))}">'
            f'<p class="limits">{limits}</p></voice-live>'
        )

    gr.HTML(in_each(laid_out), js_on_load=None, elem_id="live-voice")
