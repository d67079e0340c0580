import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.recordings.timeline import timeline
from ser.sound.audio import SAMPLE_RATE
from tests.cli.typed import ROOT, run, start


@pytest.fixture(scope="module")
def talk(turns, tmp_path_factory):
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, turns.samples, SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def found(pipeline, talk):
    return timeline(pipeline, talk)


def test_a_table_and_the_files_that_were_asked_for(talk, found, tmp_path):
    out = [tmp_path / name for name in ("t.csv", "t.TextGrid", "t.json")]
    done = run("timeline", talk, *(f"--out={path}" for path in out))
    assert done.returncode == 0, done.stderr
    for segment in found.segments:
        assert f"  {segment.label:<10}" in done.stdout
    assert "share of the time of speech" in done.stdout
    assert json.loads(out[2].read_text()) == {"file": str(talk), **found.to_dict()}
    assert sorted(tmp_path.iterdir()) == sorted(out)


def test_the_files_are_written_whoever_leaves_and_whatever_else_fails(talk, found, tmp_path):
    arguments = ("timeline", talk, "--out", tmp_path / "t.json", "--out", tmp_path / "t.csv")
    reader, writer = os.pipe()
    os.close(reader)
    done = run(*arguments, capture_output=False, stdout=writer)
    os.close(writer)
    assert done.returncode == 141 and (tmp_path / "t.csv").exists()
    (tmp_path / "t.csv").unlink()

    def little_room():
        room = len(json.dumps(found.to_dict()))  # bytes of a file, which the JSON needs with more
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    done = run(*arguments, preexec_fn=little_room)
    assert done.returncode == 2 and "t.json could not be written" in done.stderr
    assert f"written: {tmp_path / 't.csv'}\n" in done.stderr and "share of" in done.stdout


def test_the_recording_is_not_written_over(talk, tmp_path):
    sound = tmp_path / "talk.json"
    sound.write_bytes(talk.read_bytes())
    for arguments in (
        ("timeline", sound, "--out", sound),
        ("timeline", talk, "--voice", sound, "--out", sound),
        (talk, "--voice", sound, "--keep", sound),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and "is one of the files to read" in done.stderr
    done = run(talk, "--voice", talk, "--keep", tmp_path / "k.wav")
    assert done.returncode == 2 and "please name a .json" in done.stderr
    assert sound.read_bytes() == talk.read_bytes() and list(tmp_path.iterdir()) == [sound]


def test_json_among_some_emotions(talk):
    done = run("timeline", "--json", "--quiet", "--emotions=happy,sad", talk)
    answer = json.loads(done.stdout)
    assert done.stderr == ""
    assert {segment["label"] for segment in answer["segments"]} <= {"happy", "sad"}
    assert any("among happy, sad" in warning for warning in answer["warnings"])


BAD = {
    "empty.wav": (b"", 1, "The file is empty"),
    "words.wav": (b"only words" * 20, 1, "not a sound file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_a_sentence_and_writes_nothing(tmp_path, name):
    data, code, sentence = BAD[name]
    (tmp_path / name).write_bytes(data)
    done = run("timeline", tmp_path / name, "--out", tmp_path / "t.csv")
    assert done.returncode == code and sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_cannot_be_written_is_said_before_the_work_starts(talk, tmp_path):
    for arguments, sentence in [
        ((talk, "--out", tmp_path / "no" / "t.csv"), "There is no folder"),
        ((talk, "--out", tmp_path / "t.doc"), "by the file's name"),
        ((tmp_path / "none.wav",), "There is no such file"),
    ]:
        done = run("timeline", *arguments)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith("error: ") and sentence in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_timeline_that_is_stopped_leaves_no_file(turns, tmp_path, sign):
    path = tmp_path / "hours.wav"
    soundfile.write(path, np.tile(turns.samples, 60), SAMPLE_RATE)  # half an hour
    here, terminal = pty.openpty()  # on which progress shows at once
    going = start("timeline", path, "--out", tmp_path / "t.csv", stderr=terminal)
    try:
        assert os.read(here, 1000)  # the work has begun
        asked = time.monotonic()
        going.send_signal(sign)
        assert going.wait(timeout=20) == 130
        assert time.monotonic() - asked < 3  # a second, on a machine with nothing else to do
        assert os.read(here, 100_000).decode().endswith("stopped\r\n")
    finally:
        going.kill()
        os.close(here)
        os.close(terminal)
    assert [p.name for p in tmp_path.iterdir()] == ["hours.wav"]


# --- live -----------------------------------------------------------------------------------------


def raw(samples) -> bytes:
    return np.round(samples * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2").tobytes()


def test_a_pipe_gives_the_answers_of_the_timeline(turns, pipeline):
    data = raw(turns.samples)
    done = run("live", "-", input=data, text=False)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = [event for event in events if event["type"] == "utterance end"]
    samples = np.frombuffer(data, "<i2")
    expected = timeline(pipeline, (SAMPLE_RATE, samples)).segments
    assert [(e["start_s"], e["end_s"], e["label"]) for e in ends] == [
        (round(s.start_s, 4), round(s.end_s, 4), s.label) for s in expected
    ]


def test_events_come_while_somebody_speaks(turns):
    going = start("live", "-", stdin=subprocess.PIPE)
    try:
        going.stdin.write(raw(turns.samples[: 3 * SAMPLE_RATE]))
        going.stdin.flush()
        first = json.loads(going.stdout.readline())
        assert first["type"] == "listening" and first["time_s"] < 1
        assert going.poll() is None
        going.stdin.close()
        rest = [json.loads(line) for line in going.stdout]
        assert rest[-1]["type"] == "utterance end"
        assert going.wait(20) == 0
    finally:
        going.kill()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_what_goes_on_is_judged_when_somebody_stops_it(turns, sign):
    going = start("live", "-", stdin=subprocess.PIPE)
    try:
        going.stdin.write(raw(turns.samples[: 3 * SAMPLE_RATE]))
        going.stdin.flush()
        while json.loads(going.stdout.readline())["type"] != "measurement":
            pass
        time.sleep(1)  # it waits for more
        going.send_signal(sign)
        rest = going.stdout.read().splitlines()
        assert json.loads(rest[-1])["type"] == "utterance end"
        assert going.wait(20) == 0 and going.stderr.read() == b""
    finally:
        going.kill()


def test_endless_silence_stays_as_small_as_it_began():
    with open("/dev/zero", "rb") as silence:
        going = start("live", "-", stdin=silence, stdout=subprocess.DEVNULL)
    try:
        sizes = []
        for _ in range(2):
            time.sleep(4)
            status = Path(f"/proc/{going.pid}/status").read_text()
            sizes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        going.send_signal(signal.SIGTERM)
        assert going.wait(20) == 0
    finally:
        going.kill()
    assert sizes[1] - sizes[0] < 30  # MB, in which some minutes went by


@pytest.mark.parametrize(
    ("arguments", "data", "code", "sentence"),
    [
        (["-"], b"", 0, ""),
        (["-"], b"a", 0, "The last sample was cut off"),
        (["-"], b"abc", 0, "The last sample was cut off"),
        (["-"], b"RIFF____WAVE", 2, "ffmpeg -i FILE"),
        (["-", "--rate", "100"], b"", 2, "sample rate of 100 Hz"),
        (
            ["-", "--format", "f32le"],
            np.array([0, np.nan], "<f4").tobytes(),
            1,
            "not all numbers",
        ),
    ],
)
def test_bad_pipes_are_sentences(arguments, data, code, sentence):
    done = run("live", *arguments, input=data, text=False)
    assert (done.returncode, done.stdout) == (code, b"")
    assert sentence in done.stderr.decode() and "Traceback" not in done.stderr.decode()


def test_without_sounddevice_the_microphone_is_a_sentence():
    code = (
        "import sys; sys.modules['sounddevice'] = None; from ser.__main__ import main; "
        "sys.exit(main(['live']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install sounddevice" in done.stderr
