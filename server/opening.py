"""The first bytes of the page: what a browser must know before Gradio starts, and link previews."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRADIOS_PREVIEW = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


MOST_NAMES = 16  # of the app; further ones are not kept


class Opening:
    """Put `head` at the start of the page's head, and take out Gradio's own link preview.

    Gradio itself adds such a head only after it has chosen the language. It also writes the page
    anew for everybody, from a tenth of a megabyte of JSON; here it is kept, one for each name under
    which the app is called.
    """

    def __init__(self, app: ASGIApp, head: str):
        self._app, self._head = app, head.encode()
        self._kept: dict[tuple, tuple[Message, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change the answer to a GET of the page; hand on everything else."""
        is_page = scope["type"] == "http" and scope["method"] == "GET" and self._is_root(scope)
        if not is_page:
            return await self._app(scope, receive, send)
        name = _name(scope)
        if name in self._kept:
            start, text = self._kept[name]
            await send(start)
            return await send({"type": "http.response.body", "body": text})
        start: Message | None = None
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                return await send(message)
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            text = GRADIOS_PREVIEW.sub(b"", body).replace(b"<head>", b"<head>" + self._head, 1)
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            headers.append((b"content-length", str(len(text)).encode()))
            start = {**start, "headers": headers}
            if start["status"] == 200 and name is not None and len(self._kept) < MOST_NAMES:
                self._kept[name] = start, text
            await send(start)
            await send({"type": "http.response.body", "body": text})

        plain = [(k, v) for k, v in scope["headers"] if k.lower() != b"accept-encoding"]
        return await self._app({**scope, "headers": plain}, receive, changed)

    @staticmethod
    def _is_root(scope: Scope) -> bool:
        """Whether the page is asked for, also under a proxy's path."""
        return scope["path"].rstrip("/") in ("", scope.get("root_path", "").rstrip("/"))


def _name(scope: Scope) -> tuple | None:
    """All that the page may depend on: how the app is called. None where it is more than that."""
    if b"deep_link" in scope.get("query_string", b""):
        return None
    named = [
        (name, value)
        for name, value in scope["headers"]
        if name in (b"host", b"origin", b"x-gradio-server")
        or (name.startswith(b"x-forwarded-") and name != b"x-forwarded-for")
    ]
    return (scope["path"], scope["scheme"], *sorted(named))
