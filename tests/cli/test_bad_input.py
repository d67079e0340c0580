"""What nobody should send, and where nothing can be written: a sentence each, and no half file."""

import io
import os
import resource
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.cli.shared import MOST_NAME_BYTES, UsageError, listed
from ser.recordings.whole_files import OutputError, check_writable
from ser.sound.audio import SAMPLE_RATE
from tests.cli.typed import COMMAND, ROOT, run


def names(data: bytes) -> list[str]:
    return list(listed(io.BytesIO(data)))


def test_a_list_may_come_from_any_system():
    assert names(b"\xef\xbb\xbfa b.wav\r\n\r\n  \n\xc3\xa4.wav\nlast") == [
        "a b.wav",
        "ä.wav",
        "last",
    ]
    assert names(b"") == names(b"\n\n") == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("a.wav\n".encode("utf-16"), "is in UTF-16"),
        (b"a.wav\0b.wav\0", "no list of names"),
        (b"x" * MOST_NAME_BYTES, "no list of names"),
    ],
)
def test_what_is_no_list_is_said(data, sentence):
    with pytest.raises(UsageError, match=sentence):
        names(data)


@pytest.mark.parametrize("command", [["-"], ["folder", "-", "--out", "never.csv"]])
def test_an_empty_list_is_said(command):
    done = run(*command, input="\n")
    assert done.returncode == 2 and done.stderr.endswith("standard input.\n")


@pytest.mark.parametrize("command", [["-"], ["folder", "-", "--out", "never.csv"]])
def test_an_endless_list_ends_in_a_sentence(command):
    with open("/dev/zero", "rb") as endless:
        done = run(*command, stdin=endless)
    assert done.returncode == 2 and done.stderr == "error: This is no list of names, one a line.\n"


def test_clips_are_judged_while_the_list_goes_on():
    reader, writer = os.pipe()
    with subprocess.Popen(
        [*COMMAND, "--json", "-"], cwd=ROOT, stdin=reader, stdout=subprocess.PIPE
    ) as going:
        os.close(reader)
        os.write(writer, f"{GOLDEN_CLIP}\n".encode())
        assert str(GOLDEN_CLIP).encode() in going.stdout.readline()
        os.close(writer)
        assert going.wait(20) == 0


def test_a_closed_input_and_outputs_that_take_nothing_are_sentences():
    for closed, sentence in (
        ("- <&-", "Standard input is closed."),
        ("live - <&-", "Standard input is closed."),
        (f"{GOLDEN_CLIP} >&-", "Standard output is closed."),
        (f"{GOLDEN_CLIP} >/dev/full", "could not be written: No space left on device."),
    ):
        done = subprocess.run(
            f"{' '.join(COMMAND)} {closed}", shell=True, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 2 and done.stderr.endswith(f"{sentence}\n"), done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.fixture
def bad(speech, tmp_path):
    """Files that end, or have no end, in ways of their own."""
    whole = tmp_path / "half.wav"
    soundfile.write(whole, np.tile(speech, 2), SAMPLE_RATE)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    huge = (1e30 * speech).astype(np.float32)
    soundfile.write(tmp_path / "huge.wav", huge, SAMPLE_RATE, subtype="FLOAT")
    os.mkfifo(tmp_path / "pipe.wav")
    return tmp_path


def test_endless_cut_and_wild_files(bad):
    """Nobody ever writes into the pipe: whoever opened it would wait for good."""
    for command in ([], ["timeline"]):
        for name, sentence in (("huge.wav", "far too large"), ("pipe.wav", "is a pipe")):
            done = run(*command, bad / name)
            assert done.returncode == 1 and sentence in done.stderr
            assert done.stderr.count("\n") == 1
    done = run(bad / "half.wav", "/dev/zero")
    assert "warning: Cut off: 4.3 s were promised, 2.2 s are there." in done.stdout
    assert "/dev/zero: This is a pipe or a device" in done.stderr
    out = bad / "rows.csv"
    assert run("folder", bad, "--out", out).returncode == 1
    rows = out.read_text()
    assert "is a pipe" in rows and "far too large" in rows and "Cut off" in rows


LOADING = """
import os, sys, ser.__main__ as command

def load(name):  # as onnxruntime is loaded when a signal comes
    try:
        os.kill(os.getpid(), {sign})
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error

command.import_module = load
sys.exit(command.main(["a.wav"]))
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_it_while_it_is_loaded_is_heard(sign):
    code = LOADING.format(sign=int(sign))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "stopped\n")


def test_live_says_where_files_go():
    done = run("live", GOLDEN_CLIP)
    assert done.returncode == 2 and f"ser timeline {GOLDEN_CLIP}" in done.stderr
    wild = np.full(SAMPLE_RATE, 1e30, "<f4").tobytes()
    done = run("live", "-", "--format", "f32le", input=wild, text=False)
    assert done.returncode == 1
    assert all(b"not around [-1, 1]" in line for line in done.stderr.splitlines())
    assert "ser live -" in run("timeline", "-").stderr


def test_a_device_or_a_pipe_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", (tmp_path / "null.csv")):
        if path.name == "null.csv":
            path.symlink_to("/dev/null")
        with pytest.raises(OutputError, match="is a pipe or a device"):
            check_writable(path)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    for command in (["timeline", GOLDEN_CLIP], ["folder", GOLDEN_CLIP]):
        done = run(*command, "--out", tmp_path)
        assert done.returncode == 2 and "is a folder: please name a file" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["timeline", GOLDEN_CLIP, "--quiet", "--out", "{}/t.json"],
        ["folder", GOLDEN_CLIP, "--quiet", "--embedding", "--out", "{}/t.csv"],
        [GOLDEN_CLIP, "--quiet", "--voice", GOLDEN_CLIP, "--keep", "{}/v.json"],
    ],
)
def test_a_disk_that_is_full_leaves_no_half_file(command, tmp_path):
    def fill_up():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))  # bytes of a file

    done = run(*(str(part).format(tmp_path) for part in command), preexec_fn=fill_up)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "be written: File too large." in done.stderr
    left = {path.name for path in tmp_path.iterdir()} - {"t.csv.journal"}  # it goes on from there
    assert left == set()
