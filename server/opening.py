"""The first bytes of the page: its language, what a browser must know before Gradio starts.

The page is laid out once, with marks where it says something. They get their text here, in the
language that the browser asks for, or that the address names (`?lang=de`).
"""

import json
import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRADIOS_PREVIEW = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


MARK = re.compile("\ue000[0-9a-f]+\ue001")
LANG = re.compile(r'<html\s+lang="[^"]*"')
ENGLISH = "en"
MOST_KEPT = 64  # pages, by language and by the name of the app; further ones are not kept
Texts = Mapping[str, Mapping[str, str]]  # of each mark, by language


class Opening:
    """Put `head` at the start of the page's head, and take out Gradio's own link preview.

    Gradio itself adds such a head only after it has chosen the language. `{language}` in it is the
    one that the page is sent in. Gradio also writes the page anew for everybody, from a tenth of a
    megabyte of JSON; here it is kept, for each language and each name of the app.
    """

    def __init__(self, app: ASGIApp, head: str, texts: Texts):
        self._app, self._head, self._texts = app, head, texts
        self._kept: dict[tuple, tuple[Message, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change the answer to a GET of what the page is made of; hand on everything else."""
        if scope["type"] != "http" or scope["method"] != "GET" or not self._is_ours(scope):
            return await self._app(scope, receive, send)
        known = {name for texts in self._texts.values() for name in texts}
        language = language_of(scope, known)
        kept_as = _kept_as(scope, language)
        if kept_as in self._kept:
            start, text = self._kept[kept_as]
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
            text = GRADIOS_PREVIEW.sub(b"", body).decode()
            text = LANG.sub(f'<html lang="{language}"', text, count=1)
            head = self._head.replace("{language}", language)
            text = text.replace("<head>", "<head>" + head, 1)
            text = MARK.sub(lambda mark: self._told(mark[0], language), text).encode()
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            headers += [
                (b"content-length", str(len(text)).encode()),
                (b"content-language", language.encode()),
                (b"vary", b"accept-language"),
            ]
            start = {**start, "headers": headers}
            if start["status"] == 200 and kept_as is not None and len(self._kept) < MOST_KEPT:
                self._kept[kept_as] = start, text
            await send(start)
            await send({"type": "http.response.body", "body": text})

        plain = [(k, v) for k, v in scope["headers"] if k.lower() != b"accept-encoding"]
        return await self._app({**scope, "headers": plain}, receive, changed)

    def _told(self, mark: str, language: str) -> str:
        """The text of a mark, which stands in a JSON string within a script."""
        text = json.dumps(self._texts[mark][language], ensure_ascii=False)[1:-1]
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

    @staticmethod
    def _is_ours(scope: Scope) -> bool:
        """Whether the page is asked for, or what has its words, also under a proxy's path."""
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        return path.rstrip("/") in ("", "/config", "/manifest.json")


def _kept_as(scope: Scope, language: str) -> tuple | None:
    """All that the page may depend on: language, and how the app is called. None for more."""
    if b"deep_link" in scope.get("query_string", b""):
        return None
    named = [
        (name, value)
        for name, value in scope["headers"]
        if name in (b"host", b"origin", b"x-gradio-server")
        or (name.startswith(b"x-forwarded-") and name != b"x-forwarded-for")
    ]
    return (language, scope["path"], scope["scheme"], *sorted(named))


def language_of(scope: Scope, known: Collection[str]) -> str:
    """The known language that a request wants most; English where it wants none of them.

    `?lang=` goes before the header Accept-Language (RFC 9110, 12.5.4).
    """
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("lang", [""])[0]
    if asked in known:
        return asked
    header = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    wanted = []
    for place, part in enumerate(header.split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        wanted.append((-quality, place, name.strip().lower().partition("-")[0]))
    return next((name for quality, _, name in sorted(wanted) if name in known and quality), ENGLISH)
