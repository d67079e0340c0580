"""What is open to the world is in a table, and at every other address there is nothing."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from server.routes import DOORS, NOTHING_HERE, SOCKETS, is_open
from tests.page.app_server import running_app
from tests.server.raw import ask, sentence

HIDDEN = [  # what Gradio would do at the bidding of anybody
    ("POST", "/gradio_api/process_recording"),
    ("POST", "/gradio_api/api/predict"),
    ("POST", "/api/predict"),
    ("POST", "/run/predict"),
    ("GET", "/gradio_api/proxy=https://example.hf.space/"),
    ("GET", "/gradio_api/file=https://example.org/a.wav"),
    ("GET", "/gradio_api/file=HTTPS:/example.org/a.wav"),
    ("GET", "/gradio_api/file=//example.org/a.wav"),
    ("GET", "/gradio_api/deep_link?session_hash=a"),
    ("GET", "/monitoring"),
    ("POST", "/login"),
    ("GET", "/gradio_api//heartbeat/a"),
    ("PUT", "/gradio_api/upload"),
]


def routes(app, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of everything that the app and those mounted in it would answer."""
    for route in app.routes:
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Mount):
            yield from routes(route, path)
        elif hasattr(route, "original_router"):  # FastAPI's include_router
            yield from routes(route.original_router, path)
        elif isinstance(route, Route):
            for method in route.methods or ("GET", "POST"):
                yield method, path
        else:
            assert isinstance(route, WebSocketRoute), route


def example(path: str) -> str:
    """A path of that form."""
    return re.sub(r"\{\w+(:\w+)?\}", "a", path)


def test_every_route_of_the_app_is_in_the_table_or_is_none(mounted, client_of_mounted):
    found = {(method, example(path)) for method, path in routes(mounted)}
    assert len(found) > 80
    hidden = {(method, path) for method, path in found if not is_open(method, path)}
    assert ("POST", "/gradio_api/process_recording") in hidden
    for method, path in sorted(hidden):
        answer = client_of_mounted.request(method, path)
        assert answer.status_code == 404, path
        assert method == "HEAD" or answer.json()["error"] == NOTHING_HERE


def test_every_door_leads_somewhere(mounted):
    found = {(method, example(path)) for method, path in routes(mounted)}
    found |= {
        ("DELETE", "/gradio_api/mcp/"),
        ("GET", "/gradio_api/mcp/"),
        ("POST", "/gradio_api/mcp/"),
    }
    for door in DOORS:
        assert any(m == door.method and door.form.fullmatch(p) for m, p in found), door.path
        assert door.reason


@pytest.mark.parametrize(("method", "path"), HIDDEN)
def test_at_other_addresses_a_real_server_has_nothing(method, path):
    status, _, body = ask(running_app().url + path, b"{}" if method != "GET" else None, method)
    assert (status, sentence(body)) == (404, NOTHING_HERE)


def test_what_waits_in_the_queue_cannot_go_past_it():
    url = f"{running_app().url}/gradio_api/run/predict"
    status, _, body = ask(url, b'{"data": [null, null]}', Content_Type="application/json")
    assert status == 404 and b"join the queue" in body


def test_there_is_one_socket(client_of_mounted):
    assert SOCKETS == ("/live",)
    with pytest.raises(WebSocketDisconnect):
        client_of_mounted.websocket_connect("/gradio_api/queue/join").__enter__()
