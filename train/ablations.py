"""results/ablations.toml: what single training methods give, and the table of them.

The file names a `base` recipe, and in `[changed]` recipes that differ from it by one method, each
with a few words on it. All were screened: judged on validation speakers, with no test fold opened.
"""

import tomllib
from pathlib import Path

from train import evidence, tables
from train.ladder import PRIMARY

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
        "Judged on the validation actors alone, one seed; paired by actor.",
        "",
        *tables.markdown(header, cells),
    ]


def _screened(results: Path, recipe: str) -> Path:
    """The folder of the screening with the most folds."""
    found = sorted(
        (results / recipe).glob(f"{evidence.screening(PRIMARY)}*"), key=lambda path: path.name
    )
    if not found:
        raise ValueError(f"{FILE_NAME} names {recipe}, and {results} holds no screening of it.")
    return found[0]
