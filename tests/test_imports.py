"""app -> server, page -> ser <- train, rooms in order, and what serving must not import."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "ser": {
        *("app", "page", "server", "train", "tests"),
        *("gradio", "librosa", "scipy", "matplotlib", "sklearn"),
    },
    "page": {"app", "server", "train", "tests"},
    "server": {"app", "page", "train", "tests"},
    "train": {"app", "page", "server", "gradio", "tests"},
}
# Each room of train/ imports from itself and from those before it.
TRAIN_ROOMS = ("", "corpora", "clips", "recipes", "fit", "judge", "runs", "report", "release")
LONGEST = 300  # lines of a module that is read in one sitting


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: absolute imports only"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules() -> dict[str, Path]:
    """Every module outside tests, by its dotted name."""
    found = {}
    for path in [*ROOT.glob("*.py"), *(p for top in FORBIDDEN for p in (ROOT / top).rglob("*.py"))]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_direction(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        top_levels = {name.split(".")[0] for name in imports_of(path)}
        assert not top_levels & FORBIDDEN[package], path


def test_only_the_app_stands_at_the_top_and_it_does_not_train():
    assert [path.name for path in ROOT.glob("*.py")] == ["app.py"]
    assert not {n.split(".")[0] for n in imports_of(ROOT / "app.py")} & {"train", "tests"}


def room(module: str) -> str:
    """The room of a module of train/; its top floor is a room, too."""
    name = module.split(".")[1] if "." in module else ""
    return name if (ROOT / "train" / name).is_dir() else ""


def test_rooms_of_training_import_only_from_those_above():
    known = modules()
    rooms = {path.name for path in (ROOT / "train").iterdir() if list(path.glob("*.py"))}
    assert rooms == set(TRAIN_ROOMS) - {""}
    for module, path in known.items():
        if not module.startswith("train") or module in ("train", "train.__main__"):
            continue
        here = TRAIN_ROOMS.index(room(module))
        for name in imports_of(path) & set(known):
            if name.startswith("train"):
                assert TRAIN_ROOMS.index(room(name)) <= here, f"{module} imports {name}"


def test_figures_need_no_training_code():
    for path in (ROOT / "train" / "judge").glob("*.py"):
        used = {name for name in imports_of(path) if name.startswith("train.")}
        assert not {name for name in used if room(name) in ("recipes", "fit")}, path


def test_no_modules_import_each_other_in_a_circle():
    """Late imports count, too; a package's `__init__` may name its own modules."""
    known = modules()
    graph = {
        module: {n for n in imports_of(path) & set(known) if not module.startswith(f"{n}.")}
        for module, path in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_modules_are_read_in_one_sitting():
    long = [name for name, p in modules().items() if len(p.read_text().splitlines()) > LONGEST]
    assert long == []


def test_plots_and_labels_know_no_model():
    for name in ("plots", "sentences", "labels"):
        found = imports_of(ROOT / "ser" / f"{name}.py")
        assert not {n for n in found if n.startswith(("ser.models", "ser.checkpoints", "torch"))}


def test_serving_loads_no_training_library():
    code = (
        "import sys; from ser.pipeline import EmotionPipeline; from ser.checkpoints."
        "checkpoint import GOLDEN_CLIP; EmotionPipeline.from_pretrained().predict(GOLDEN_CLIP); "
        "print([m for m in ('librosa', 'scipy', 'numba', 'sklearn', 'matplotlib', 'train') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "[]", out.stdout + out.stderr
