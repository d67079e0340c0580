"""About: how it works, how often it is right, what it must not be used for."""

import html
from collections.abc import Sequence

import gradio as gr

from page import words
from page.answer import named
from page.clip import EXAMPLES
from page.figures import CROSS, LEFT_OUT
from page.language import ENGLISH, Say, in_each
from page.models import Model
from page.steps import pictures
from page.trust import folded, other_sound, reliability
from ser.checkpoints.checkpoint import expected_row
from ser.labels import EMOTIONS, LABELS
from ser.pipeline import EmotionPipeline
from ser.prediction import Prediction

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


def about(pipeline: EmotionPipeline, offered: Sequence[Model], is_shared: bool) -> None:
    """Lay the part out inside the current Blocks."""
    example = pipeline.predict(EXAMPLES / "high-and-slow.flac")
    text = in_each(lambda say: chapters(example, offered, is_shared, say))
    gr.HTML(text, js_on_load=None, elem_id="about")


def chapters(
    example: Prediction, offered: Sequence[Model], is_shared: bool, say: Say = ENGLISH
) -> str:
    """All of it, each chapter under its title; `example` is what the pictures show."""
    metrics = offered[0].told.metrics
    parts = {
        "Limits, law and privacy": words.notice(metrics, is_shared, say)
        + law(say)
        + (_taking_back(say) if is_shared else ""),
        "How it works": pictures(example, say),
        "How often it is right": protocol(metrics, say) + recalls(metrics, say),
        "How far its confidence can be trusted": trusted(metrics, say)
        + reliability(offered[0], say),
        "What it takes for what": confusions(metrics, say),
        "At home and in other recordings": elsewhere(offered, say),
        "In noise, and over a telephone": other_sound(offered, say),
        "What it learned from": corpora(metrics, say),
        "For programs": _snippet(say),
    }
    return "".join(f"<h2>{say(title)}</h2>{text}" for title, text in parts.items() if text)


def law(say: Say = ENGLISH) -> str:
    """What may be done with it."""
    licence = say(
        "The weights may be used for nothing that is paid for (CC BY-NC-SA 4.0): they learned from "
        "recordings under such licences. The code is under Apache-2.0."
    )
    act = say(
        "In the European Union, inferring emotions of people at work or in education is prohibited "
        "(EU AI Act, Art. 5(1)(f)); elsewhere such a system has to tell people that it listens "
        "(Art. 50(3)). A voice is personal data (GDPR): judge your own, or that of somebody who "
        "agreed."
    )
    return f"<p>{licence}</p><p>{act}</p>"


def protocol(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """In plain words, how the figures came about."""
    if expected_row(metrics) is None:
        return f"<p>{say('Not measured yet.')}</p>"
    text = say(
        "The 24 actors of RAVDESS were divided into six groups. Each group was judged by a model "
        "that had never heard it, so every figure is about voices that were new. Guessing would be "
        "right {chance:.1f} % of the time.",
        chance=12.5,
    )
    return f"<p>{text}</p>"


def recalls(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """Of each emotion's clips, the share that was recognised."""
    row = expected_row(metrics)
    if row is None:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{named(e, say)}</th><td class="bar"><span class="rail" '
        f'aria-hidden="true"><span style="width:{100 * share:.0f}%;background:{e.color}"></span>'
        f'</span><span class="share">{say.percent(share)}</span></td></tr>'
        for e in EMOTIONS
        if (share := row["per_class"].get(e.name)) is not None
    )
    caption = say("Recognised, of the clips that were meant so")
    return f'<table class="bars"><caption>{caption}</caption><tbody>{rows}</tbody></table>'


def trusted(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """How often the most confident answers are right: what a confidence is worth."""
    row = expected_row(metrics)
    if row is None or "coverage" not in row:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{say.percent(float(part))}</th><td>{say.percent(right)}</td></tr>'
        for part, right in sorted(row["coverage"].items(), key=lambda pair: float(pair[0]))
    )
    text = say(
        "Its confidence is off by {points:.1f} percentage points on average (ECE) with such "
        "actors; in other recordings by far more.",
        points=100 * row["ece"],
    )
    return f"<p>{text}</p>" + folded(
        say("Its most confident answers"),
        '<table class="plain"><thead><tr>'
        f'<th scope="col">{say("of all answers, the most confident")}</th>'
        f'<th scope="col">{say("right")}</th></tr></thead><tbody>{rows}</tbody></table>',
    )


def confusions(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """A table of what was meant against what was answered, in percent of what was meant."""
    row = expected_row(metrics)
    if row is None or "confusion" not in row:
        return ""
    head = "".join(f'<th scope="col">{say(name)}</th>' for name in LABELS)
    body = ""
    for name, counts in zip(LABELS, row["confusion"], strict=True):
        total = sum(counts) or 1
        cells = "".join(
            f'<td style="--share:{count / total:.2f}">{100 * count / total:.0f}</td>'
            for count in counts
        )
        body += f'<tr><th scope="row">{say(name)}</th>{cells}</tr>'
    caption = say("Rows: what was meant; columns: what it said; in percent of the row")
    title = say("What it takes for what")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="confusion"><caption>{caption}</caption><thead><tr><td></td>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def elsewhere(offered: Sequence[Model], say: Say = ENGLISH) -> str:
    """Each model with unheard actors, and in corpora it never heard."""
    rows = ""
    for one in offered:
        known = [row for row in one.told.metrics if row.get("protocol") in (CROSS, LEFT_OUT)]
        home = expected_row(one.told.metrics)
        tested = [(say("RAVDESS, unheard actors"), home)] if home else []
        tested += [(_heard(row, say), row) for row in known]
        for text, row in tested:
            n = say("{n:,}", n=row.get("n_clips", 0))
            rows += (
                f'<tr><th scope="row">{html.escape(one.called(say))}</th>'
                f"<td>{html.escape(text)}</td><td>{n}</td>"
                f"<td>{say.percent(_right(row))}</td></tr>"
            )
    if not rows:
        return ""
    heads = ("model", "recordings", "clips", "right")
    head = "".join(f'<th scope="col">{say(name)}</th>' for name in heads)
    caption = say("Right (UA: the mean over the emotions)")
    return (
        f'<table class="plain"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _right(row: dict) -> float:
    """As the page's first line counts it."""
    return row["ua_restricted"] if row.get("protocol") == LEFT_OUT else row["ua"]


def _heard(row: dict, say: Say) -> str:
    """Which corpus a row is about, as far as it says so."""
    tested = row.get("tested_on") or say("another corpus")
    names = [tested] if isinstance(tested, str) else tested
    return ", ".join(CORPORA.get(name, str(name)).split(",")[0] for name in names)


def corpora(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """What it learned from, with licences."""
    row = expected_row(metrics)
    if row is None or not row.get("corpora"):
        return ""
    names = [say(CORPORA[n]) if n in CORPORA else n for n in row["corpora"]]
    items = "".join(f"<li>{html.escape(name)}</li>" for name in names)
    acted = say("Acted speech; nobody's everyday talk.")
    return f"<p>{acted}</p><ul>{items}</ul>"


def _taking_back(say: Say) -> str:
    text = say(
        "A recording that you shared is taken back with its receipt, at the end of <a "
        'href="?tab=clip" data-part="clip">Clip</a> or <a href="?tab=long" '
        'data-part="long">Long</a>.'
    )
    return f"<p>{text}</p>"


def _snippet(say: Say) -> str:
    text = say(
        "<code>pip install gradio_client</code> first. Long recordings, many files and a live "
        "voice have endpoints, too: “Use via API” below, and docs/api.md."
    )
    return (
        f'<pre class="command" tabindex="0" data-address>{html.escape(SNIPPET)}</pre><p>{text}</p>'
    )
