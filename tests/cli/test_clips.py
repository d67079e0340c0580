import json
import os

import pytest

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.labels import LABELS
from tests.cli.typed import run


def test_a_table_for_each_file():
    done = run(GOLDEN_CLIP, GOLDEN_CLIP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(GOLDEN_CLIP)) == 2
    assert all(done.stdout.count(f"  {label}") == 2 for label in LABELS)


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


def test_names_come_by_pattern_and_from_standard_input(tmp_path):
    for name in ("a.flac", "b.flac"):
        (tmp_path / name).write_bytes(GOLDEN_CLIP.read_bytes())
    by_pattern = run("--json", tmp_path / "*.flac")
    names = [json.loads(line)["file"] for line in by_pattern.stdout.splitlines()]
    assert names == [str(tmp_path / "a.flac"), str(tmp_path / "b.flac")]
    listed = run("--json", "-", input="\n".join([*names, ""]))
    assert [json.loads(line)["file"] for line in listed.stdout.splitlines()] == names


SENTENCES = {
    "https://example.org/a.wav": "This is an address: please download the file first",
    "{}": "This is a folder: `ser folder",
    "{}/*.wav": "No file matches this pattern.",
    "{}/none.wav": "There is no such file.",
}


def test_what_is_no_file_is_said_in_a_sentence(tmp_path):
    names = [name.format(tmp_path) for name in SENTENCES]
    done = run(*names, GOLDEN_CLIP)
    assert done.returncode == 1 and str(GOLDEN_CLIP) in done.stdout
    for line, name, sentence in zip(
        done.stderr.splitlines(), names, SENTENCES.values(), strict=True
    ):
        assert line.startswith(f"{name}: {sentence}")


def test_a_name_that_is_no_utf8(tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b"caf\xe9.flac")
    with open(odd, "wb") as file:
        file.write(GOLDEN_CLIP.read_bytes())
    done = run("--json", os.fsdecode(odd), GOLDEN_CLIP)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["file"] == f"{tmp_path}/caf\N{REPLACEMENT CHARACTER}.flac"
    assert first["probabilities"] == second["probabilities"]


def test_only_some_emotions():
    done = run("--json", GOLDEN_CLIP, "--emotions", "sad,happy")
    answer = json.loads(done.stdout)
    assert answer["label"] in ("happy", "sad")
    probabilities = answer["probabilities"]
    assert list(probabilities) == list(LABELS)
    assert probabilities["happy"] + probabilities["sad"] == pytest.approx(1, abs=1e-6)
    assert "Judged among happy, sad only: the others were left out." in answer["warnings"]
    for bad, sentence in {"joy,sad": "'joy' is none of", "sad": "two emotions or more"}.items():
        refused = run(GOLDEN_CLIP, "--emotions", bad)
        assert refused.returncode == 2 and sentence in refused.stderr


def test_the_version_names_the_model(pipeline):
    done = run("--version")
    assert done.returncode == 0
    assert pipeline.checkpoint.name in done.stdout
    assert pipeline.checkpoint.revision in done.stdout


def test_a_console_without_emoji_and_a_reader_that_leaves():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert run(GOLDEN_CLIP, env=environment).returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(GOLDEN_CLIP, capture_output=False, stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 141
