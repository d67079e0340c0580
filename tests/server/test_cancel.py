"""A recording that nobody waits for any longer: the work ends, and the next one has its turn."""

import http.client
import json
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.client import Job
from gradio_client.utils import Status

from ser.sound.audio import SAMPLE_RATE
from server.limits import STOP_S
from tests.page.app_server import EXAMPLES, start_app
from tests.server.test_api import upload

TICKS_A_S = os.sysconf("SC_CLK_TCK")
WITHIN_S = 1.0  # the work has ended


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """One of its own: what others ask of it would look like work that goes on."""
    with start_app(tmp_path_factory.mktemp("cancel"), {}) as running:
        yield running


@pytest.fixture(scope="module")
def hours(turns, tmp_path_factory):
    path = tmp_path_factory.mktemp("hours") / "hours.flac"
    soundfile.write(path, np.tile(turns.samples, 240), SAMPLE_RATE)  # an hour
    return path


def processor_s(app) -> float:
    """Seconds of processor time that the app has had."""
    fields = Path(f"/proc/{app.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_S


def until_it_works(app, job: Job | None = None) -> None:
    """Wait until the app computes, for a job whose files have been sent."""
    end_s = time.monotonic() + 30
    while job and job.status().code not in (Status.PROCESSING, Status.PROGRESS):
        assert time.monotonic() < end_s and not job.done(), "the work has not been seen to begin"
        time.sleep(0.05)
    began_s = processor_s(app)
    while processor_s(app) - began_s < 1:
        assert time.monotonic() < end_s, "the work has not begun"
        time.sleep(0.05)


def has_ended(app) -> bool:
    """Whether the app is idle a second from now."""
    time.sleep(WITHIN_S)
    before_s = processor_s(app)
    time.sleep(1)
    return processor_s(app) - before_s < 0.2


def test_a_job_that_is_cancelled_by_the_client(app, hours):
    client = Client(app.url, verbose=False)
    job = client.submit(clip=handle_file(hours), api_name="/timeline")
    until_it_works(app, job)
    job.cancel()
    assert has_ended(app)
    clip = handle_file(EXAMPLES / "low-and-slow.flac")
    assert client.predict(clip=clip, api_name="/timeline")["segments"]


def test_a_client_that_goes_away(app, hours):
    path = upload(app.url, hours)
    connection = http.client.HTTPConnection(urlsplit(app.url).netloc, timeout=30)
    body = json.dumps({"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/gradio_api/call/timeline", body, headers)
    event = json.load(connection.getresponse())["event_id"]
    connection.request("GET", f"/gradio_api/call/timeline/{event}")
    response = connection.getresponse()
    until_it_works(app)
    response.close()
    connection.close()
    assert has_ended(app)
    assert "Traceback" not in app.log.read_text()


def test_files_that_nobody_waits_for(app, turns, tmp_path):
    soundfile.write(tmp_path / "a.flac", np.tile(turns.samples, 20), SAMPLE_RATE)
    client = Client(app.url, verbose=False)
    files = [handle_file(tmp_path / "a.flac")] * 10
    job = client.submit(clips=files, api_name="/predict_files")
    until_it_works(app, job)
    job.cancel()
    time.sleep(2)  # the file that is being judged is judged to its end
    assert has_ended(app)


def test_a_long_clip_that_nobody_waits_for(app, turns, tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, np.tile(turns.samples, 60)[: 590 * SAMPLE_RATE], SAMPLE_RATE)
    client = Client(app.url, verbose=False)
    job = client.submit(handle_file(path), api_name="/predict")
    until_it_works(app, job)
    job.cancel()
    time.sleep(2)  # speech is looked for in all of it at once
    assert has_ended(app)
    assert "Traceback" not in app.log.read_text()


def test_the_server_ends_while_it_works(app, hours):
    client = Client(app.url, verbose=False)
    until_it_works(app, client.submit(clip=handle_file(hours), api_name="/timeline"))
    app.process.terminate()
    app.process.wait(STOP_S + 5)
