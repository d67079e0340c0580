"""results/ablations.toml: what single training methods give, and the table of them.

The file names a `base` recipe, and in `[changed]` recipes that differ from it by one method, each
with a few words on it. All were screened: judged on validation speakers, with no test fold opened.
"""

import tomllib
from pathlib import Path

from train.corpora.splits import PRIMARY
from train.judge import evidence
from train.places import evidence_folder
from train.report import tables

FILE_NAME = "ablations.toml"


def ablation_lines(results: Path) -> list[str]:
    """One line a recipe, against the base on the same actors; none where there is no file.

    Raises ValueError for a recipe that was not screened.
    """
    path = results / FILE_NAME
    if not path.is_file():
        return []
    values = tomllib.loads(path.read_text())
    base = _screened(results, values["base"])
    header = ["recipe", "what is different", "folds", "validation UA, %"]
    header += [f"against {values['base']}, points (95 % interval)"]
    cells = []
    for recipe, what in {values["base"]: "", **values["changed"]}.items():
        folder = _screened(results, recipe)
        (row,) = evidence.read_rows(folder)
        gain = evidence.compare(base, folder, "validation")
        cells.append(
            [
                recipe,
                what,
                ", ".join(map(str, gain.folds)),
                tables.percent(row["ua"]),
                tables.gain(gain.ua, gain.low, gain.high) if what else "–",
            ]
        )
    return [
        "Each recipe changes one method of the first. It was judged on the validation actors of",
        "these folds alone, with one seed. The difference to the first is on the same folds,",
        "paired by actor.",
        "",
        *tables.markdown(header, cells),
    ]


def _screened(results: Path, recipe: str) -> Path:
    """The folder of the screening with the most folds."""
    whole = evidence_folder(recipe, results) / evidence.screening(PRIMARY)
    some = sorted(whole.parent.glob(f"{whole.name}-*"), key=lambda path: len(path.name))
    if not whole.is_dir() and not some:
        raise ValueError(f"{FILE_NAME} names {recipe}, and {results} holds no screening of it.")
    return whole if whole.is_dir() else some[-1]
