"""app -> ser <- train, and what serving must not import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "ser": {
        "app",
        "sharing",
        "train",
        "gradio",
        "librosa",
        "scipy",
        "matplotlib",
        "sklearn",
        "tests",
    },
    "train": {"app", "sharing", "gradio", "tests"},
}


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: absolute imports only"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_direction(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        top_levels = {name.split(".")[0] for name in imports_of(path)}
        assert not top_levels & FORBIDDEN[package], path


def test_app_does_not_import_training():
    for path in ROOT.glob("*.py"):
        forbidden = {"train", "tests"} | ({"app"} if path.name != "app.py" else set())
        assert not {n.split(".")[0] for n in imports_of(path)} & forbidden, path


def test_plots_and_labels_know_no_model():
    for name in ("plots", "labels"):
        found = imports_of(ROOT / "ser" / f"{name}.py")
        assert not {n for n in found if n.startswith(("ser.models", "ser.checkpoint", "torch"))}


def test_serving_loads_no_training_library():
    code = (
        "import sys; from ser.pipeline import EmotionPipeline; from ser.checkpoint import "
        "GOLDEN_CLIP; EmotionPipeline.from_pretrained().predict(GOLDEN_CLIP); "
        "print([m for m in ('librosa', 'scipy', 'numba', 'sklearn', 'matplotlib', 'train') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "[]", out.stdout + out.stderr
