"""Tables of answers under other sound."""

import json
from collections.abc import Sequence
from pathlib import Path

from train.corpora.splits import PRIMARY
from train.judge.robustness import ROBUSTNESS_NAME, beside
from train.places import evidence_folders
from train.report import tables
from train.report.ladder import FOUNDING


def robustness_lines(results: Path, recipes: Sequence[str]) -> list[str]:
    """What answers do under other conditions, and whether the best recipe is more brittle."""
    found = [
        json.loads(path.read_text())
        for folder in evidence_folders(results, recipes)
        for path in sorted(folder.glob(f"*/{ROBUSTNESS_NAME}"))
    ]
    if not found:
        return []
    header = ["recipe", "protocol", "clips", "seeds", "condition", "answers that stay, %"]
    header += ["UA before, %", "UA changed by, points (95 % interval)"]
    lines = tables.markdown(
        header,
        [
            [
                row["recipe"],
                tables.protocol_words(row["protocol"]),
                f"{row['part']}, {row['n_clips']}",
                len(row["seeds"]),
                row["condition"],
                tables.percent(row["unchanged"]),
                tables.percent(row["ua_before"]),
                tables.gain(row["ua_change"], *row["ua_change_ci95"]),
            ]
            for rows in found
            for row in rows
        ],
    )
    lines = [
        "The test clips, changed. A change is easier for a model that learned from copies of its",
        "kind (`[augment]` in the recipe). The best recipe learned copies in rooms, in noise,",
        "through dull microphones and over telephones. The clips judged here are others, and so is",
        "the noise.",
        "",
        *lines,
    ]
    primary = {rows[0]["recipe"]: rows for rows in found if rows[0]["protocol"] == PRIMARY}
    if not set(primary).issuperset(recipes) or len(recipes) < 2:
        return lines
    return [*lines, "", *_brittle_lines(primary[recipes[-1]], primary[FOUNDING])]


def _brittle_lines(rows: Sequence[dict], reference: Sequence[dict]) -> list[str]:
    """Whether the recipe of `rows` is more brittle than that of `reference`, and by how much."""
    found = beside(rows, reference)
    worse = [name for name, pairs in found.items() if any(high < 0 for *_, high in pairs.values())]
    best, founding = rows[0]["recipe"], reference[0]["recipe"]
    return [
        f"{best} minus {founding}, paired by actor. Where an interval lies below zero, {best} is",
        f"the more brittle one: {'; '.join(worse) if worse else 'under none of these'}.",
        "",
        *tables.markdown(
            ["condition", "answers that stay, points", "change of UA, points"],
            [
                [name, *(tables.gain(*pairs[key]) for key in ("unchanged", "ua_change"))]
                for name, pairs in found.items()
            ],
        ),
    ]
