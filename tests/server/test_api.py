"""The endpoints for programs, over the real client, over plain HTTP, and as the API page shows."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from jsonschema import ValidationError
from playwright.sync_api import expect

from ser.labels import LABELS
from ser.sound import errors
from server.limits import MAX_FILES
from tests.page.app_server import DESKTOP, EXAMPLES, chromium, running_app
from tests.schema import SCHEMA, check
from tests.server.raw import ask, connect, head

CLIP = EXAMPLES / "low-and-slow.flac"
OTHER = EXAMPLES / "high-and-fast.flac"
YESTERDAY = json.loads((Path(__file__).parent / "client_of_0_3.json").read_text())


@pytest.fixture(scope="module")
def client():
    return Client(running_app().url, verbose=False)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def test_the_public_endpoints_and_no_others(client):
    endpoints = client.view_api(return_format="dict", print_info=False)
    named = endpoints["named_endpoints"]
    parameters = {name: [p["parameter_name"] for p in e["parameters"]] for name, e in named.items()}
    assert parameters == {
        "/predict": ["clip", "emotions", "embedding"],
        "/timeline": ["clip", "emotions"],
        "/predict_files": ["clips", "emotions", "embedding"],
    }
    assert not endpoints["unnamed_endpoints"]


def test_one_clip(client):
    answer = client.predict(clip=handle_file(CLIP), api_name="/predict")
    check("prediction", answer)
    assert answer["file"] == CLIP.name
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=8 * 5e-7)  # 6 decimals


def test_a_long_recording_is_told_by_utterances(client, tmp_path):
    speech, rate_hz = soundfile.read(CLIP)
    path = tmp_path / "two.flac"
    soundfile.write(path, np.concatenate([speech, np.zeros(2 * rate_hz), speech]), rate_hz)
    answer = client.predict(clip=handle_file(path), api_name="/timeline")
    check("timeline", answer)
    assert answer["file"] == "two.flac"
    first, second = answer["segments"]
    assert first["end_ms"] < 1000 * len(speech) / rate_hz < second["start_ms"]


def test_files_are_answered_in_their_order_and_a_bad_one_has_an_error(client, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("words")
    answers = client.predict(
        clips=[handle_file(CLIP), handle_file(bad), handle_file(OTHER)], api_name="/predict_files"
    )
    check("predictions", answers)
    assert [answer["file"] for answer in answers] == [CLIP.name, "bad.wav", OTHER.name]
    assert answers[1]["error"]["code"] == "unreadable"
    alone = client.predict(clip=handle_file(OTHER), api_name="/predict")
    assert answers[2]["probabilities"] == alone["probabilities"]


@pytest.mark.parametrize("endpoint", ["/predict", "/timeline", "/predict_files"])
def test_nothing_at_all_is_an_error_with_a_code(client, endpoint):
    with pytest.raises(AppError, match="Please record or choose a sound first") as refused:
        client.predict(None, api_name=endpoint)
    assert refused.value.title == "nothing_sent"


@pytest.mark.parametrize("endpoint", ["/predict", "/timeline", "/predict_files"])
def test_among_some_emotions(client, endpoint):
    sent = [handle_file(CLIP)] if endpoint == "/predict_files" else handle_file(CLIP)
    answer = client.predict(sent, ["sad", "happy"], api_name=endpoint)
    told = json.dumps(answer)
    assert "Judged among happy, sad only" in told and '"angry": 0.0' in told
    for wrong, sentence in (
        (["furious", "sad"], "none of the emotions"),
        (["sad"], "two emotions"),
    ):
        with pytest.raises(AppError, match=sentence) as refused:
            client.predict(sent, wrong, api_name=endpoint)
        assert refused.value.title == "emotions"


def test_the_embedding_is_told_where_it_is_asked_for(client, pipeline):
    clip = handle_file(CLIP)
    assert "embedding" not in client.predict(clip=clip, api_name="/predict")
    answer = client.predict(clip=clip, embedding=True, api_name="/predict")
    check("prediction", answer)
    np.testing.assert_array_equal(np.float32(answer["embedding"]), pipeline.predict(CLIP).embedding)
    (same,) = client.predict(clips=[clip], embedding=True, api_name="/predict_files")
    check("predictions", [same])
    assert same["embedding"] == answer["embedding"]
    with pytest.raises(AppError, match="true or false") as refused:
        client.predict(clip=clip, embedding="please", api_name="/predict")
    assert refused.value.title == "embedding"


def test_too_many_files_are_refused_before_any_is_judged(client):
    with pytest.raises(AppError, match=f"no more than {MAX_FILES}") as refused:
        client.predict([handle_file(CLIP)] * (MAX_FILES + 1), api_name="/predict_files")
    assert refused.value.title == "too_many_files"


def _silence(path: Path) -> None:
    soundfile.write(path, np.zeros(32_000), 16_000)


@pytest.mark.parametrize("endpoint", ["/predict", "/timeline"])
@pytest.mark.parametrize(
    ("make", "code"),
    [(lambda path: path.write_bytes(b""), "empty"), (_silence, "silent")],
)
def test_a_bad_file_is_an_error_with_a_code(client, tmp_path, endpoint, make, code):
    make(tmp_path / "a.wav")
    with pytest.raises(AppError) as refused:
        client.predict(handle_file(tmp_path / "a.wav"), api_name=endpoint)
    assert refused.value.title == code and refused.value.message.endswith(".")


def test_every_reason_has_a_code_of_its_own():
    kinds = errors.AudioError, *errors.AudioError.__subclasses__()
    found = [kind.code for kind in kinds]
    assert len(set(found)) == len(found) > 8
    for code in found:
        check("problem", {"code": code, "message": "A sentence."})


def call(url: str, endpoint: str, data: list) -> tuple[str, object]:
    """Ask as curl would; the name of the event, and its data."""
    request = urllib.request.Request(
        url + endpoint, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}{endpoint}/{event}", timeout=30) as stream:
        name, said = stream.read().decode().strip().split("\n")[-2:]
    return name.removeprefix("event: "), json.loads(said.removeprefix("data: "))


def upload(url: str, path: Path) -> str:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n'
    body = part % path.name.encode() + path.read_bytes() + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(url + YESTERDAY["upload"]["path"], body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)[0]


def form(value: object) -> object:
    """The names and types of a JSON value."""
    if isinstance(value, dict):
        return {name: form(part) for name, part in value.items()}
    if isinstance(value, list):
        return [form(part) for part in value[:1]]
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def within(old: object, new: object) -> bool:
    """Whether whoever reads `old` finds all of it in `new`; a null may get a value."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(n in new and within(old[n], new[n]) for n in old)
    if isinstance(old, list):
        return isinstance(new, list) and all(within(a, b) for a, b in zip(old, new, strict=False))
    return old is type(None) or old == new


def test_yesterdays_client_reads_todays_answer():
    """What version 0.3.0 was sent, sent again; whatever its answer had, this one has."""
    url = running_app().url
    sent = json.dumps(YESTERDAY["call"]["body"]).replace("PATH", upload(url, CLIP))
    event, (answer,) = call(url, YESTERDAY["call"]["path"], json.loads(sent)["data"])
    assert event == "complete"
    assert within(form(YESTERDAY["answer"]), form(answer))
    assert not within(form(YESTERDAY["answer"]), form({**answer, "label": 3}))
    assert not within(form(YESTERDAY["answer"]), {n: form(v) for n, v in answer.items() if n > "b"})


def test_an_error_over_plain_http_has_a_code_too():
    event, said = call(running_app().url, "/gradio_api/call/predict", [None])
    assert event == "error"
    assert said["title"] == "nothing_sent" and said["error"].startswith("Please")


def test_the_schema_is_served_and_tells_right_from_wrong(client):
    with urllib.request.urlopen(f"{running_app().url}/schema.json", timeout=30) as answer:
        assert json.load(answer) == json.loads(SCHEMA.read_text())
    answer = client.predict(handle_file(CLIP), api_name="/predict")
    for wrong in (
        {"label": "furious"},
        {"probabilities": dict.fromkeys(LABELS, 2)},
        {"model": "best"},
    ):
        with pytest.raises(ValidationError):
            check("prediction", answer | wrong, is_strict=False)
    check("prediction", answer | {"new": 1}, is_strict=False)  # readers bear what is new
    with pytest.raises(ValidationError):
        check("prediction", answer | {"new": 1})  # but it has to be described


def test_the_snippet_on_the_api_page_works_as_it_stands(open_page):
    """Every Python snippet that the page shows, run by itself."""
    page = open_page(running_app(), DESKTOP)
    page.get_by_role("button", name="Use via API").click()
    shown = page.locator("pre:visible", has_text="from gradio_client import Client")
    expect(shown).to_have_count(3)
    for snippet in shown.all_inner_texts():
        done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True)
        assert done.returncode == 0, f"{snippet}\n{done.stderr}"
        assert EXAMPLES.joinpath("high-and-fast.flac").name in done.stdout


FILE = {"path": "a.wav", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "data",
    [
        [{"path": "a.wav"}],
        [{"url": "a.wav"}],
        ["a.wav"],
        [3],
        [[]],
        [FILE],  # which nobody uploaded
        [{**FILE, "path": "/etc/hostname"}],
        [{**FILE, "path": 3}],
        [None, None, None],
        [],
    ],
)
def test_whatever_is_sent_the_error_is_a_sentence(data):
    event, said = call(running_app().url, "/gradio_api/call/predict", data)
    assert event == "error" and said["error"].endswith("."), said
    assert said["title"] in ("malformed", "nothing_sent", "gone")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("call/predict", b"", 422),
        ("call/predict", b"no JSON", 422),
        ("call/predict", b'{"path": "a.wav"}', 422),
        ("call/predict", b'{"data": "a.wav"}', 422),
        ("call/none", b'{"data": []}', 404),
        ("call/v2/none", b"{}", 404),
        ("queue/join", b'{"data": [], "fn_index": 9999, "session_hash": "a"}', 404),
        ("queue/join", b'{"data": []}', 400),
    ],
)
def test_what_is_no_call_is_refused_in_a_sentence(path, body, status):
    url = f"{running_app().url}/gradio_api/{path}"
    found, _, told = ask(url, body, Content_Type="application/json")
    assert found == status and json.loads(told)["detail"].endswith("."), told


def test_nobody_is_judged_for_who_has_left(tmp_path):
    """An hour of speech, and whoever asked for it hangs up: the next one need not wait for it."""
    speech, _ = soundfile.read(CLIP, dtype="int16")
    speech = speech[::2]  # at 8 kHz
    samples = np.tile(speech, 1 + 3600 * 8000 // len(speech))[: 3600 * 8000]
    soundfile.write(tmp_path / "hour.wav", samples, 8000)  # which takes two cores 20 s at best
    url = running_app().url
    sent = {**FILE, "path": upload(url, tmp_path / "hour.wav")}
    headers = {"Content_Type": "application/json"}
    _, _, told = ask(
        f"{url}/gradio_api/call/timeline", json.dumps({"data": [sent]}).encode(), **headers
    )
    with connect(url) as connection:
        path = f"/gradio_api/call/timeline/{json.loads(told)['event_id']}"
        connection.sendall(head("GET", path))
        assert b"200 OK" in connection.recv(1000)
        clip = Client(url, verbose=False).predict(handle_file(CLIP), api_name="/predict")
        assert clip["label"]  # it has a queue of its own, and passes the hour
    began_s = time.monotonic()
    answer = Client(url, verbose=False).predict(handle_file(CLIP), api_name="/timeline")
    assert answer["segments"] and time.monotonic() - began_s < 10
