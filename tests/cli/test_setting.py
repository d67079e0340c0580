"""--adapt and --voice: what they learn from, what they say, what they refuse."""

import json
import shutil

import pytest

from tests.cli.typed import run

VOICES = ["examples/low-and-slow.flac", "examples/high-and-fast.flac"]


@pytest.fixture
def room(tmp_path):
    """A folder with two recordings and a file that is none."""
    (tmp_path / "room").mkdir()
    for name in VOICES:
        shutil.copy(name, tmp_path / "room")
    (tmp_path / "room" / "notes.wav").write_text("no sound")
    return tmp_path / "room"


def test_a_folder_is_learnt_and_kept_and_used_again(room, tmp_path):
    kept = tmp_path / "room.json"
    done = run(VOICES[0], "--json", "--adapt", room, "--keep", kept)
    answer = json.loads(done.stdout)
    assert answer["adaptation"]["clips"] == 2
    assert "Adapted to 2 recordings" in done.stderr and "notes.wav" in done.stderr
    again = json.loads(run(VOICES[0], "--json", "--adapt", kept).stdout)
    assert again["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-4)


def test_a_voice_is_learnt_from_its_files():
    done = run(VOICES[0], "--json", "--quiet", "--voice", *VOICES)
    assert json.loads(done.stdout)["adaptation"]["clips"] == 2
    assert not done.stderr


def test_a_timeline_is_adapted_too(room):
    done = run("timeline", VOICES[0], "--adapt", room)
    assert done.returncode == 0 and "Adapted to 2 recordings" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--adapt", "nowhere"], "neither a folder nor a .json"),
        (["--adapt", "ser/schema.json"], "holds no adaptation"),
        (["--adapt", "docs"], "Nothing was heard"),
        (["--voice", "nowhere.wav"], "There is no such file"),
        (["--keep", "room.json"], "--keep needs --adapt or --voice"),
        (["--adapt", "examples", "--voice", VOICES[0]], "not to both"),
        (["--checkpoint", "best", "--voice", VOICES[0]], "cannot be adapted"),
        (["--voice", VOICES[0], "--keep", "nowhere/room.json"], "There is no folder nowhere"),
    ],
)
def test_what_cannot_be_is_said(options, said):
    done = run(VOICES[0], *options)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
