"""A small Hugging Face Hub on loopback, for tests that use the unmodified `huggingface_hub`.

It keeps real files (see `hub_repo.py`), answers what our code asks (`routes.py`), refuses every
request whose form it does not know, and can be told to fail. A test opens one with

    with Hub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token="hf_write")

and passes `endpoint=hub.url` to whatever runs in its own process (the client reads HF_ENDPOINT
once, when it is imported); a child process gets `env={**os.environ, **hub.environment()}`.
Leaving the block fails the test if any request was malformed (`hub.violations`).

What the public Hub does beyond this is in no test: Xet transfers, rate limits, lists in pages,
downloads that go on where they stopped, delays between a commit and what is read back, and how long
removed commits and files stay in its storage.
"""

import re
import secrets
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote

from huggingface_hub import constants

from tests.hub import routes
from tests.hub.http import ROUTES, Answer, MalformedError, Request, Route, Server, need
from tests.hub.repo import HubError, Repo


@dataclass
class Seen:
    """One line of `hub.requests`; tokens are replaced by ***, `status` is None while unanswered."""

    method: str
    path: str
    headers: dict[str, str]
    status: int | None = None


@dataclass
class Failure:
    method: str
    path: str
    times: int | None
    status: int | None
    hang: bool
    cut: bool
    before: Callable[[], object] | None
    released: threading.Event = field(default_factory=threading.Event)

    def matches(self, method: str, path: str) -> bool:
        named = fnmatchcase(method, self.method) and fnmatchcase(path, self.path)
        return named and self.times != 0 and not (self.cut and method == "HEAD")

    def answer(self) -> Answer:
        message = {
            401: "Invalid credentials in Authorization header",
            412: "A commit has happened since. Please refresh and try again.",
            429: "We had to rate limit you.",
        }.get(self.status, "Told to fail")
        return Answer.json({"error": message}, self.status, **{"X-Error-Message": message})


class Hub:
    """The Hub: `tokens` maps a token to (user, "write" or "read").

    Everything may be read while it runs: `repo(kind, id)`, `requests`, `violations`.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.tokens = {"hf_write": ("user", "write"), "hf_read": ("user", "read")}
        self.tokens["hf_other"] = ("other", "write")
        self.repos: dict[tuple[str, str], Repo] = {}
        self.requests: list[Seen] = []
        self.violations: list[str] = []
        self.tickets: dict[str, tuple[Repo, str, int]] = {}  # storage links: (repo, sha256, size)
        self.lock = threading.RLock()
        self.failures: list[Failure] = []
        self._server = Server(self, 0)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Hub":
        # What HF_HUB_DISABLE_XET=1 sets, for clients in this process.
        self._no_xet = patch.object(constants, "HF_HUB_DISABLE_XET", True)
        self._no_xet.start()
        self.up()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.heal()
        self.down()
        self._server.server_close()
        self._no_xet.stop()
        if error is None:
            assert not self.violations, "\n".join(self.violations)

    def environment(self, token: str | None = None) -> dict[str, str]:
        """Environment variables that send a child process here, with an empty cache of its own."""
        home = self.folder / "hf_home"
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_TOKEN": token or "",
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def repo(self, kind: str, id: str) -> Repo:
        return self.repos[kind, id]

    def create(self, kind: str, id: str, private: bool = False) -> Repo:
        """Make a repository past the HTTP interface."""
        return self.repos.setdefault((kind, id), Repo(kind, id, private))

    def web_url(self, repo: Repo) -> str:
        return f"{self.url}/{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.id}"

    def ticket(self, repo: Repo, sha256: str, size: int) -> str:
        """What opens the storage for one large file, in place of a token."""
        ticket = secrets.token_hex(16)
        self.tickets[ticket] = (repo, sha256, size)
        return ticket

    def seen(self, method: str = "*", path: str = "*") -> list[Seen]:
        """The requests so far with this method and path (shell patterns, query left out)."""
        return [
            line
            for line in list(self.requests)
            if fnmatchcase(line.method, method) and fnmatchcase(line.path.split("?")[0], path)
        ]

    # -- failing -------------------------------------------------------------------------------

    def fail(
        self,
        status: int | None = None,
        *,
        method: str = "*",
        path: str = "*",
        times: int | None = None,
        hang: bool = False,
        cut: bool = False,
        before: Callable[[], object] | None = None,
    ) -> None:
        """Fail the next `times` requests that match (None: until `heal`).

        `status` answers with that error and does nothing else; `hang` answers only once `heal` is
        called, if the client still waits; `cut` does what was asked and closes the connection in
        the middle of the answer; `before` is called first. Large files are fetched from
        `/cdn/{kind}s/{id}/{sha256}/{path}`, not from `/resolve/`: `path="*model.safetensors"`
        matches both.
        """
        self.failures.append(Failure(method, path, times, status, hang, cut, before))

    def heal(self) -> None:
        """End every failure told so far and let go what hangs."""
        for failure in self.failures:
            failure.released.set()
        self.failures = []

    def down(self) -> None:
        """Refuse connections and end those that are open; the port stays taken."""
        self._server.stop()
        self._server.server_close()
        self._server = Server(self, self.port)

    def up(self) -> None:
        self._server.start()

    # -- answering one request -----------------------------------------------------------------

    def redact(self, text: str) -> str:
        for token in self.tokens:
            text = text.replace(token, "***")
        return text

    def answer(self, request: Request, raw_path: str, gone: Callable[[], bool]) -> Answer | None:
        """The answer to a request, None to close the connection without one."""
        headers = {name: self.redact(value) for name, value in request.headers.items()}
        if "authorization" in headers:
            headers["authorization"] = re.sub(r"\S+$", "***", headers["authorization"])
        seen = Seen(request.method, self.redact(raw_path), headers)
        with self.lock:
            self.requests.append(seen)
            if seen.path != raw_path:
                self.violations.append(f"{seen.method} {seen.path}: a token in the address")
            failure = next(
                (f for f in self.failures if f.matches(request.method, request.path)), None
            )
            if failure and failure.times:
                failure.times -= 1
        if failure and failure.before:
            failure.before()
        while failure and failure.hang and not failure.released.wait(0.05) and not gone():
            pass
        if failure and gone():
            return None
        if failure and failure.status:
            answer = failure.answer()
        else:
            with self.lock:
                answer = self.dispatch(request)
        if failure and failure.cut:
            answer.headers["X-Cut"] = "1"
        seen.status = answer.status
        return answer

    def dispatch(self, request: Request) -> Answer:
        try:
            for route in ROUTES:
                match = route.pattern.fullmatch(request.path)
                if route.method == request.method and match:
                    need(request.query.keys() <= route.query, f"parameters {sorted(request.query)}")
                    self.authenticate(request, route)
                    groups = {k: unquote(v) for k, v in match.groupdict().items() if v}
                    if route.access in {"read", "write"}:
                        groups["repo"] = self.find(request, groups, route.access == "write")
                    return route.handler(self, request, **groups)
            self.violations.append(f"{request.method} {request.path}: unknown route")
            return Answer.json({"error": "not implemented by the test Hub"}, 501)
        except MalformedError as error:
            self.violations.append(self.redact(f"{request.method} {request.path}: {error}"))
            return Answer.json({"error": f"malformed: {error}"}, 400)
        except HubError as error:
            code = {"X-Error-Code": error.code} if error.code else {}
            headers = {"X-Error-Message": str(error), **code, **error.extra.pop("headers", {})}
            return Answer.json({"error": str(error), **error.extra}, error.status, **headers)
        except Exception:
            self.violations.append(f"{request.method} {request.path}: {traceback.format_exc()}")
            return Answer.json({"error": "the test Hub itself failed"}, 500)

    def authenticate(self, request: Request, route: Route) -> None:
        authorization = request.headers.get("authorization")
        if route.access == "storage":
            need(authorization is None, "a token was sent to the file storage")
            return
        if route.handler is not routes.validate_yaml:  # called without the usual headers
            need("hf_hub/" in request.headers.get("user-agent", ""), "no hf_hub/ in User-Agent")
        if authorization is not None:
            need(re.fullmatch(r"Bearer \S+", authorization), "Authorization is not a Bearer token")
            token = authorization.removeprefix("Bearer ")
            if token not in self.tokens:
                raise HubError(401, None, "Invalid credentials in Authorization header")
            request.user, request.role = self.tokens[token]

    def find(self, request: Request, groups: dict[str, str], write: bool) -> Repo:
        """The repository that a path names; its kind and id are taken out of `groups`."""
        repo = self.repos.get((groups.pop("kind", "model"), groups.pop("id")))
        if repo is None or (repo.private and request.user != repo.owner):
            # Says the same of a private and of a missing repository, as the Hub does.
            message = "Repository not found" if request.user else "Invalid username or password."
            raise HubError(404 if request.user else 401, "RepoNotFound", message)
        if write:
            routes.check_writer(request, repo.owner)
        return repo
