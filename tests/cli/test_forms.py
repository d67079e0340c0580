"""What the commands print as JSON has the documented forms."""

import json

import soundfile

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from tests.cli.typed import run
from tests.schema import check


def test_a_clip():
    done = run("--json", GOLDEN_CLIP)
    assert done.returncode == 0, done.stderr
    check("prediction", json.loads(done.stdout))


def test_a_timeline():
    done = run("timeline", "--json", "--quiet", GOLDEN_CLIP)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    check("timeline", answer)
    assert answer["segments"]


def test_a_live_voice():
    samples, rate_hz = soundfile.read(GOLDEN_CLIP, dtype="int16")
    done = run("live", "-", "--rate", rate_hz, input=samples.tobytes(), text=False)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        check("update", event)
    assert {event["type"] for event in events} >= {"utterance start", "utterance end"}
