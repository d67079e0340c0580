"""Bad files through the library, the command line and the API: a sentence, and nothing else."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from ser.sound.errors import AudioError
from tests.page.app_server import ROOT, running_app
from tests.server.raw import ask
from tests.sound.hostile import SECRET, encoded, voice, write_all

MOST_S, MOST_MB = 2.0, 300
TROUBLE = re.compile(r"Traceback|\[src/|File \"|/tmp/|\bError\b|errno", re.IGNORECASE)
MEASURED = """
import resource, subprocess, sys
from pathlib import Path

status = subprocess.run(sys.argv[2:]).returncode
Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""  # a child of a small process: a process starts with the size of the one that started it
OF_THE_API = [
    *("empty.wav", "text.wav", "page.wav", "script.wav", "playlist.m3u8", "archive.wav"),
    *("channels-65535.wav", "rate-0.wav", "longer-than-it-is.wav", "frames-of-garbage.mp3"),
    *("length-of-ages.flac", "not-a-number.wav", "5-tenths.flac", "garbage.m4a"),
]
NAMES = [
    "../../outside.wav",
    "/etc/outside.wav",
    "two\nlines.wav",
    "\u202egnp.wav",
    "a" * 4096 + ".wav",
    "..",
    "<b>bold</b>.wav",
    "none\0.wav",
    "",
]


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> list[Path]:
    return write_all(tmp_path_factory.mktemp("bad"))


def test_there_are_enough_of_them(bad):
    assert len(bad) >= 80


def test_the_library_says_in_a_sentence_what_is_wrong(bad, pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    slow, wrong, n_refused = [], [], 0
    before_mb = _fresh_peak_mb()
    for number, path in enumerate(bad):
        for source in (path,) if number % 4 else (path, path.read_bytes()):
            began_s = time.process_time()
            try:
                prediction = pipeline.predict(source)
            except AudioError as error:
                n_refused += 1
                text = str(error)
                if not text.endswith(".") or TROUBLE.search(text) or str(path.parent) in text:
                    wrong.append((path.name, text))
            else:
                assert abs(sum(prediction.probabilities) - 1) < 1e-6, path.name
            if time.process_time() - began_s > MOST_S:
                slow.append((path.name, time.process_time() - began_s))
    assert wrong == [] and slow == []
    assert n_refused > len(bad) / 3  # others are read as far as they go, or hold no speech
    assert _peak_mb() - before_mb < MOST_MB
    assert list(tmp_path.iterdir()) == []


def _peak_mb() -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def _fresh_peak_mb() -> float:
    """Forget the highest memory so far; what is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_mb()


def test_the_command_line_does_too(bad, tmp_path):
    """All at once, so that one process tells of time and memory, too."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "ser", "--json", *(path.name for path in bad)]
    with (tmp_path / "out").open("w+") as out, (tmp_path / "err").open("w+") as err:
        began_s = time.monotonic()
        measured = [sys.executable, "-c", MEASURED, str(tmp_path / "kb"), *command]
        done = subprocess.run(measured, cwd=bad[0].parent, env=environment, stdout=out, stderr=err)
        assert time.monotonic() - began_s < 60
        out.seek(0), err.seek(0)
        answers, told = [json.loads(line) for line in out], err.read().splitlines()
    assert done.returncode == 1
    assert len(answers) + len(told) == len(bad)
    for line in told:
        assert line.endswith(".") and not TROUBLE.search(line), line
    assert {answer["file"] for answer in answers} <= {path.name for path in bad}
    assert int((tmp_path / "kb").read_text()) / 1024 < 700
    assert {path.name for path in tmp_path.iterdir()} == {"out", "err", "kb"}


def test_the_api_does_too(bad):
    app = running_app()
    client = Client(app.url, verbose=False)
    by_name = {path.name: path for path in bad}
    for name in OF_THE_API:
        began_s = time.monotonic()
        try:
            answer = client.predict(handle_file(by_name[name]), api_name="/predict")
        except AppError as refused:
            assert refused.title and refused.message.endswith("."), name
            assert not TROUBLE.search(refused.message), refused.message
        else:
            assert answer["warnings"], name
        assert time.monotonic() - began_s < MOST_S + 3  # on a busy machine
    log = app.log.read_text()
    assert "Traceback" not in log and log.count("mpg123") <= 20


@pytest.mark.parametrize("name", ["script.wav", "script.ffconcat", "playlist.m3u8", "playlist.wav"])
def test_a_file_does_not_name_another_one(bad, pipeline, name):
    folder = bad[0].parent
    assert pipeline.predict(folder / SECRET).duration_s == 2  # it can be read, by its own name
    with pytest.raises(AudioError, match="not a sound file known here"):
        pipeline.predict(folder / name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_way_out_of_the_folder(name):
    app = running_app()
    sound = encoded(voice())
    quoted = name.replace("\n", "%0A").replace("\0", "%00")
    part = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{quoted}"\r\n\r\n'
    body = part.encode() + sound + b"\r\n--x--\r\n"
    status, _, told = ask(
        f"{app.url}/gradio_api/upload", body, Content_Type="multipart/form-data; boundary=x"
    )
    assert status in (200, 400), told
    if status == 200:
        (path,) = json.loads(told)
        assert Path(path).resolve().is_relative_to(app.folder.resolve())
        assert len(os.fsencode(Path(path).name)) <= 255
    assert "Traceback" not in app.log.read_text()


@pytest.mark.parametrize("name", ["two\nlines.wav", "\u202egnp.wav", "-rm.wav", "a" * 250 + ".wav"])
def test_strange_names_on_the_command_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"no sound")
    command = [sys.executable, "-m", "ser", "--", name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1 and "\u202e" not in done.stderr
