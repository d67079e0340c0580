"""HTTP as bytes, to send what no well-behaved client does."""

import json
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit


def connect(url: str, timeout_s: float = 30.0) -> socket.socket:
    place = urlsplit(url)
    return socket.create_connection((place.hostname, place.port), timeout_s)


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def talk(url: str, data: bytes) -> bytes:
    """Send these bytes; everything that comes back until the connection closes."""
    with connect(url) as connection:
        connection.sendall(data)
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def ask(url: str, data: bytes | None = None, method: str | None = None, **headers: str):
    """Status, headers and body of one request; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def sentence(body: bytes) -> str:
    """What a refusal says, in both of its places."""
    told = json.loads(body)
    assert told["error"] == told["detail"] and told["error"].endswith(".")
    return told["error"]
