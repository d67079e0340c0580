"""The stress report: one table a family of tests, a random model in each."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.corpora import CORPORA
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT
from train.judge.groups import SEX, SPEAKER
from train.judge.stress import OTHER_SOUNDS, STRESS_NAME
from train.places import evidence_folders
from train.report import tables

BOUNDS = {
    "unchanged": "{:.0f} % of answers stay",
    "ua_loss": "UA falls by {:.1f} points or less",
    "gap": "within {:.1f} points of all clips",
    "share": "{:.0f} % of the mean or more",
    "refused": "{:.0f} % refused",
}
READ_AS = {
    SEX: "Cells: the gap to all clips in points, and the emotion where it is widest. Precisions "
    "are of emotions that were answered ten times or more.",
    SPEAKER: "Cells: the tenth percentile as a share of the mean, and the speaker who is "
    "understood worst.",
    OTHER_SOUNDS: "Cells: the share that was refused, by the gate of these models, which stands "
    "before any head: the random one has the same.",
}
CHANGED = "Cells: answers that stay, and the change of UA in points."

Column = tuple[str, str | None]  # protocol, corpus


def stress_lines(results: Path, first: Sequence[str]) -> list[str]:
    """A part for each recipe that was put under stress; those of `first` before the others."""
    lines = []
    for folder in evidence_folders(results, first):
        files = sorted(folder.glob(f"*/{STRESS_NAME}"))
        if rows := [row for path in files for row in json.loads(path.read_text())]:
            lines += [*([""] if lines else []), *_part(folder.name, rows)]
    return lines


def _part(recipe: str, rows: Sequence[dict]) -> list[str]:
    own, n_own = _count(rows)
    chance, n_chance = _count([row.get("random", {"passed": None}) for row in rows])
    return [
        f"`{recipe}` under stress, by models that never heard the clips they judge: those of the",
        "folds on RAVDESS, and on each corpus those that left it out. Tests and bounds are made",
        "after audEERING's published ones (`ser-tests`), on other clips and other sounds. So the",
        "count must never be set beside audEERING's own 79 % of 615, which are other tests. The",
        "random model is the same encoder under a linear layer of random weights. Whoever always",
        "says the same changes no answer: read the count beside the UA of clips as recorded. Bold:",
        "the test failed. A clip in which no speech was heard counts as wrong. Sounds of",
        "backgrounds are none that training heard, white noise is drawn anew.",
        "",
        f"**{own} of {n_own} tests passed**, a test on a corpus counted as one; of the random",
        f"model {chance} of {n_chance}.",
        *(
            line
            for family in dict.fromkeys(r["family"] for r in rows)
            for line in _table(family, rows)
        ),
        *_missing_lines(rows),
    ]


def _count(rows: Sequence[dict]) -> tuple[int, int]:
    passed = [row["passed"] for row in rows if row["passed"] is not None]
    return sum(passed), len(passed)


def _table(family: str, rows: Sequence[dict]) -> list[str]:
    rows = [row for row in rows if row["family"] == family]
    columns: list[Column] = list(dict.fromkeys((r["protocol"], r["corpus"]) for r in rows))
    of = {(row["name"], row["protocol"], row["corpus"]): row for row in rows}
    lines = []
    for name in dict.fromkeys(row["name"] for row in rows):
        there = [of[name, *column] for column in columns if (name, *column) in of]
        cells = [_cell(of.get((name, *column))) for column in columns]
        lines.append([_name(there[0]), _bounds(there), *cells, _chance(there)])
    return [
        "",
        f"### {family.capitalize()}",
        "",
        READ_AS.get(family, CHANGED),
        "",
        *tables.markdown(["test", "must hold", *map(column_title, columns), "random model"], lines),
    ]


def column_title(column: Column) -> str:
    """Whose clips were judged, and by which models."""
    protocol, corpus = column
    title = CORPORA[corpus].title if corpus else "by the models of"
    how = "left out" if protocol.startswith(LEAVE_ONE_CORPUS_OUT) else f"`{protocol}`"
    return f"{title}, {how}" if corpus else f"{title} `{protocol}`"


def _name(row: dict) -> str:
    rt60_s = row.get("measured_rt60_s")
    return row["name"] + (f" (measured: {rt60_s:.2f} s)" if rt60_s else "")


def _bounds(rows: Sequence[dict]) -> str:
    bounds = next((row["bounds"] for row in rows if row.get("bounds")), {})
    words = [BOUNDS[name].format(100 * bound) for name, bound in bounds.items()]
    return ", ".join(words) or "no bound"


def _cell(row: dict | None) -> str:
    if row is None or _figures(row) is None:
        return "–"
    worst = f" ({row['worst'].replace('_', ' ')})" if row.get("worst") else ""
    text = _figures(row) + worst
    return f"**{text}**" if row["passed"] is False else text


def _figures(row: dict) -> str | None:
    if "refused" in row:
        return tables.percent(row["refused"])
    if "unchanged" in row:
        change = tables.points(row["ua_after"] - row["ua_before"])
        return f"{tables.percent(row['unchanged'])}, {change}"
    if row.get("value") is None:
        return None
    return tables.percent(row["value"]) if row["family"] == SPEAKER else tables.points(row["value"])


def _chance(rows: Sequence[dict]) -> str:
    """Means over the corpora, and how many of them passed."""
    of_random = [{**row["random"], "family": row["family"]} for row in rows if "random" in row]
    of_random = [row for row in of_random if _figures(row) is not None]
    if not of_random:
        return "–"
    passed, n = _count(of_random)
    verdict = f"{passed} of {n} passed" if n else ""
    names = [k for k in ("refused", "unchanged", "ua_before", "ua_after") if k in of_random[0]]
    if not names:
        return verdict
    mean = {name: float(np.mean([row[name] for row in of_random])) for name in names}
    return "; ".join(filter(None, [_figures({**mean, "family": rows[0]["family"]}), verdict]))


def _missing_lines(rows: Sequence[dict]) -> list[str]:
    """What was not measured, and why."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.get("reason"):
            where = f"{row['family']}, {row['name']}" if row["n_clips"] == 0 else row["family"]
            where += (
                f" on {CORPORA[row['corpus']].title}" if row["corpus"] and row["n_clips"] else ""
            )
            reasons.setdefault(row["reason"], []).append(where)
    if not reasons:
        return []
    said = "; ".join(f"{', '.join(dict.fromkeys(w))}: {reason}" for reason, w in reasons.items())
    return ["", f"Not measured, or without a verdict: {said}."]
