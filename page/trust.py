"""How far an answer can be trusted: right how often at which confidence, and in other sound.

The figures are those of `measured.json`, which `python -m train report` writes.
"""

import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from page.drawn import PAIR
from page.language import ENGLISH, Say
from page.models import Model

SIZE, LEFT, BOTTOM = 300, 44, 40  # of the picture, and of the room beside it for its numbers
DASHES = ("", "6 4")  # of the second curve, which is also told by its colour
FEW = 0.005  # of all answers: a step that holds less is not drawn
WHERE = ("home", "abroad")


@cache
def measured() -> dict:
    """What was measured beyond the metrics of the checkpoints."""
    return json.loads(Path(__file__).with_name("measured.json").read_text())


def reliability(model: Model, say: Say = ENGLISH) -> str:
    """Picture and table: at which confidence an answer was right how often."""
    found = measured()["reliability"].get(recipe(model))
    if not found:
        return ""
    names = {
        "home": say("actors it never heard (RAVDESS)"),
        "abroad": say("corpora left out of its training"),
    }
    shown = {where: found[where] for where in WHERE if where in found}
    keys = "".join(
        f'<li><svg viewBox="0 0 40 12" width="40" height="12" aria-hidden="true">'
        f'<path d="M0 6H40" stroke="{PAIR[number]}" stroke-width="3" '
        f'stroke-dasharray="{DASHES[number]}"/></svg> {names[where]}</li>'
        for number, where in enumerate(shown)
    )
    told = say(
        "The thin line is where confidence would be right as often as it says; below it the model "
        "is too sure of itself."
    )
    return (
        f'<div class="trust"><figure>{_picture(shown, say)}<figcaption><ul>{keys}</ul><p>{told}</p>'
        f"</figcaption></figure>{folded(say('As a table'), _table(shown, names, say))}</div>"
    )


def _picture(shown: Mapping[str, Sequence[dict]], say: Say) -> str:
    def x(share: float) -> float:
        return LEFT + share * SIZE

    def y(share: float) -> float:
        return 10 + (1 - share) * SIZE

    drawn = f'<path d="M{x(0)} {y(0)}L{x(1)} {y(1)}" stroke="currentColor" stroke-opacity=".5"/>'
    for share in (0, 0.25, 0.5, 0.75, 1):
        drawn += (
            f'<path d="M{x(0)} {y(share)}H{x(1)}M{x(share)} {y(0)}V{y(1)}" stroke="currentColor" '
            f'stroke-opacity=".15"/><text x="{LEFT - 6}" y="{y(share) + 4}" text-anchor="end">'
            f'{100 * share:.0f}</text><text x="{x(share)}" y="{y(0) + 16}" text-anchor="middle">'
            f"{100 * share:.0f}</text>"
        )
    for number, steps in enumerate(shown.values()):
        points = [(x(s["confidence"]), y(s["right"])) for s in steps if s["share"] >= FEW]
        path = "L".join(f"{left:.1f} {top:.1f}" for left, top in points)
        drawn += (
            f'<path d="M{path}" fill="none" stroke="{PAIR[number]}" stroke-width="3" '
            f'stroke-dasharray="{DASHES[number]}"/>'
        ) + "".join(
            f'<circle cx="{left:.1f}" cy="{top:.1f}" r="4" fill="{PAIR[number]}"/>'
            for left, top in points
        )
    across = say("confidence, %")
    up = say("right, %")
    drawn += (
        f'<text x="{x(0.5)}" y="{y(0) + 34}" text-anchor="middle">{across}</text>'
        f'<text transform="translate(12 {y(0.5)}) rotate(-90)" text-anchor="middle">{up}</text>'
    )
    size = f"0 0 {LEFT + SIZE + 16} {SIZE + 10 + BOTTOM}"
    return f'<svg viewBox="{size}" aria-hidden="true" class="reliability">{drawn}</svg>'


def _table(shown: Mapping[str, Sequence[dict]], names: Mapping[str, str], say: Say) -> str:
    steps = sorted({step["from"] for found in shown.values() for step in found})
    rows = ""
    for step in steps:
        cells = ""
        for found in shown.values():
            one = next((s for s in found if s["from"] == step), None)
            cells += (
                f"<td>{say.percent(one['right'])}</td><td>{say.percent(one['share'])}</td>"
                if one
                else "<td>–</td><td>–</td>"
            )
        span = say("{low:.0f} to {high:.0f} %", low=100 * step, high=100 * step + 10)
        rows += f'<tr><th scope="row">{span}</th>{cells}</tr>'
    groups = "".join(f'<th scope="colgroup" colspan="2">{names[where]}</th>' for where in shown)
    heads = f'<th scope="col">{say("right")}</th><th scope="col">{say("of all answers")}</th>'
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{say("Right by confidence")}">'
        f'<table class="plain"><caption>{say("How often an answer was right, by its confidence")}'
        f'</caption><thead><tr><td></td>{groups}</tr><tr><th scope="col">{say("confidence")}</th>'
        f"{heads * len(shown)}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def other_sound(offered: Sequence[Model], say: Say = ENGLISH) -> str:
    """How answers change in noise, through other microphones and over a telephone."""
    rows = measured()["robustness"]
    if not rows:
        return ""
    names = {recipe(one): one.called(say) for one in offered}
    heard = [row["recipe"] for row in rows]
    note, first = "", recipe(offered[0])
    if first in measured()["reliability"] and first not in heard:
        first = next((name for name in heard if name not in names), None)
        names[first] = say("elder of {name}", name=offered[0].called(say))
        note = say(
            "For the model {name} this was not measured under its own name. The figures of its "
            "elder are shown: it sees the same layers of Whisper and learned from the same "
            "corpora, with fewer changed copies of their clips.",
            name=html.escape(offered[0].called(say)),
        )
        note = f"<p>{note}</p>"
    bodies = dict.fromkeys((name for name in heard if name in names), "")
    for row in rows:
        if row["recipe"] in names:
            bodies[row["recipe"]] += (
                f'<tr><th scope="row">{say(row["condition"])}</th>'
                f"<td>{say.percent(row['unchanged'])}</td><td>{say.percent(row['ua_before'])}</td>"
                f"<td>{say('{points:+.1f} points', points=100 * row['ua_change'])}</td></tr>"
            )
    tables = {name: _changes(names[name], body, say) for name, body in bodies.items()}
    own = tables.pop(first, "")
    others = folded(say("The other models"), "".join(tables.values())) if tables else ""
    return note + own + others


def _changes(name: str, body: str, say: Say) -> str:
    """One model's figures on the same clips, changed."""
    heads = ("change", "answers that stay", "right before", "right then")
    head = "".join(f'<th scope="col">{say(one)}</th>' for one in heads)
    title = say("The same clips by unheard actors (RAVDESS), changed: {name}", name=name)
    title = html.escape(title)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="plain"><caption>{title}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def folded(title: str, inside: str) -> str:
    """What not everybody wants to read, behind its title."""
    return f"<details><summary>{title}</summary>{inside}</details>"


def recipe(model: Model) -> str | None:
    """The recipe that a model's figures are about."""
    return next((row["recipe"] for row in model.told.metrics if "recipe" in row), None)
