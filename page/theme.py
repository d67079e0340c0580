"""How the page looks, and what the browser runs when it opens it."""

from pathlib import Path

import gradio as gr

from page.language import told
from page.words import TITLE

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
# Before Gradio has laid the page out, and the scripts have built their elements, what they need
# room for has it, and what stands below them is not yet seen: nothing that is seen moves.
EARLY = """
.gradio-container { max-width: 1000px !important; margin: 0 auto !important; width: 100%;
  box-sizing: border-box; }
:root:not(.built) :is(#foot, footer) { visibility: hidden; }
.gradio-container:not(:has(#head h1)) .part { display: none !important; }
voice-source:not(:defined) { display: block; padding: 64px 0 60px; }
"""
# In every language of plain words: they stand in an attribute.
PREVIEW = (
    "Record a voice: a machine guesses which emotion it seems to express. Not for judging people."
)
# The part that is asked for shows at once. Gradio's own words are in the page's language, too, and
# so is what the page asks the server for: whatever language the browser has.
HEAD = f"""<meta property="og:title" content="{told(TITLE)}">
<meta property="og:description" content="{told(PREVIEW)}">
<meta property="og:type" content="website">
<style>{EARLY}</style>
<script>
for (const [name, value] of [["language", "{{language}}"], ["languages", ["{{language}}"]]]) {{
  Object.defineProperty(navigator, name, {{ get: () => value }});
}}
const fetchAsItIs = window.fetch;
window.fetch = (what, options) => {{
  const request = new Request(what, options);
  if (new URL(request.url).origin === location.origin) {{
    request.headers.set("Accept-Language", "{{language}}");
  }}
  return fetchAsItIs(request);
}};
document.documentElement.dataset.part = new URLSearchParams(location.search).get("tab") || "clip";
</script>"""
JS = "() => import(`${window.gradio_config.root}/browser/main.js`)"
