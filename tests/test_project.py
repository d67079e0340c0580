"""The files a Space and a newcomer start from."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"[A-Za-z0-9_.-]+==[\w.]+")


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


def test_the_command_that_is_installed_is_there():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"ser": "ser.__main__:main"}
    module, _, name = scripts["ser"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_training_where_only_the_app_is_installed_is_a_sentence():
    without = "import runpy, sys; sys.modules['scipy'] = None; "
    command = [sys.executable, "-c", without + "runpy.run_module('train', run_name='__main__')"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: training needs scipy") and ".[train]" in done.stderr
    assert "Traceback" not in done.stderr


def mapped() -> dict[str, list[str]]:
    """The README's map: what each room's row names."""
    rows = [line.split("|") for line in lines("README.md") if re.match(r"\| `[\w./]+/` \|", line)]
    return {row[1].strip(" `").rstrip("/"): re.findall(r"`([^`]+)`", row[3]) for row in rows}


def test_the_readme_maps_every_module_in_the_row_of_its_room():
    rooms = mapped()
    missing = [
        str(path.relative_to(ROOT))
        for top in (".", "page", "server", "ser", "train", "benchmarks", "examples", "docs")
        for path in (ROOT.glob("*.py") if top == "." else (ROOT / top).rglob("*.py"))
        if not path.name.startswith("__")
        and path.stem not in rooms.get(str(path.parent.relative_to(ROOT)), [])
    ]
    assert missing == []


def test_every_room_and_file_the_readme_maps_is_there():
    rooms = mapped()
    assert len(rooms) > 20
    for room, names in rooms.items():
        assert (ROOT / room).is_dir(), room
        for name in names:
            file = ROOT / room / (name if "." in name or name.endswith("/") else f"{name}.py")
            assert file.exists(), file


PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        name, _, heading = link.partition("#")
        if name.startswith("https://"):
            continue
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in [t.lower().replace(" ", "-") for t in titles], link


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_a_page_says_first_for_whom_it_is(page):
    first = next(line for line in lines(page)[1:] if line)
    assert first.startswith("For "), first


def test_every_page_is_linked_from_the_readme():
    text = (ROOT / "README.md").read_text()
    assert [page for page in PAGES[1:] if f"({page})" not in text] == []


def test_the_picture_of_the_page_is_small():
    picture = ROOT / "docs" / "page.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000


def test_advisories_were_looked_up_for_the_versions_of_the_lock():
    lock = (ROOT / "requirements.lock").read_text()
    versions = dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.MULTILINE))
    told = (ROOT / "SECURITY.md").read_text()
    assert re.search(r"Looked up on 20\d\d-\d\d-\d\d", told)
    fixed = re.findall(r"\| ([\w-]+) before \S+ \| fixed in (\S+) \|", told)
    assert len(fixed) >= 3
    for name, version in [*fixed, *re.findall(r"(soundfile) ([\d.]+\d)", told)]:
        assert versions[name.lower()] == version, name


@pytest.mark.parametrize("name", ["app.py", "requirements.txt", "README.md", "LICENSE"])
def test_top_level(name):
    assert (ROOT / name).is_file()
