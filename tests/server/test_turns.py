"""Who is next: a real server whose visitors are told apart by what its proxy says."""

import json
import time
from threading import Thread
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile
from gradio.data_classes import PredictBodyInternal

from ser.sound.audio import SAMPLE_RATE
from server.limits import MAX_WAITING_OF_ONE
from server.turns import _sounds
from tests.page.app_server import EXAMPLES, start_app
from tests.server.raw import ask, sentence
from tests.server.test_api import upload

GREEDY, OTHER = "192.0.2.1", "192.0.2.2"
META = {"meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def app(tmp_path):
    with start_app(tmp_path, {"SER_PROXIES": "1"}) as running:
        yield running


@pytest.fixture
def long(turns, tmp_path):
    path = tmp_path / "long.flac"
    soundfile.write(path, np.resize(turns.samples, 590 * SAMPLE_RATE), SAMPLE_RATE)
    return path


def call(app, path: str, visitor: str) -> tuple:
    """Status and body of a call of /predict, by a visitor who also invents a hop."""
    body = json.dumps({"data": [{"path": path, **META}]}).encode()
    headers = {"X_Forwarded_For": f"203.0.113.7, {visitor}", "Content_Type": "application/json"}
    status, _, told = ask(f"{app.url}/gradio_api/call/predict", body, **headers)
    return status, told


def answer(app, told: bytes, answered: dict, name: str) -> Thread:
    """Read an answer beside everything else; `answered[name]` is then what came, and when."""

    def read() -> None:
        _, _, body = ask(f"{app.url}/gradio_api/call/predict/{json.loads(told)['event_id']}")
        answered[name] = body, time.monotonic()

    reading = Thread(target=read, daemon=True)
    reading.start()
    return reading


@pytest.mark.parametrize("second", [GREEDY, "192.0.2.3"])
def test_a_short_clip_passes_two_long_ones(app, long, second):
    answered = {}
    for visitor in (GREEDY, second):
        _, told = call(app, upload(app.url, long), visitor)
        answer(app, told, answered, visitor + str(len(told)))
    time.sleep(1)  # both would have begun
    _, told = call(app, upload(app.url, EXAMPLES / "low-and-slow.flac"), OTHER)
    answer(app, told, answered, "short").join(60)
    assert next(iter(answered)) == "short" and b"event: complete" in answered["short"][0]


@pytest.mark.parametrize("name", ["a" * 5000, "\ud800", "a\0b", "", "/etc/passwd", 3, None, ["a"]])
def test_what_is_no_file_of_a_visitor_is_no_sound(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with gr.Blocks() as page:
        sound = gr.Audio(type="filepath")
        sound.upload(lambda path: None, sound)
    page.app = SimpleNamespace(state_holder=SimpleNamespace(session_data={}))
    body = PredictBodyInternal(data=[{"path": name}], fn_index=0, session_hash="s", request=None)
    assert list(_sounds(page, body)) == []
    (tmp_path / "a.wav").touch()
    body.data = [{"path": str(tmp_path / "a.wav")}]
    assert list(_sounds(page, body)) == [(tmp_path / "a.wav").resolve()]


def test_one_visitor_does_not_fill_the_queue(app, long):
    path = upload(app.url, long)
    found = [call(app, path, GREEDY) for _ in range(MAX_WAITING_OF_ONE + 2)]
    assert {status for status, _ in found[:MAX_WAITING_OF_ONE]} == {200}
    status, told = found[-1]
    assert status == 429 and "wait already" in sentence(told)
    answered = {}
    status, told = call(app, upload(app.url, EXAMPLES / "low-and-slow.flac"), OTHER)
    assert status == 200
    answer(app, told, answered, "other").join(60)
    assert b"event: complete" in answered["other"][0]
