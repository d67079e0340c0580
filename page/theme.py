"""How the page looks, and what the browser runs when it opens it."""

from pathlib import Path

import gradio as gr

CSS = Path(__file__).with_suffix(".css")

THEME = gr.themes.Default(
    primary_hue="violet",
    font=["system-ui", "sans-serif"],  # the default one comes from another server
    font_mono=["ui-monospace", "monospace"],
    text_size=gr.themes.sizes.text_lg,
).set(
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
)
# The part that is asked for shows at once. Gradio's own words are in the page's language, too: the
# page is not translated, and half of it would be in another language.
HEAD = """<meta property="og:title" content="How does a voice sound?">
<meta property="og:description" content="Record a voice: a machine guesses which emotion it seems to
express. Not for judging people."><meta property="og:type" content="website">
<script>
for (const [name, value] of [["language", "en"], ["languages", ["en"]]]) {
  Object.defineProperty(navigator, name, { get: () => value });
}
document.documentElement.dataset.part = new URLSearchParams(location.search).get("tab") || "clip";
</script>"""
JS = "() => import(`${window.gradio_config.root}/browser/main.js`)"
