"""The address that is taken, the end on SIGTERM, and what mounting keeps of `launch`."""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from gradio_client import Client, handle_file
from gradio_client.utils import Status

from page.clip import EXAMPLES
from page.frame import build
from page.language import LAID_OUT
from page.theme import CSS, JS, THEME
from ser.sound.audio import SAMPLE_RATE
from server import serve
from server.health import Health
from server.limits import MAX_FILE_SIZE, STOP_S
from server.live import Live
from server.mount import mount
from server.uploads import examples, own_folder
from tests.page.app_server import running_app, start_app


@pytest.fixture
def no_settings(monkeypatch):
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("is_named", [False, True])
def test_a_taken_port_is_a_sentence(no_settings, monkeypatch, is_named):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if is_named:
            monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
        else:
            monkeypatch.setattr(serve, "PORT", port)
        with pytest.raises(OSError, match=f"Port {port} cannot be had at 127.0.0.1: name another"):
            serve.listen()
        monkeypatch.setenv("GRADIO_NUM_PORTS", "50")
        with serve.listen() as found:
            assert port < found.getsockname()[1] < port + 50


@pytest.mark.parametrize("port", ["voice", "-1", "0", "65536", "7860.0"])
def test_a_port_that_is_none_is_a_sentence(no_settings, monkeypatch, port):
    monkeypatch.setenv("GRADIO_SERVER_PORT", port)
    with pytest.raises(OSError, match=f"from 1 to 65535, not '{port}'"):
        serve.listen()


@pytest.mark.parametrize(
    ("settings", "host", "opened"),
    [
        ({}, "127.0.0.1", "http://127.0.0.1:"),
        ({"SPACE_ID": "user/space"}, "0.0.0.0", "http://localhost:"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, "0.0.0.0", "http://localhost:"),
        ({"GRADIO_SERVER_NAME": "127.0.0.2", "SPACE_ID": "a/b"}, "127.0.0.2", "http://127.0.0.2:"),
    ],
)
def test_the_address_that_is_taken(no_settings, monkeypatch, settings, host, opened):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with serve.listen() as found:
        assert found.getsockname()[0] == host
        assert serve.address(found).startswith(opened)


def test_a_page_that_is_open_does_not_hold_up_the_end(tmp_path):
    with start_app(tmp_path, {}) as app:
        place = app.url.removeprefix("http://").split(":")
        with socket.create_connection((place[0], int(place[1]))) as page:
            page.sendall(b"GET /gradio_api/heartbeat/abc HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"200 OK" in page.recv(1000)
            start_s = time.monotonic()
            app.process.send_signal(signal.SIGTERM)
            app.process.wait(timeout=STOP_S + 10)
            assert time.monotonic() - start_s < STOP_S  # it ended by itself, it was not cut off
        log = app.log.read_text()
        assert "Traceback" not in log and "Cancel" not in log, log


def config(url: str) -> dict:
    with urllib.request.urlopen(f"{url}/config", timeout=30) as answer:
        return json.load(answer)


def test_under_a_path_of_a_proxy_the_page_names_it(tmp_path):
    with start_app(tmp_path, {"GRADIO_ROOT_PATH": "/voice"}) as app:
        assert config(app.url)["root"] == f"{app.url}/voice"


def test_mounting_keeps_what_launch_would_serve(pipeline):
    """Of one page: config, theme, and the routes that say what they allow."""
    looks = {"theme": THEME, "css_paths": CSS, "js": JS}
    switches = {
        "max_file_size": MAX_FILE_SIZE,
        "enable_monitoring": False,
        "run_history": False,
        "ssr_mode": False,
        "show_error": False,
        "footer_links": ["api", "gradio"],
    }
    page = build(pipeline)
    _, launched, _ = page.launch(**looks, **switches, prevent_thread_lock=True, quiet=True)
    try:
        expected = config(launched.rstrip("/"))
        expected["title"] = LAID_OUT[expected["title"]]["en"]  # the server says it in a language
        with urllib.request.urlopen(f"{launched}theme.css", timeout=30) as answer:
            theme = answer.read().decode()
    finally:
        page.close(verbose=False)
    with TestClient(
        mount(build(pipeline), Health(pipeline), Live(pipeline), {}, texts=LAID_OUT, **looks)
    ) as client:
        found = client.get("/config").json()
        assert client.get("/theme.css").text == theme
        assert client.get("/monitoring").status_code == 404
        assert client.get("/gradio_api/startup-events").status_code == 200
    for one in (expected, found):
        for own in ("app_id", "root", "username", "components", "dependencies", "layout", "page"):
            one.pop(own, None)
    assert expected.pop("head") is None and found.pop("head") == ""  # none at all, either way
    assert found == expected
    assert {"css", "js", "theme", "theme_hash", "body_css"} <= set(found)
    assert found["css"] and found["js"] == JS and found["max_file_size"] == 400 * 2**20


def test_examples_have_addresses():
    url = running_app().url
    name, path = next(iter(examples(EXAMPLES).items()))
    with urllib.request.urlopen(f"{url}/examples/{name}", timeout=30) as answer:
        assert answer.read() == path.read_bytes()
    for other in ("README.md", "..%2Fapp.py", "none.flac"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/examples/{other}", timeout=30)
        assert refused.value.code == 404


def test_gradio_still_has_the_hooks_that_are_replaced():
    """A new version that renames one would fetch addresses again, or open any file."""
    assert hasattr(gr.processing_utils, "async_ssrf_protected_download")
    assert hasattr(gr.processing_utils, "audio_is_playable")
    with gr.Blocks() as page:
        pass
    assert page.has_launched is False


def test_what_runs_is_answered_before_the_end(tmp_path):
    """Ten minutes of noise take a moment; meanwhile the app is told to end."""
    samples = 0.1 * np.random.default_rng(0).standard_normal(590 * SAMPLE_RATE)
    soundfile.write(tmp_path / "long.wav", samples, SAMPLE_RATE)
    with start_app(tmp_path, {}) as app:
        job = Client(app.url, verbose=False).submit(
            handle_file(tmp_path / "long.wav"), api_name="/predict"
        )
        while job.status().code is not Status.PROCESSING:
            time.sleep(0.01)
            assert not job.done()
        app.process.send_signal(signal.SIGTERM)
        assert job.result(timeout=STOP_S)["reason"].startswith("No speech")
        app.process.wait(timeout=STOP_S + 10)
        assert "Traceback" not in app.log.read_text()


@pytest.mark.parametrize("taken", ["a folder of another user", "a link", "a file"])
def test_a_folder_that_is_not_ones_own_is_not_used(tmp_path, monkeypatch, taken):
    place, elsewhere = tmp_path / "ser-recordings", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if taken == "a link":
        place.symlink_to(elsewhere)
    elif taken == "a file":
        place.touch()
    else:
        place.mkdir()
        lstat = Path.lstat

        def of_another(path: Path):
            found = lstat(path)
            return SimpleNamespace(st_mode=found.st_mode, st_uid=found.st_uid + (path == place))

        monkeypatch.setattr(Path, "lstat", of_another)
    folder = own_folder(tmp_path)
    assert folder == tmp_path / f"ser-recordings-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert own_folder(tmp_path) == folder


def test_ones_own_folder_is_closed_to_others(tmp_path):
    (tmp_path / "ser-recordings").mkdir(mode=0o755)
    folder = own_folder(tmp_path)
    assert folder == tmp_path / "ser-recordings" and folder.stat().st_mode & 0o777 == 0o700


def test_the_page_is_written_once_for_each_name_of_the_app(mounted, client_of_mounted, monkeypatch):
    def page(host: str, **headers: str) -> str:
        answer = client_of_mounted.get("/", headers={"Host": host, **headers})
        assert answer.status_code == 200
        return answer.text

    first, other = page("voice.example"), page("other.example")
    assert "http://voice.example" in first and "http://other.example" in other
    assert "https://voice.example" in page("voice.example", **{"X-Forwarded-Proto": "https"})
    monkeypatch.setattr(mounted.state.page.app, "get_blocks", None)  # what would write it
    assert page("voice.example") == first and page("other.example") == other
