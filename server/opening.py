"""The first bytes of the page: what a browser must know before Gradio starts, and link previews."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRADIOS_PREVIEW = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


class Opening:
    """Put `head` at the start of the page's head, and take out Gradio's own link preview.

    Gradio itself adds such a head only after it has chosen the language.
    """

    def __init__(self, app: ASGIApp, head: str):
        self._app, self._head = app, head.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change the answer to a GET of the page; hand on everything else."""
        is_page = scope["type"] == "http" and scope["method"] == "GET" and self._is_root(scope)
        if not is_page:
            return await self._app(scope, receive, send)
        start: Message | None = None
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            text = GRADIOS_PREVIEW.sub(b"", body).replace(b"<head>", b"<head>" + self._head, 1)
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            headers.append((b"content-length", str(len(text)).encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": text})

        plain = [(k, v) for k, v in scope["headers"] if k.lower() != b"accept-encoding"]
        return await self._app({**scope, "headers": plain}, receive, changed)

    @staticmethod
    def _is_root(scope: Scope) -> bool:
        """Whether the page is asked for, also under a proxy's path."""
        return scope["path"].rstrip("/") in ("", scope.get("root_path", "").rstrip("/"))
