"""The files a Space and a newcomer start from."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"[A-Za-z0-9_-]+==[\w.]+")


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def test_requirements_are_plain_names_and_versions():
    assert all(PINNED.fullmatch(line) for line in lines("requirements.txt"))


def test_the_cpu_build_of_torch_is_the_version_that_is_required():
    (torch,) = (line for line in lines("requirements.txt") if line.startswith("torch=="))
    assert torch in lines("pre-requirements.txt")


def test_extras_are_pinned_and_a_space_does_not_install_them():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in extras["optional-dependencies"].values():
        assert all(PINNED.fullmatch(line) for line in extra)
        assert not set(extra) & set(lines("requirements.txt"))


# https://huggingface.co/docs/hub/spaces-config-reference
DOCUMENTED_KEYS = {
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "python_version", "sdk_version", "app_file"),
    *("suggested_hardware", "suggested_storage", "app_port", "base_path", "fullWidth", "header"),
    *("short_description", "models", "datasets", "tags", "thumbnail", "pinned", "license"),
    *("hf_oauth", "hf_oauth_scopes", "hf_oauth_expiration_minutes", "disable_embedding"),
    *("startup_duration_timeout", "custom_headers", "preload_from_hub"),
}
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def test_the_spaces_header_is_complete_and_agrees_with_the_files():
    text = re.match(r"---\n(.*?)\n---\n", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    header = yaml.safe_load(text)
    assert set(header) <= DOCUMENTED_KEYS
    assert set(header) >= {"title", "emoji", "sdk", "license", "tags"}
    assert {header["colorFrom"], header["colorTo"]} <= COLORS
    assert header["sdk"] == "gradio"
    assert f"gradio=={header['sdk_version']}" in lines("requirements.txt")
    assert header["python_version"] == "3.11"  # what these tests run on; text, or 3.10 is 3.1
    assert (ROOT / header["app_file"]).is_file()
    assert len(header["short_description"]) <= 60


def test_training_where_only_the_app_is_installed_is_a_sentence():
    without = "import runpy, sys; sys.modules['scipy'] = None; "
    command = [sys.executable, "-c", without + "runpy.run_module('train', run_name='__main__')"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: training needs scipy") and ".[train]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_readme_maps_every_module():
    told = " ".join(row for row in lines("README.md") if row.startswith("| `"))
    modules = [*(ROOT / "ser").glob("*.py"), *(ROOT / "train").glob("*.py")]
    names = {path.name for path in modules if not path.name.startswith("__")}
    assert [name for name in sorted(names) if name not in told] == []


def test_every_file_the_readme_maps_is_there():
    rows = [row for row in lines("README.md") if row.startswith("| `")]
    assert rows
    for row in rows:
        folder = ""
        for name in re.findall(r"`([^`]+)`", row.split("|")[1]):
            folder = str(Path(name).parent) if "/" in name.rstrip("/") else folder
            path = ROOT / name if "/" in name.rstrip("/") or not folder else ROOT / folder / name
            assert path.exists(), name


@pytest.mark.parametrize("name", ["app.py", "requirements.txt", "README.md", "LICENSE"])
def test_top_level(name):
    assert (ROOT / name).is_file()
