"""What is sent along: so much, within a time, and nothing half is left."""

import contextlib
import errno
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from server import bodies, patience
from server.bodies import Bodies
from server.limits import FIELD_BYTES, JSON_BYTES, MAX_UPLOAD_BYTES
from server.patience import PatientProtocol
from tests.page.app_server import EXAMPLES, running_app
from tests.server.raw import ask, connect, head, rest, sentence, talk

CLIP = EXAMPLES / "low-and-slow.flac"
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
FORM = "Content-Type: multipart/form-data; boundary=x"
LAST = "Connection: close"
JOIN = "/gradio_api/queue/join"


def chunks(data: bytes, size: int = 65_536) -> bytes:
    """A body without its length, as HTTP/1.1 sends it."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/call/predict", "/gradio_api/cancel"])
def test_json_of_over_a_megabyte_is_refused_before_it_is_sent(path):
    told = f"Content-Length: {JSON_BYTES + 1}"
    answer = talk(running_app().url, head("POST", path, told, LAST))
    assert b" 413 " in answer and b"at most 1 MB" in answer


def test_so_is_what_does_not_tell_its_size():
    body = chunks(b'{"data": ["' + bytes(JSON_BYTES))
    lines = ("Transfer-Encoding: chunked", "Content-Type: application/json")
    with connect(running_app().url) as connection:
        connection.sendall(head("POST", JOIN, *lines))
        with contextlib.suppress(OSError):  # it may be refused before all of it is there
            connection.sendall(body)
        assert b" 413 " in connection.recv(1000)


def test_a_body_where_none_belongs_is_refused():
    answer = talk(running_app().url, head("GET", "/health", "Content-Length: 5", LAST) + b"hello")
    assert b" 413 " in answer and b"0 bytes" in answer


def test_an_upload_in_chunks_is_taken():
    body = chunks(PART + CLIP.read_bytes() + b"\r\n--x--\r\n")
    lines = (FORM, "Transfer-Encoding: chunked", LAST)
    answer = talk(running_app().url, head("POST", "/gradio_api/upload", *lines) + body)
    assert b" 200 " in answer and b"a.wav" in answer


def test_a_part_that_is_no_file_stays_small():
    field = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--x--\r\n'
    url = f"{running_app().url}/gradio_api/upload"
    headers = {"Content_Type": "multipart/form-data; boundary=x"}
    assert ask(url, field % bytes(FIELD_BYTES), **headers)[0] == 200
    status, _, body = ask(url, field % bytes(FIELD_BYTES + 1), **headers)
    assert status == 400 and b"files only" in body


@contextmanager
def small_server(folder: Path, **limits: object) -> Iterator[str]:
    """The same middleware and protocol before an app that reads what it is sent."""
    app = FastAPI()
    app.add_middleware(Bodies, stored=lambda: (0, folder), **limits)

    @app.post("/gradio_api/{name:path}")
    async def take(request: Request) -> int:
        return len(await request.body())

    config = uvicorn.Config(app, log_level="warning", http=PatientProtocol, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.fixture
def hurried(tmp_path, monkeypatch):
    """A server with half a second of patience."""
    monkeypatch.setattr(patience, "HEAD_S", 0.5)
    monkeypatch.setattr(bodies, "SLOWEST_BYTES_S", 1000)
    with small_server(tmp_path, patience_s=0.5) as url:
        yield url


def test_a_body_that_does_not_come_is_waited_for_no_longer(hurried):
    began_s = time.monotonic()
    answer = talk(hurried, head("POST", JOIN, "Content-Length: 100", LAST) + b"{")
    assert b" 408 " in answer and b"in time" in answer
    assert 0.4 < time.monotonic() - began_s < 5


def test_nor_is_one_that_comes_byte_by_byte(hurried):
    with connect(hurried) as connection:
        connection.sendall(head("POST", JOIN, "Content-Length: 1000"))
        began_s = time.monotonic()
        connection.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - began_s < 10:
            connection.sendall(b"x")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
        assert b" 408 " in answer


def test_one_at_the_speed_of_a_weak_line_is_taken(hurried):
    with connect(hurried) as connection:
        connection.sendall(head("POST", JOIN, "Content-Length: 3000", LAST))
        for _ in range(15):
            connection.sendall(bytes(200))
            time.sleep(0.1)  # twice the slowest
        assert b" 200 " in rest(connection)


def test_a_client_that_is_refused_is_heard_out_and_learns_why(hurried):
    """It sends all of it before it reads; a connection that was closed would be an error to it."""
    body = bytes(JSON_BYTES + 1)
    status, _, told = ask(hurried + JOIN, body, Content_Type="application/json")
    assert status == 413 and "at most 1 MB" in sentence(told)


def test_but_not_for_ever(hurried):
    with connect(hurried) as connection:
        connection.sendall(head("POST", JOIN, f"Content-Length: {JSON_BYTES + 1}"))
        assert b" 413 " in connection.recv(1000)
        began_s = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began_s < 10:
                connection.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("sent", [b"", b"GET /heal"])
def test_who_connects_and_asks_nothing_is_hung_up_on(hurried, sent):
    began_s = time.monotonic()
    assert talk(hurried, sent) == b""
    assert 0.4 < time.monotonic() - began_s < 5


def test_a_second_request_that_only_begins_is_not_waited_for(hurried):
    with connect(hurried) as connection:
        connection.sendall(head("POST", JOIN, "Content-Length: 2") + b"{}")
        answer = b""
        while not answer.endswith(b"2"):  # the body
            answer += connection.recv(1000)
        connection.sendall(b"POST /gra")
        began_s = time.monotonic()
        assert rest(connection) == b""
        assert time.monotonic() - began_s < 4  # uvicorn's keep-alive would be 5


def test_an_upload_that_finds_no_room_is_refused(tmp_path):
    lying = [0]
    app = FastAPI()
    app.add_middleware(Bodies, stored=lambda: (lying[0], tmp_path), all_bytes=1500)
    app.post("/gradio_api/upload")(lambda: "taken")
    with TestClient(app) as client:
        assert client.post("/gradio_api/upload", content=bytes(900)).status_code == 200
        lying[0] = 700
        full = client.post("/gradio_api/upload", content=bytes(900))
    assert full.status_code == 507 and "no room" in sentence(full.content)


def test_two_that_come_at_the_same_time_are_counted_together(tmp_path):
    begun, free, answers = threading.Event(), threading.Event(), []
    app = FastAPI()
    app.add_middleware(Bodies, stored=lambda: (0, tmp_path), all_bytes=1500)

    @app.post("/gradio_api/upload")
    def take() -> str:
        begun.set()
        free.wait(10)
        return "taken"

    with TestClient(app) as client:

        def send() -> None:
            answers.append(client.post("/gradio_api/upload", content=bytes(900)).status_code)

        first = threading.Thread(target=send)
        first.start()
        assert begun.wait(10)
        send()
        free.set()
        first.join()
    assert answers == [507, 200]


def test_a_disk_with_little_left_takes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(bodies, "FREE_BYTES", 2**60)
    with small_server(tmp_path) as url:
        status, _, body = ask(f"{url}/gradio_api/upload", bytes(100))
    assert status == 507 and "no room" in sentence(body)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_upload_that_breaks_off_leaves_nothing_and_says_nothing():
    app = running_app()
    before = files(app.folder)
    with connect(app.url) as connection:
        told = f"Content-Length: {MAX_UPLOAD_BYTES}"
        connection.sendall(head("POST", "/gradio_api/upload", FORM, told) + PART + bytes(100_000))
        _wait(lambda: len(files(app.folder)) > len(before))
    _wait(lambda: files(app.folder) == before)
    assert "Traceback" not in app.log.read_text()


def _wait(condition) -> None:
    deadline_s = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert condition()


def test_a_full_disk_is_a_sentence_and_leaves_nothing(client_of_mounted, monkeypatch):
    from gradio import route_utils

    kept = []

    class Full(route_utils.GradioUploadFile):
        async def write(self, data: bytes) -> None:
            kept.append(Path(self.file.name))
            raise OSError(errno.ENOSPC, "No space left on device", "/a/secret/path")

    monkeypatch.setattr(route_utils, "GradioUploadFile", Full)
    sent = {"files": ("a.wav", bytes(1000))}
    answer = client_of_mounted.post("/gradio_api/upload", files=sent)
    assert answer.status_code == 507 and "no room" in sentence(answer.content)
    assert kept and not kept[0].exists()
    assert json.loads(answer.content).keys() == {"error", "detail"}


def test_a_full_queue_is_a_sentence(mounted, client_of_mounted, monkeypatch):
    monkeypatch.setattr(mounted.state.page._queue, "max_size", 0)
    full = client_of_mounted.post("/gradio_api/call/predict", json={"data": [None]})
    assert full.status_code == 503 and "try again in a minute" in sentence(full.content)
    assert int(full.headers["retry-after"]) > 0
