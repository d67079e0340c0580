"""The Dockerfile copies all that the app needs and nothing else, and gives up root."""

import re
from pathlib import Path

from tests.page.app_server import ROOT
from train.release import deploy

LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
FOR_A_SPACE = {"README.md", "docs/page.png", "packages.txt"}
WITHOUT = FOR_A_SPACE | {"requirements.txt", "pre-requirements.txt"}  # of which the lock is made


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


def test_it_installs_what_the_lock_names_and_nothing_else():
    text = " ".join("\n".join(LINES).split())
    assert "--require-hashes" in text and "-r requirements.lock" in text
    assert text.count("pip install") == 1


def test_the_lock_has_a_hash_of_everything_and_names_no_server():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    entries = re.sub(r"#.*", "", text).replace("\\\n", " ").split("\n")
    named = {}
    for entry in filter(str.strip, entries):
        pin, *hashes = entry.split()
        name, _, version = pin.partition("==")
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes)
        named[re.sub(r"[-_.]+", "-", name).lower()] = version.removesuffix("+cpu")
    required = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split())
    assert {name: named.get(re.sub(r"[-_.]+", "-", name).lower()) for name in required} == required
    assert not {name for name in named if name.startswith("nvidia")}
