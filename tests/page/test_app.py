"""The running app, over its real API client and plain HTTP."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from page import clip, words
from ser.sound.decoders import missing_program
from tests.page.app_server import EXAMPLES, ROOT, running_app, start_app

CLIP = EXAMPLES / "low-and-slow.flac"
DELETE_AFTER_S = 6.0
MISSING = missing_program()  # of ffmpeg, which may know more about a bad file


@pytest.fixture(scope="module")
def client():
    return Client(running_app().url, verbose=False)


def post(url: str, data: list) -> str:
    """Send an event as a stranger would; the last line of its answer."""
    request = urllib.request.Request(
        f"{url}/gradio_api/call/predict",
        json.dumps({"data": data}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/predict/{event}", timeout=30) as stream:
        return stream.read().decode()


def status(url: str, data: bytes | None = None, headers: dict | None = None) -> int:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data, headers or {}), timeout=30
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_rain_is_no_emotion(client, tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "rain.wav", 0.1 * rng.standard_normal(48_000), 16_000)
    answer = client.predict(handle_file(str(tmp_path / "rain.wav")), api_name="/predict")
    assert (answer["label"], answer["probabilities"]) == (None, None)
    assert answer["reason"].startswith("No speech heard")


def test_the_api_answers_as_the_command_line_does(client):
    answer = client.predict(handle_file(str(CLIP)), api_name="/predict")
    command = [sys.executable, "-m", "ser", "--json", str(CLIP)]
    printed = json.loads(
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout
    )
    assert answer["file"] == CLIP.name
    assert set(answer) == set(printed) and set(answer["timings_ms"]) == set(printed["timings_ms"])
    for result in (answer, printed):
        del result["file"], result["timings_ms"]
    assert answer == printed


def _sound(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> None:
    soundfile.write(path, samples, rate_hz)


BAD_FILES = {
    "text.wav": (lambda path: path.write_text("this is no sound " * 9), "not a sound file"),
    "empty.wav": (lambda path: path.write_bytes(b""), "file is empty"),
    "header.wav": (
        lambda path: path.write_bytes(CLIP.read_bytes()[:60]),
        f"without {MISSING}, which is not installed here" if MISSING else "cannot be decoded",
    ),
    "short.wav": (lambda path: _sound(path, np.full(3200, 0.1)), "0.20 s is too short"),
    "silent.wav": (lambda path: _sound(path, np.zeros(32_000)), "is silent"),
    "long.flac": (lambda path: _sound(path, np.zeros(601 * 8000), 8000), "Longer than 10 minutes"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_answered_with_a_sentence(client, tmp_path, name):
    make, sentence = BAD_FILES[name]
    make(tmp_path / name)
    with pytest.raises(AppError, match=sentence) as refused:
        client.predict(handle_file(str(tmp_path / name)), api_name="/predict")
    assert "Traceback" not in str(refused.value) and str(tmp_path) not in str(refused.value)


def test_nothing_at_all_is_answered_with_a_sentence(client):
    with pytest.raises(AppError, match="Please record or choose a sound first"):
        client.predict(None, api_name="/predict")


def test_ffmpeg_that_came_without_ffprobe_is_as_good_as_none(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ffmpeg").write_text("#!/bin/sh\nexit 1\n")
    (tools / "ffmpeg").chmod(0o755)
    (tmp_path / "a.webm").write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    with start_app(tmp_path, {"PATH": str(tools)}) as running:
        client = Client(running.url, verbose=False)
        answer = client.predict(handle_file(str(CLIP)), api_name="/predict")
        assert answer["file"] == CLIP.name
        with pytest.raises(AppError, match="needs ffprobe, which is not installed here"):
            client.predict(handle_file(str(tmp_path / "a.webm")), api_name="/predict")
        assert "Traceback" not in running.log.read_text()


def test_an_address_is_not_fetched():
    answer = post(
        running_app().url,
        [{"path": "https://example.org/a.wav", "meta": {"_type": "gradio.FileData"}}],
    )
    assert "event: error" in answer and "not its address" in answer


def test_files_of_the_server_stay_unread():
    answer = post(
        running_app().url,
        [{"path": str(ROOT / "requirements.txt"), "meta": {"_type": "gradio.FileData"}}],
    )
    assert "event: error" in answer and "cannot be read" in answer  # refused before it was opened


def test_an_unforeseen_error_tells_no_detail(caplog):
    with pytest.raises(gr.Error) as told, clip.in_a_sentence():
        raise RuntimeError("secret path")
    assert told.value.message == words.BROKEN
    assert "secret path" in caplog.text  # the server's log has it


def test_a_file_over_the_limit_is_refused():
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    url = f"{running_app().url}/gradio_api/upload"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert status(url, part + bytes(1000) + b"\r\n--x--\r\n", headers) == 200
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), 10) as connection:
        connection.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 430000000\r\n\r\n"
        )
        assert b" 413 " in connection.recv(100)  # before any of it was sent


def test_every_switch_is_set():
    url = running_app().url
    with urllib.request.urlopen(f"{url}/config", timeout=30) as answer:
        config = json.load(answer)
    assert config["analytics_enabled"] is False and config["run_history"] is False
    assert status(f"{url}/monitoring") == 404
    text = json.dumps(config)
    assert "perceived expression" in text and "within 10 minutes" in text
    assert "in noise, over a telephone" in text
    assert "fonts.googleapis" not in text


def test_the_notice_gives_the_accuracy_on_unheard_speakers_or_says_there_is_none():
    row = {"protocol": "emobox-6fold", "part": "test", "ua": 0.571, "ci95": [0.523, 0.619]}
    assert "not measured yet" in words.accuracy([])
    assert "not measured yet" in words.accuracy([row | {"scope": "these-weights"}])
    random = row | {"scope": "recipe-crossval", "protocol": "random-70-15-15", "ua": 0.75}
    told = words.accuracy([random, row | {"scope": "recipe-crossval"}])
    assert "57&nbsp;%" in told and "52 to 62" in told and "75" not in told


def test_the_page_tells_of_corpora_that_the_model_never_heard_where_they_were_measured():
    home = {"scope": "recipe-crossval", "protocol": "emobox-6fold", "part": "test"}
    home |= {"ua": 0.571, "ci95": [0.523, 0.619]}
    rows = [
        {"scope": "these-weights", "protocol": "cross-corpus", "part": "test", "ua": ua}
        for ua in (0.194, 0.157, 0.255)
    ]
    assert "corpora" not in words.notice([home], is_shared=False)
    told = words.notice([home, *rows], is_shared=False)
    assert "On 3 other corpora" in told and "<strong>16 to 26&nbsp;%</strong>" in told
    one = words.elsewhere(rows[:1])
    assert "On another corpus" in one and "<strong>19&nbsp;%</strong>" in one
    assert words.how_right([]) == "How often it is right was not measured yet."
    assert words.how_right([home]) == "Right about 6 in 10 times with actors it never heard."
    assert "about 2 in 10 in other recordings" in words.how_right([home, *rows])


def test_whatever_was_sent_is_deleted_in_time():
    short = running_app(DELETE_AFTER_S)
    stored = Client(short.url, verbose=False).predict  # an upload that is judged,
    stored(handle_file(str(CLIP)), api_name="/predict")
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="b.wav"\r\n\r\n'
    part += CLIP.read_bytes()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    url = f"{short.url}/gradio_api/upload"  # one that nothing is done with,
    assert status(url, part + b"\r\n--x--\r\n", headers) == 200
    _cut_off_upload(short.url, part)  # and one that breaks off.
    sent_s = time.monotonic()
    files = _files(short.folder)
    assert len(files) == 2, files  # of the last nothing is left
    judged = next(path for path in files if path.name == CLIP.name)
    assert status(f"{short.url}/gradio_api/file={judged}") == 200
    while _files(short.folder) and time.monotonic() < sent_s + DELETE_AFTER_S:
        time.sleep(0.2)
    assert not _files(short.folder)
    assert status(f"{short.url}/gradio_api/file={judged}") in (403, 404)
    # The examples are no recordings: they still answer.
    example = {"path": str(EXAMPLES / CLIP.name), "meta": {"_type": "gradio.FileData"}}
    assert "event: complete" in post(short.url, [example])
    # Judging what is gone is told in a sentence.
    gone = {"path": str(judged), "meta": {"_type": "gradio.FileData"}}
    assert "has been deleted" in post(short.url, [gone])


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _cut_off_upload(url: str, part: bytes) -> None:
    """Promise a megabyte, send the first part of it, hang up."""
    place = urlsplit(url)
    before = len(_files_of_upload())
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
            + part
        )
        deadline = time.monotonic() + 10
        while len(_files_of_upload()) == before and time.monotonic() < deadline:
            time.sleep(0.05)
    while len(_files_of_upload()) > before and time.monotonic() < deadline:
        time.sleep(0.05)


def _files_of_upload() -> list[Path]:
    return _files(running_app(DELETE_AFTER_S).folder)
