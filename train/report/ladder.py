"""results/ladder.toml: the way from the founding recipe to the best one, and its table.

The file names recipes in order, each with one sentence on what changed; their figures come from
results/. The last step is the best recipe; an `[[alternative]]` was measured to take its place, and
did not; `opened` tells of other looks at the test folds. Recipes that were measured on some folds
only, because they fell behind, have a table of their own, beside the founding recipe on the same
folds; `[tried]` says what they changed.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ser.checkpoints.checkpoint import METRICS_NAME
from train.corpora import CORPORA
from train.corpora.splits import PRIMARY
from train.judge import evidence
from train.places import evidence_folder, evidence_folders
from train.recipes.load import load_recipe
from train.report import tables

FOUNDING = "founding"


@dataclass(frozen=True)
class Step:
    """One recipe and what it changed; `folder` holds its figures, of all folds or of some.

    One that `is_kept` stays selectable, whatever came after it.
    """

    recipe: str
    what: str
    folder: Path
    is_kept: bool = False

    @property
    def rows(self) -> dict[str, dict]:
        """Its metrics rows by part."""
        return {row["part"]: row for row in evidence.read_rows(self.folder)}


@dataclass(frozen=True)
class Ladder:
    """The steps in order, recipes that did not replace the last one, and what others `tried`."""

    steps: tuple[Step, ...]
    alternatives: tuple[Step, ...]
    tried: dict[str, str]
    opened: tuple[str, ...]

    @property
    def best(self) -> Step:
        """The last step."""
        return self.steps[-1]

    @property
    def chosen(self) -> list[str]:
        """The founding recipe, the last one, and kept ones between: told about in detail."""
        kept = [step.recipe for step in self.steps if step.is_kept]
        return list(dict.fromkeys([FOUNDING, *kept, self.best.recipe]))


def load_ladder(results: Path) -> Ladder:
    """Read ladder.toml; ValueError for a step without figures, or a best that is not measured."""
    with (results / "ladder.toml").open("rb") as file:
        values = tomllib.load(file)
    steps, alternatives = (
        tuple(
            Step(
                step["recipe"],
                step["what"],
                _folder(results, step["recipe"]),
                step.get("kept", False),
            )
            for step in values.get(kind, ())
        )
        for kind in ("step", "alternative")
    )
    best = steps[-1].recipe
    if not (evidence_folder(best, results) / PRIMARY).is_dir():
        raise ValueError(f"The best recipe, {best}, was not measured on {PRIMARY}.")
    return Ladder(steps, alternatives, values.get("tried", {}), tuple(values.get("opened", ())))


def _folder(results: Path, recipe: str) -> Path:
    """Figures of all folds, else of the most that there are."""
    whole = evidence_folder(recipe, results) / PRIMARY
    if whole.is_dir():
        return whole
    some = [path for path in partial_folders(results) if path.parent.name == recipe]
    if not some:
        raise ValueError(f"ladder.toml names {recipe}, and {results} holds no figures of it.")
    return max(some, key=lambda path: len(path.name))


def ladder_lines(ladder: Ladder) -> list[str]:
    """One line a step: figures, gain over the step before, evidence and cost."""
    before: list[Step | None] = [None, *ladder.steps[:-1]]
    return _step_table(zip(before, ladder.steps, strict=True), "the line before")


def alternative_lines(ladder: Ladder) -> list[str]:
    """The same of recipes that did not replace the best one, each beside that."""
    pairs = [(ladder.best, step) for step in ladder.alternatives]
    return _step_table(pairs, ladder.best.recipe) if pairs else []


def _step_table(pairs: Iterable[tuple[Step | None, Step]], before: str) -> list[str]:
    header = ["recipe", "what changed", "validation UA, %", "test UA, % (95 % interval)"]
    header += [f"gain over {before}, points", "seeds", "folds", "minutes a training"]
    header += ["parameters"]
    return tables.markdown(header, [_step_cells(*pair) for pair in pairs])


def _step_cells(before: Step | None, step: Step) -> list[object]:
    rows = step.rows
    test = rows["test"]
    return [
        step.recipe,
        step.what,
        tables.percent(rows["validation"]["ua"]),
        tables.ua(test),
        "–" if before is None else _gain(before.folder, step.folder, "test"),
        len(test["seeds"]),
        _folds(test),
        _minutes(test),
        f"{test['n_parameters']:,}",
    ]


def _gain(before: Path, after: Path, part: str) -> str:
    found = evidence.compare(before, after, part)
    return tables.gain(found.ua, found.low, found.high)


def _folds(row: dict) -> str:
    n_folds = len({fold["fold"] for fold in row["per_fold"]})
    return f"**{n_folds} of {row['n_folds']}**" if "folds" in row else f"all {n_folds}"


def _minutes(row: dict) -> str:
    return f"{row['minutes'] / len(row['per_fold']):.1f}"


def whole_folders(results: Path) -> list[Path]:
    """Figures of all folds of the primary protocol, by recipe."""
    return [path for of in evidence_folders(results) if (path := of / PRIMARY).is_dir()]


def partial_folders(results: Path) -> list[Path]:
    """Figures of some folds of the primary protocol, by recipe."""
    return [
        path.parent
        for recipe in evidence_folders(results)
        for path in sorted(recipe.glob(f"{PRIMARY}-folds-*/{METRICS_NAME}"))
    ]


def partial_lines(results: Path, ladder: Ladder) -> list[str]:
    """What fell behind on some folds, beside the founding recipe on the same folds."""
    what = {step.recipe: step.what for step in ladder.steps} | ladder.tried
    founding = evidence_folder(FOUNDING, results) / PRIMARY
    header = ["recipe", "what changed", "folds", "seeds", "validation UA, %", "test UA, %"]
    header += ["against founding, same folds: validation", "test, points (95 % interval)"]
    cells = []
    for folder in partial_folders(results):
        rows = {row["part"]: row for row in evidence.read_rows(folder)}
        test = rows["test"]
        if (folder.parent / PRIMARY).is_dir():
            continue  # the whole protocol says more
        cells.append(
            [
                test["recipe"],
                what.get(test["recipe"], ""),
                ", ".join(map(str, test["folds"])) + f" of {test['n_folds']}",
                len(test["seeds"]),
                tables.percent(rows["validation"]["ua"]),
                tables.percent(test["ua"]),
                *(_gain(founding, folder, part) for part in ("validation", "test")),
            ]
        )
    return tables.markdown(header, cells) if cells else []


def single_lines(results: Path, ladder: Ladder) -> list[str]:
    """Whole figures of recipes that are no line of the ladder: members, students, their peers."""
    told = {step.recipe for step in (*ladder.steps, *ladder.alternatives)}
    cells = []
    for folder in whole_folders(results):
        if folder.parent.name in told:
            continue
        rows = {row["part"]: row for row in evidence.read_rows(folder)}
        cells.append(
            [
                folder.parent.name,
                _description(rows["test"]),
                tables.percent(rows["validation"]["ua"]),
                tables.ua(rows["test"]),
                len(rows["test"]["seeds"]),
                _minutes(rows["test"]),
            ]
        )
    header = ["recipe", "what it is", "validation UA, %", "test UA, % (95 % interval)", "seeds"]
    return tables.markdown([*header, "minutes a training"], cells) if cells else []


def _description(row: dict) -> str:
    """The recipe's own words, or the corpora where it is one on other corpora, without a file."""
    try:
        return load_recipe(row["recipe"]).description
    except ValueError:
        return f"Trained on {', '.join(CORPORA[name].title for name in row['corpora'])}."


def opened_lines(results: Path, ladder: Ladder) -> list[str]:
    """Say for how many recipes the test folds were opened: each look may flatter the best one."""
    whole = [path.parent.name for path in whole_folders(results)]
    some = sorted({path.parent.name for path in partial_folders(results)} - set(whole))
    said = f"Recipes whose test folds of `{PRIMARY}` were opened ({len(whole) + len(some)}): "
    said += ", ".join([*whole, *(f"{name} (some folds)" for name in some)])
    besides = ["", f"Opened besides: {'; '.join(ladder.opened)}."] if ladder.opened else []
    return [said + ".", *besides]
