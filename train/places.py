"""Where everything lies: recipes, evidence, runs, kept fits, corpora, caches."""

import os
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "train" / "recipes"
KEPT_FITS = ROOT / "train" / "kept_fits"  # fits that come with the code; see its README.md
RESULTS = ROOT / "results"
RUNS = ROOT / "runs"
SUBFOLDERS = (".", "zoo", "ablations")  # of recipes, and of their evidence


def data_root() -> Path:
    """Where corpora lie: `SER_DATA`, else ~/.cache/ser/data."""
    return Path(os.environ.get("SER_DATA") or Path.home() / ".cache/ser/data").expanduser()


def cache_root() -> Path:
    """Where features are kept: `SER_CACHE`, else ~/.cache/ser/features."""
    return Path(os.environ.get("SER_CACHE") or Path.home() / ".cache/ser/features").expanduser()


def recipe_files() -> list[Path]:
    """Every recipe that has a name, parts of several not among them."""
    return [path for room in SUBFOLDERS for path in (RECIPES / room).glob("*.toml")]


def evidence_folder(recipe: str, results: Path = RESULTS) -> Path:
    """Where a recipe's committed figures lie: in the room of the recipe."""
    room = next((room for room in SUBFOLDERS if (RECIPES / room / f"{recipe}.toml").exists()), ".")
    return results / room / recipe


def evidence_folders(results: Path = RESULTS, first: Sequence[str] = ()) -> list[Path]:
    """Those of all recipes: of the `first` ones in their order, then of the others by name."""

    def rank(folder: Path) -> tuple[int, str]:
        name = folder.name
        return (first.index(name) if name in first else len(first)), name

    found = (path for room in SUBFOLDERS for path in (results / room).glob("*/"))
    return sorted((path for path in found if path.name not in SUBFOLDERS), key=rank)
