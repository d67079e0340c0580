"""The Space gets exactly the files it needs, its variables, and never a secret."""

import re
import subprocess
import sys

import pytest

from train.__main__ import main
from train.release import deploy

REPO = "user/space"


def test_exactly_what_a_space_needs():
    files = deploy.space_files()
    names = set(files)
    assert {"app.py", "README.md", "requirements.txt", "pre-requirements.txt"} <= names
    assert {"packages.txt", "ser/weights/model.onnx", "ser/golden.flac"} <= names
    assert not {n for n in names if n.startswith(("train/", "tests/", "results/", "."))}
    assert not {n for n in names if n.endswith((".pyc", ".part"))}
    assert {n for n in names if n.startswith("docs/")} == {"docs/page.png"}
    shown = re.findall(r'src="([^"]+)"', files["README.md"].read_text())
    assert shown and set(shown) <= names


def test_the_files_are_enough_to_answer(tmp_path):
    for name, path in deploy.space_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(path.read_bytes())
    code = "import app, ser.pipeline as p; app.build(p.EmotionPipeline.from_pretrained())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_commit_what_is_stale_goes_and_variables_are_set(hub, capsys):
    repo = hub.create("space", REPO)
    repo.commit({"old.py": b"print()", "README.md": b"old"}, "before")
    arguments = ["deploy-space", "--repo", REPO, "--model", "user/voice@v1"]
    assert main([*arguments, "--feedback-repo", "user/voices"]) == 0
    assert set(repo.files("main")) - deploy.KEPT == set(deploy.space_files())
    assert repo.files("main")["app.py"] == (deploy.ROOT / "app.py").read_bytes()
    variables = {name: entry["value"] for name, entry in repo.variables.items()}
    assert variables == {"SER_MODEL": "user/voice@v1", "SER_FEEDBACK_REPO": "user/voices"}
    assert repo.secrets == {}
    assert len(hub.seen("POST", "*/commit/*")) == 1
    out = capsys.readouterr().out
    assert "secret HF_TOKEN" in out and "hf_write" not in out


def test_a_new_space_is_made(hub):
    assert main(["deploy-space", "--repo", REPO]) == 0
    assert "app.py" in hub.repo("space", REPO).files("main")
    assert hub.repo("space", REPO).variables == {}


def test_a_dry_run_sends_nothing(hub, capsys):
    assert main(["deploy-space", "--repo", REPO, "--model", "user/voice", "--dry-run"]) == 0
    assert hub.requests == []
    assert "variable SER_MODEL=user/voice" in capsys.readouterr().out


@pytest.mark.parametrize(("status", "reason"), [(401, "token"), (500, "answered 500")])
def test_what_the_hub_refuses_is_a_sentence(hub, capsys, status, reason):
    hub.create("space", REPO)
    hub.fail(status=status, method="POST", path="*/commit/*")
    assert main(["deploy-space", "--repo", REPO]) == 1
    assert reason in capsys.readouterr().err
