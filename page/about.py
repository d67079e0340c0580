"""About: how it works, how often it is right, what it must not be used for."""

import html
from collections.abc import Sequence

import gradio as gr

from page import words
from page.clip import EXAMPLES
from page.figures import CROSS, LEFT_OUT
from page.models import Model
from page.steps import pictures
from ser.checkpoints.checkpoint import expected_row
from ser.labels import EMOTIONS, LABELS
from ser.pipeline import EmotionPipeline
from ser.plots import percent

SNIPPET = """from gradio_client import Client, handle_file

client = Client("{address}")
clip = handle_file("{address}/examples/high-and-slow.flac")  # or the path of a file
prediction = client.predict(clip=clip, api_name="/predict")
print(prediction["label"], prediction["probabilities"])"""
CORPORA = {  # as the metrics name them: what it is, under which licence
    "ravdess": "RAVDESS, 24 North American actors (CC BY-NC-SA 4.0)",
    "ravdess-song": "RAVDESS song (CC BY-NC-SA 4.0)",
    "cremad": "CREMA-D, 91 actors in the USA (ODbL 1.0)",
    "tess": "TESS, two actresses in Canada (CC BY-NC-ND 4.0)",
    "savee": "SAVEE, four British men (research only)",
    "emodb": "EmoDB, ten German actors (free, citation asked)",
    "emovo": "EMOVO, six Italian actors (research, non-commercial)",
    "iemocap": "IEMOCAP, ten actors in dialogue (research only)",
}
LAW = """
<p>The weights may be used for nothing that is paid for (CC BY-NC-SA 4.0): they learned from
recordings under such licences. The code is under Apache-2.0.</p>
<p>In the European Union, inferring emotions of people at work or in education is prohibited (EU AI
Act, Art. 5(1)(f)); elsewhere such a system has to tell people that it listens (Art. 50(3)). A voice
is personal data (GDPR): judge your own, or that of somebody who agreed.</p>"""


def about(pipeline: EmotionPipeline, offered: Sequence[Model], is_shared: bool) -> None:
    """Lay the part out inside the current Blocks."""
    metrics = offered[0].told.metrics
    example = pipeline.predict(EXAMPLES / "high-and-slow.flac")
    parts = {
        "Limits, law and privacy": words.notice(metrics, is_shared) + LAW + _taking_back(is_shared),
        "How it works": pictures(example),
        "How often it is right": protocol(metrics) + recalls(metrics) + trusted(metrics),
        "What it takes for what": confusions(metrics),
        "At home and in other recordings": elsewhere(offered),
        "What it learned from": corpora(metrics),
        "For programs": _snippet(),
    }
    gr.HTML(
        "".join(f"<h2>{title}</h2>{text}" for title, text in parts.items() if text),
        js_on_load=None,
        elem_id="about",
    )


def protocol(metrics: Sequence[dict]) -> str:
    """In plain words, how the figures came about."""
    if expected_row(metrics) is None:
        return "<p>Not measured yet.</p>"
    return (
        "<p>The 24 actors of RAVDESS were divided into six groups. Each group was judged by a "
        "model that had never heard it, so every figure is about voices that were new. Guessing "
        "would be right 12.5 % of the time.</p>"
    )


def recalls(metrics: Sequence[dict]) -> str:
    """Of each emotion's clips, the share that was recognised."""
    row = expected_row(metrics)
    if row is None:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{e.emoji} {e.name}</th><td class="bar"><span class="rail" '
        f'aria-hidden="true"><span style="width:{100 * share:.0f}%;background:{e.color}"></span>'
        f'</span><span class="share">{percent(share)}</span></td></tr>'
        for e in EMOTIONS
        if (share := row["per_class"].get(e.name)) is not None
    )
    return (
        '<table class="bars"><caption>Recognised, of the clips that were meant so</caption>'
        f"<tbody>{rows}</tbody></table>"
    )


def trusted(metrics: Sequence[dict]) -> str:
    """How often the most confident answers are right: what a confidence is worth."""
    row = expected_row(metrics)
    if row is None or "coverage" not in row:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{percent(float(part))}</th><td>{percent(right)}</td></tr>'
        for part, right in sorted(row["coverage"].items(), key=lambda pair: float(pair[0]))
    )
    return (
        '<table class="plain"><caption>How far its confidence can be trusted</caption><thead><tr>'
        '<th scope="col">of all answers, the most confident</th><th scope="col">right</th></tr>'
        f"</thead><tbody>{rows}</tbody></table><p>Its confidence is off by {100 * row['ece']:.1f} "
        "percentage points on average (ECE) with such actors; in other recordings by far more.</p>"
    )


def confusions(metrics: Sequence[dict]) -> str:
    """A table of what was meant against what was answered, in percent of what was meant."""
    row = expected_row(metrics)
    if row is None or "confusion" not in row:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in LABELS)
    body = ""
    for name, counts in zip(LABELS, row["confusion"], strict=True):
        total = sum(counts) or 1
        cells = "".join(
            f'<td style="--share:{count / total:.2f}">{100 * count / total:.0f}</td>'
            for count in counts
        )
        body += f'<tr><th scope="row">{name}</th>{cells}</tr>'
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="What it takes for what">'
        '<table class="confusion"><caption>Rows: what was meant; columns: what it said; in percent '
        f"of the row</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def elsewhere(offered: Sequence[Model]) -> str:
    """Each model with unheard actors, and in corpora it never heard."""
    rows = ""
    for one in offered:
        known = [row for row in one.told.metrics if row.get("protocol") in (CROSS, LEFT_OUT)]
        home = expected_row(one.told.metrics)
        named = [("RAVDESS, unheard actors", home)] if home else []
        named += [(_heard(row), row) for row in known]
        for text, row in named:
            n = f"{row.get('n_clips', 0):,}"
            rows += (
                f'<tr><th scope="row">{html.escape(one.name)}</th><td>{html.escape(text)}</td>'
                f"<td>{n}</td><td>{percent(_right(row))}</td></tr>"
            )
    if not rows:
        return ""
    return (
        '<table class="plain"><caption>Right (UA: the mean over the emotions)</caption><thead><tr>'
        '<th scope="col">model</th><th scope="col">recordings</th><th scope="col">clips</th>'
        f'<th scope="col">right</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _right(row: dict) -> float:
    """As the page's first line counts it."""
    return row["ua_restricted"] if row.get("protocol") == LEFT_OUT else row["ua"]


def _heard(row: dict) -> str:
    """Which corpus a row is about, as far as it says so."""
    tested = row.get("tested_on") or "another corpus"
    names = [tested] if isinstance(tested, str) else tested
    return ", ".join(CORPORA.get(name, str(name)).split(",")[0] for name in names)


def corpora(metrics: Sequence[dict]) -> str:
    """What it learned from, with licences."""
    row = expected_row(metrics)
    if row is None or not row.get("corpora"):
        return ""
    items = "".join(f"<li>{html.escape(CORPORA.get(n, n))}</li>" for n in row["corpora"])
    return f"<p>Acted speech; nobody's everyday talk.</p><ul>{items}</ul>"


def _taking_back(is_shared: bool) -> str:
    if not is_shared:
        return ""
    return (
        "<p>A recording that you shared is taken back with its receipt, at the end of "
        '<a href="?tab=clip" data-part="clip">Clip</a>.</p>'
    )


def _snippet() -> str:
    text = html.escape(SNIPPET)
    return (
        f'<pre class="command" tabindex="0" data-address>{text}</pre><p><code>pip install '
        "gradio_client</code> first. Long recordings, many files and a live voice have endpoints, "
        "too: “Use via API” below, and docs/api.md.</p>"
    )
