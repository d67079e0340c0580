"""`python -m ser`, as a person types it."""

import json
import subprocess
import sys
from pathlib import Path

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.labels import LABELS
from tests.schema import check

ROOT = Path(__file__).parent.parent


def run(*arguments):
    command = [sys.executable, "-m", "ser", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_table_for_each_file():
    done = run(GOLDEN_CLIP, GOLDEN_CLIP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(GOLDEN_CLIP)) == 2
    assert all(done.stdout.count(f"  {label}") == 2 for label in LABELS)


def test_json_has_the_documented_form():
    done = run("--json", GOLDEN_CLIP)
    assert done.returncode == 0, done.stderr
    check("prediction", json.loads(done.stdout))


def test_a_bad_file_is_named_and_the_others_still_done(tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("words")
    done = run("--json", bad, GOLDEN_CLIP, tmp_path / "missing.wav")
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["file"] == str(GOLDEN_CLIP)
    assert [text.split(":")[0] for text in done.stderr.splitlines()] == [
        str(bad),
        str(tmp_path / "missing.wav"),
    ]


def test_a_checkpoint_that_is_not_there():
    done = run("--checkpoint", "/nonexistent", GOLDEN_CLIP)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
