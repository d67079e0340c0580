"""HTTP for the test Hub: requests and answers, which path is answered by whom, and the port."""

import base64
import binascii
import contextlib
import json
import re
import select
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit


class MalformedError(Exception):
    """A request that the client of this version never sends."""


def need(condition: object, message: str) -> None:
    if not condition:
        raise MalformedError(message)


# -- requests and answers ----------------------------------------------------------------------


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, status: int = 200, **headers: str) -> "Answer":
        content = {"Content-Type": "application/json; charset=utf-8"}
        return cls(json.dumps(value).encode(), status, {**content, **headers})


@dataclass
class Request:
    method: str
    path: str  # as sent, still quoted
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes
    user: str | None = None
    role: str | None = None

    def json(self, required: dict, optional: dict | None = None, of="application/json") -> dict:
        """The body, when it has these fields of these types and no other."""
        need(self.headers.get("content-type", "").startswith(of), f"Content-Type is not {of}")
        return fields(parse_json(self.body), required, optional)


def parse_json(text: bytes) -> dict:
    try:
        return json.loads(text)
    except ValueError as error:
        raise MalformedError(f"not JSON: {error}") from error


def fields(value: object, required: dict, optional: dict | None = None) -> dict:
    need(isinstance(value, dict), "not a JSON object")
    known = {**required, **(optional or {})}
    need(required.keys() <= value.keys() <= known.keys(), f"fields {sorted(value)}")
    for key, item in value.items():
        need(isinstance(item, known[key]), f"field {key} is {item!r}")
    return value


def decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedError(f"not base64: {error}") from error


# -- who answers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern
    access: str
    query: frozenset[str]
    handler: Callable


ROUTES: list[Route] = []


def route(methods: str, pattern: str, access: str = "read", query: str = "") -> Callable:
    """Answer these methods of a path; `query` names the parameters that may be sent.

    `access` is what the sender may do with the repository that the path names ("read" or "write"),
    "none" for a path that names none, "storage" where large files lie and no token is ever sent.
    The groups of the pattern, unquoted, become arguments of the handler.
    """

    def register(handler: Callable) -> Callable:
        for method in methods.split():
            known = frozenset(query.split())
            ROUTES.append(Route(method, re.compile(pattern), access, known, handler))
        return handler

    return register


# -- the port ----------------------------------------------------------------------------------


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A taken port that refuses connections until `start`, and again once it is closed.

    `hub` answers the requests, and collects in its `violations` what fails here.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub, port: int):
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        self.hub, self.open, self.thread = hub, set(), None
        self.server_bind()

    def start(self) -> None:
        self.server_activate()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        if self.thread:
            self.shutdown()
            self.thread.join()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address) -> None:
        """Note what went wrong here; a client that went away is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            self.hub.violations.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *arguments) -> None:
        """Say nothing."""

    def gone(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            ready, _, _ = select.select([self.connection], [], [], 0)
            return bool(ready) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the client went away")
            return body
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def respond(self) -> None:
        body = self.read_body()
        address = urlsplit(self.path)
        query = parse_qs(address.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, address.path, query, headers, body)
        answer = self.server.hub.answer(request, self.path, self.gone)
        if answer is None:
            self.close_connection = True
            return
        body, cut = answer.body, answer.headers.pop("X-Cut", None)
        if cut:
            body, self.close_connection = body[: len(body) // 2], True
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = respond  # noqa: N815
