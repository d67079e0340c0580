"""The Dockerfile copies all that the app needs and nothing else, and gives up root."""

import re
from pathlib import Path

from tests.page.app_server import ROOT
from train.release import deploy

LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
WITHOUT = {"README.md", "docs/page.png", "packages.txt"}  # for a Space only


def copied() -> set[str]:
    """What the Dockerfile copies of what .dockerignore lets through."""
    found: set[str] = set()
    for line in LINES:
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for name in sources:
                path = ROOT / name
                assert path.exists(), name
                assert target in ("./", name), line  # at the same place as here
                files = path.rglob("*") if path.is_dir() else [path]
                found |= {str(one.relative_to(ROOT)) for one in files if one.is_file()}
    return {name for name in found if is_let_through(name)}


def is_let_through(name: str) -> bool:
    rules = [line for line in (ROOT / ".dockerignore").read_text().split("\n")[1:] if line]
    assert rules[0] == "*" and rules[-1] == "**/__pycache__"
    if "__pycache__" in name:
        return False
    allowed = [rule.removeprefix("!") for rule in rules[1:-1]]
    return any(
        Path(name).match(rule) or name == rule or name.startswith(f"{rule}/") for rule in allowed
    )


def test_it_has_all_that_a_space_has():
    missing = set(deploy.space_files()) - copied() - WITHOUT
    assert missing == set()


def test_nothing_of_training_or_of_the_corpora_goes_into_it():
    assert not {name for name in copied() if name.startswith(("train/", "tests/", "results/", "."))}
    assert sum((ROOT / name).stat().st_size for name in copied()) < 50e6


def test_its_packages_are_those_of_a_space():
    installed = re.search(r"apt-get install -y --no-install-recommends ([^&]+)", "\n".join(LINES))
    assert set((ROOT / "packages.txt").read_text().split()) <= set(installed[1].split())


def test_it_runs_as_an_ordinary_user_and_keeps_to_tmp():
    (user,) = (line.split()[1] for line in LINES if line.startswith("USER "))
    assert user.split(":")[0].isdigit() and int(user.split(":")[0]) >= 1000
    settings = dict(
        part.split("=", 1) for line in LINES if line.startswith("ENV ") for part in line.split()[1:]
    )
    assert {settings[name].split("/")[1] for name in ("HOME", "HF_HOME", "GRADIO_TEMP_DIR")} == {
        "tmp"
    }
    assert settings["GRADIO_SERVER_NAME"] == "0.0.0.0"
