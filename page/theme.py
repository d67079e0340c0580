"""How the page looks, and how it speaks to those who cannot see it."""

from pathlib import Path

import gradio as gr

CSS = Path(__file__).with_suffix(".css")

THEME = gr.themes.Default(
    primary_hue="violet",
    font=["system-ui", "sans-serif"],  # the default one comes from another server
    font_mono=["ui-monospace", "monospace"],
).set(
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
)
# Read out to those who cannot see it appear.
JS = "() => document.querySelector('#said').setAttribute('aria-live', 'polite')"
