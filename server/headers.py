"""What browsers may do with an answer, as headers; and which part of a file is asked for."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio's page needs inline scripts, scripts made from text, and blobs; nothing from elsewhere.
PAGE = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.huggingface.co https://*.hf.space",
    ]
)
A_FILE = "default-src 'none'; sandbox"  # what visitors send is shown by no browser as a page
ALL = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
FILE = "/gradio_api/file="
RANGES = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+))*\s*", re.IGNORECASE)


class Headers:
    """Give every answer its headers, and keep ranges of files from Gradio, which reads few."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change headers of the request and of the answer, nothing else."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope, asks_part = _with_plain_range(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if asks_part and message["status"] == 400:
                    message = {
                        **message,
                        "status": 416,
                    }  # Starlette's answer to a range that is none
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers.update(ALL)
                is_file = scope["path"].startswith(FILE)
                headers["Content-Security-Policy"] = A_FILE if is_file else PAGE
                message = {**message, "headers": headers.raw}
            await send(message)

        return await self._app(scope, receive, with_headers)


def _with_plain_range(scope: Scope) -> tuple[Scope, bool]:
    """The request with its range in a spelling that Gradio leaves to Starlette, and if it has one.

    Gradio knows "bytes=" only as it is spelt there. It fails on what is no range, and its answer to
    one that is repeats the headers of the request.
    """
    headers = scope["headers"]
    sent = next((value.decode("latin-1") for name, value in headers if name == b"range"), None)
    if sent is None:
        return scope, False
    spelt = "Bytes" + sent[5:] if RANGES.fullmatch(sent) else "none"
    rest = [(name, value) for name, value in headers if name != b"range"]
    return {**scope, "headers": [*rest, (b"range", spelt.encode("latin-1"))]}, True
