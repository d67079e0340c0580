"""The tables of who gets an answer: voices kept, other sounds refused."""

import json
from collections.abc import Sequence
from pathlib import Path

from train.report import tables

FOLDER = "gate"
AIMS = {"kept": 0.97, "refused": 0.95}
NOT_MEASURED = ("coughing, sneezing", "laughter", "crying of adults")
GROUPS = {
    "by_corpus": "corpus",
    "by_emotion": "emotion",
    "by_intensity": "intensity",
    "by_sex": "sex",
    "by_background": "noise of the class",
}


def gate_lines(results: Path) -> list[str]:
    """A part for each recipe with a speech head; none where nothing was measured."""
    rows = [row for path in sorted((results / FOLDER).glob("*.json")) for row in _read(path)]
    return [line for row in rows for line in _part(row)]


def _read(path: Path) -> list[dict]:
    return json.loads(path.read_text())


def _part(row: dict) -> list[str]:
    kept, refused = row["kept"], row["refused"]
    conditions = list(kept)
    aim, other_aim = (f"{100 * AIMS[name]:.0f} %" for name in ("kept", "refused"))
    return [
        f"Before every answer of `{row['recipe']}` its speech head decides whether anybody speaks",
        "or sings. One class of sounds at a time is left out, with it a fifth of the speakers, and",
        "thresholds are chosen without them; which state of the encoder is looked at, and the",
        "penalty, were chosen on these figures. TESS is only measured. The noise at 0 dB is of a",
        "class that the head had not heard. Whispers are synthetic: linear prediction with a noise",
        "source. The speech detector alone counts a voice from a quarter of a second of speech, a",
        "sound from any. Some clips of each corpus were taken; their number is in brackets. The",
        "model is asked before its weights become 8-bit integers.",
        f"The aim is {aim} of voices kept and {other_aim} of other sounds refused.",
        "",
        "Voices kept, %:",
        "",
        *tables.markdown(
            ["voices", *conditions],
            [
                ["all", *(_cell(kept[c]["all"]) for c in conditions)],
                ["the detector alone", *(_cell(kept[c]["detector_alone"]) for c in conditions)],
                *_group_rows(kept, conditions),
            ],
        ),
        "",
        "Other sounds refused, %, each class by a head that had not heard it:",
        "",
        *tables.markdown(
            ["sound", "refused"],
            [
                ["all", _cell(refused["all"])],
                ["the detector alone", _cell(refused["detector_alone"])],
                *([name.replace("_", " "), _cell(s)] for name, s in refused["by_class"].items()),
                *([name, "not measured"] for name in NOT_MEASURED),
            ],
        ),
        "",
        f"Called singing: {_cell(row['sung']['song'])} % of song, "
        f"{_cell(row['sung']['speech'])} % of speech.",
        "Of speech by corpus: "
        + ", ".join(f"{name} {_cell(share)} %" for name, share in row["sung"]["by_corpus"].items())
        + ".",
        "",
    ]


def _group_rows(kept: dict, conditions: Sequence[str]) -> list[list[str]]:
    rows = []
    for key, words in GROUPS.items():
        values = sorted({value for c in conditions for value in kept[c].get(key, {})})
        for value in values:
            cells = (kept[c].get(key, {}).get(value) for c in conditions)
            rows.append(
                [f"{words} {value.replace('_', ' ')}", *(_cell(s) if s else "–" for s in cells)]
            )
    return rows


def _cell(share: dict) -> str:
    if not share["n_clips"]:
        return "–"
    return f"{tables.percent(share['share'])} ({share['n_clips']:,})"
