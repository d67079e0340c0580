"""What is open to the world: a table of doors. At any other address there is nothing.

Gradio brings dozens of routes; some skip the queue, fetch addresses or start ffmpeg. What the page
and the documented API need is listed here, and nothing else answers.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from server.limits import JSON_BYTES, MAX_UPLOAD_BYTES, TOOL_BYTES

NAME = r"[\w-]+"
ONE = r"[^/]+"


@dataclass(frozen=True)
class Door:
    """Requests of one method to paths of one form (a regular expression), and what they are for.

    `body_bytes` may be sent along. A call costs the server work: a visitor may make so many.
    """

    method: str  # GET stands for HEAD, too
    path: str
    reason: str
    body_bytes: int = 0
    is_call: bool = False

    @cached_property
    def form(self) -> re.Pattern:
        """Of the whole path."""
        return re.compile(self.path)


DOORS = (
    Door("GET", "/", "the page"),
    Door("GET", "/config/?", "what gradio_client reads first"),
    Door("GET", r"/(gradio_api/)?theme\.css", "the page's looks"),
    Door("GET", "/(assets|static)/.+", "Gradio's scripts, styles and fonts"),
    Door("GET", r"/(favicon\.ico|robots\.txt|manifest\.json)", "asked for by browsers themselves"),
    Door("GET", r"/pwa_icon(/\d+)?", "the page's icon where it is installed as an app"),
    Door("GET", f"/browser/{ONE}", "the page's own scripts"),
    Door("GET", f"/examples/{ONE}", "the sounds that come with it"),
    Door("GET", r"/schema\.json", "the forms of all answers"),
    Door("GET", "/health", "whether the app is well"),
    Door("GET", "/gradio_api/info/?", "how the endpoints are called"),
    Door("GET", r"/gradio_api/openapi\.json", "the same for OpenAPI's tools"),
    Door("GET", "/gradio_api/(startup-events|app_id)/?", "asked by a page when it opens"),
    Door("GET", f"/gradio_api/heartbeat/{NAME}", "tells that a page is still open"),
    Door("POST", "/gradio_api/upload", "sounds come in", MAX_UPLOAD_BYTES, is_call=True),
    Door("GET", "/gradio_api/upload_progress", "how far an upload is"),
    Door("POST", "/gradio_api/queue/join", "the page and gradio_client ask", JSON_BYTES, True),
    Door("GET", "/gradio_api/queue/data", "and are answered"),
    Door("POST", f"/gradio_api/run/{NAME}/?", "what only changes the page: no queue", JSON_BYTES),
    Door("POST", "/gradio_api/(cancel|reset)/?", "nobody waits any longer", JSON_BYTES),
    Door("POST", f"/gradio_api/call/(v2/)?{NAME}/?", "programs ask", JSON_BYTES, True),
    Door("GET", f"/gradio_api/call/(v2/)?{NAME}/{NAME}", "and are answered"),
    # Not an address of another server, which would be fetched.
    Door("GET", r"/gradio_api/file=(?![a-zA-Z][\w+.-]*:|//|\\).+", "recordings and results"),
    Door("GET", "/gradio_api/mcp(/.*)?", "tools for language models"),
    Door("POST", "/gradio_api/mcp(/.*)?", "the same", TOOL_BYTES, True),
    Door("DELETE", "/gradio_api/mcp(/.*)?", "the same: the end of a session"),
)
SOCKETS = ("/live",)
NOTHING_HERE = "There is nothing at this address. The README of the app says what it answers."


def door(method: str, path: str) -> Door | None:
    """The door at which a request knocks; None where there is none."""
    method = "GET" if method == "HEAD" else method
    return next((one for one in DOORS if one.method == method and one.form.fullmatch(path)), None)


def is_open(method: str, path: str) -> bool:
    """Whether there is a door. OPTIONS asks beforehand, on behalf of another method."""
    if method == "OPTIONS":
        return any(one.form.fullmatch(path) for one in DOORS)
    return door(method, path) is not None


class Doors:
    """Answer 404 with a sentence at every address without a door."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what knocks at a door."""
        if scope["type"] == "http" and not is_open(scope["method"], scope["path"]):
            return await refused(404, NOTHING_HERE)(scope, receive, send)
        if scope["type"] == "websocket" and scope["path"] not in SOCKETS:
            return await send({"type": "websocket.close"})
        return await self._app(scope, receive, send)


def refused(status: int, sentence: str, **headers: str) -> JSONResponse:
    """A refusal in a sentence; `detail` is where Gradio's page and client look for it."""
    return JSONResponse({"error": sentence, "detail": sentence}, status, headers)
