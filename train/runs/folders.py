"""Where runs lie, and the file that says what each of them is."""

import json
from dataclasses import asdict
from pathlib import Path

from train.corpora.splits import Split
from train.recipes.recipe import TABLES, Recipe

WHAT_NAME = "run.json"


def run_folder(base: Path, fold: int, seed: int) -> Path:
    """Where one fold's run lies."""
    return base / f"fold-{fold}-seed-{seed}"


def rehearsal_folder(base: Path, fold: int) -> Path:
    """Where one fold's rehearsal lies."""
    return base / f"fold-{fold}-rehearsal"


def pretraining_folder(runs: Path, recipe: Recipe, seed: int) -> Path:
    """Where the fit of a recipe that others start from lies."""
    return runs / recipe.name / "pretrain" / f"seed-{seed}"


def claim(run: Path, recipe: Recipe, split: Split, seed: int, data: str, **more: str) -> None:
    """Write what the run is into its folder, or refuse a folder that holds another one.

    Raises ValueError for a folder of another recipe, split or seed, or of another state of the
    data, or with another of the things named in `more`.
    """
    run.mkdir(parents=True, exist_ok=True)
    if not (run / WHAT_NAME).exists():
        (run / WHAT_NAME).write_text(_what(recipe, split, seed, data, **more))
    elif not is_claimed(run, recipe, split, seed, data, **more):
        raise ValueError(
            f"{run} holds a run of another recipe, split or state of the data: choose another "
            "--output, or delete it."
        )


def is_claimed(run: Path, recipe: Recipe, split: Split, seed: int, data: str, **more: str) -> bool:
    """Whether the folder holds just this run.

    What a recipe of an earlier day could not say yet counts as said by its default.
    """
    path = run / WHAT_NAME
    if not path.exists():
        return False
    try:
        held = json.loads(path.read_text())
        held["recipe"] = completed(held["recipe"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return held == json.loads(_what(recipe, split, seed, data, **more))


def completed(recipe: dict) -> dict:
    """A recipe as run.json holds it, with the defaults of what is missing in its tables."""
    defaults = {name: _plain(asdict(table())) for name, table in TABLES.items()}
    tables = {name: defaults[name] | recipe.get(name, {}) for name in TABLES}
    return {**recipe, **tables, "members": [completed(m) for m in recipe["members"]]}


def _plain(values: dict) -> dict:
    return json.loads(json.dumps(values, default=str))


def _what(recipe: Recipe, split: Split, seed: int, data: str, **more: str) -> str:
    what = {
        "recipe": asdict(recipe),
        "protocol": split.protocol,
        "fold": split.fold,
        "seed": seed,
        "data_sha256": data,
        **more,
    }
    return json.dumps(what, indent=2, default=str)


def claimed_seed(run: Path) -> int | None:
    """The seed of the run that a folder holds; None where it holds none."""
    path = run / WHAT_NAME
    return json.loads(path.read_text())["seed"] if path.exists() else None
