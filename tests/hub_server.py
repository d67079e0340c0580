"""A small Hugging Face Hub on loopback, for tests that use the unmodified `huggingface_hub`.

It keeps real files (see `hub_repo.py`), refuses every request whose form it does not know, and can
be told to fail. A test opens one with

    with Hub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token="hf_write")

and passes `endpoint=hub.url` to whatever runs in its own process (the client reads HF_ENDPOINT
once, when it is imported); a child process gets `env={**os.environ, **hub.environment()}`.
Leaving the block fails the test if any request was malformed (`hub.violations`).

What the public Hub does beyond this is in no test: Xet transfers, rate limits, delays between a
commit and what is read back, and how long removed commits and files stay in its storage.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import re
import secrets
import select
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import NoneType
from unittest.mock import patch
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml
from hub_repo import COMMIT_ID, Blob, Commit, HubError, Repo, front_matter, now, upload_mode
from huggingface_hub import constants

API = r"/api/(?P<kind>model|dataset|space)s/(?P<id>[^/]+/[^/]+)"
WEB = r"/(?:(?P<kind>dataset|space)s/)?(?P<id>[^/]+/[^/]+)"
ROUTES: list[tuple[str, re.Pattern, str, frozenset, Callable]] = []
LFS_TYPE = "application/vnd.git-lfs+json"


class MalformedError(Exception):
    """A request that the client of this version never sends."""


def need(condition: object, message: str) -> None:
    if not condition:
        raise MalformedError(message)


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
    retry_after: int | None
    hang: bool
    cut: bool
    before: Callable[[], object] | None
    released: threading.Event = field(default_factory=threading.Event)

    def matches(self, method: str, path: str) -> bool:
        named = fnmatchcase(method, self.method) and fnmatchcase(path, self.path)
        return named and self.times != 0 and not (self.cut and method == "HEAD")


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


def route(methods: str, pattern: str, access: str = "read", query: str = "") -> Callable:
    """Answer these methods of a path; `access` to the repo is "read", "write" or "none" (no repo).

    The groups of the pattern, unquoted, become arguments of the handler. Two methods share one
    handler; `query` names the parameters that may be sent.
    """

    def register(handler: Callable) -> Callable:
        for method in methods.split():
            known = frozenset(query.split())
            ROUTES.append((method, re.compile(pattern), access, known, handler))
        return handler

    return register


class Hub:
    """The Hub: `tokens` maps a token to (user, "write" or "read"); delete one and it has expired.

    Everything may be read while it runs: `repo(kind, id)`, `requests`, `violations`.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.tokens = {"hf_write": ("user", "write"), "hf_read": ("user", "read")}
        self.tokens["hf_other"] = ("other", "write")
        self.repos: dict[tuple[str, str], Repo] = {}
        self.requests: list[Seen] = []
        self.violations: list[str] = []
        self.page_size = 1000
        self.tickets: dict[str, tuple[Repo, str, int]] = {}  # storage links: (repo, sha256, size)
        self.lock = threading.RLock()
        self.failures: list[Failure] = []
        self._known_tokens: set[str] = set()
        self._server = _Server(self, 0)
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

    def seen(self, method: str = "*", path: str = "*") -> list[Seen]:
        """The requests so far with this method and path (shell patterns, query left out)."""
        return [
            line
            for line in list(self.requests)
            if fnmatchcase(line.method, method) and fnmatchcase(line.path.split("?")[0], path)
        ]

    def fail(
        self,
        status: int | None = None,
        *,
        method: str = "*",
        path: str = "*",
        times: int | None = None,
        retry_after: int | None = None,
        hang: bool = False,
        cut: bool = False,
        before: Callable[[], object] | None = None,
    ) -> Failure:
        """Fail the next `times` requests that match (None: until `heal`).

        `status` answers with that error and does nothing else; `hang` answers only once the
        failure's `released` event is set or `heal` is called, if the client still waits; `cut` does
        what was asked and closes the connection in the middle of the answer; `before` is called
        first. Large files are fetched from `/cdn/{kind}s/{id}/{sha256}/{path}`, not from
        `/resolve/`: `path="*model.safetensors"` matches both.
        """
        failure = Failure(method, path, times, status, retry_after, hang, cut, before)
        self.failures.append(failure)
        return failure

    def heal(self) -> None:
        """End every failure told so far and let go what hangs."""
        for failure in self.failures:
            failure.released.set()
        self.failures = []

    def down(self) -> None:
        """Refuse connections and end those that are open; the port stays taken."""
        self._server.stop()
        self._server.server_close()
        self._server = _Server(self, self.port)

    def up(self) -> None:
        self._server.start()

    # -- answering one request -----------------------------------------------------------------

    def redact(self, text: str) -> str:
        self._known_tokens |= self.tokens.keys()
        for token in sorted(self._known_tokens, key=len, reverse=True):
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
            answer = failed(failure)
        else:
            with self.lock:
                answer = self.dispatch(request)
        if failure and failure.cut:
            answer.headers["X-Cut"] = "1"
        seen.status = answer.status
        return answer

    def dispatch(self, request: Request) -> Answer:
        try:
            for method, pattern, access, query, handler in ROUTES:
                match = pattern.fullmatch(request.path)
                if method == request.method and match:
                    need(request.query.keys() <= query, f"parameters {sorted(request.query)}")
                    self.authenticate(request, handler)
                    groups = {k: unquote(v) for k, v in match.groupdict().items() if v}
                    if access != "none":
                        kind, id = groups.pop("kind", "model"), groups.pop("id")
                        groups["repo"] = self.find(request, kind, id, write=access == "write")
                    return handler(self, request, **groups)
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

    def authenticate(self, request: Request, handler: Callable) -> None:
        authorization = request.headers.get("authorization")
        if handler in (put_large_file, get_large_file):
            need(authorization is None, "a token was sent to the file storage")
            return
        if handler is not validate_yaml:  # which a model card calls without the usual headers
            need("hf_hub/" in request.headers.get("user-agent", ""), "no hf_hub/ in User-Agent")
        if authorization is not None:
            need(re.fullmatch(r"Bearer \S+", authorization), "Authorization is not a Bearer token")
            token = authorization.removeprefix("Bearer ")
            self._known_tokens.add(token)
            if token not in self.tokens:
                raise HubError(401, None, "Invalid credentials in Authorization header")
            request.user, request.role = self.tokens[token]

    def find(self, request: Request, kind: str, id: str, write: bool) -> Repo:
        repo = self.repos.get((kind, id))
        if repo is None or (repo.private and request.user != repo.owner):
            # Says the same of a private and of a missing repository, as the Hub does.
            message = "Repository not found" if request.user else "Invalid username or password."
            raise HubError(404 if request.user else 401, "RepoNotFound", message)
        if write:
            self.check_writer(request, repo.owner)
        return repo

    def check_writer(self, request: Request, owner: str) -> None:
        if request.user is None:
            # The client takes a bare 401 for a missing repo, but only from an https address.
            code = None if request.path.startswith("/api/repos/") else "RepoNotFound"
            raise HubError(401, code, "Invalid username or password.")
        if request.user != owner or request.role != "write":
            raise HubError(403, None, "Forbidden: you must use a write token to change this repo")

    def paged(self, request: Request, items: list) -> Answer:
        start = int(request.query.get("cursor", ["0"])[0])
        rest = {k: v[0] for k, v in request.query.items()} | {"cursor": start + self.page_size}
        link = f"{self.url}{request.path}?" + "&".join(f"{k}={v}" for k, v in rest.items())
        more = {"Link": f'<{link}>; rel="next"'} if start + self.page_size < len(items) else {}
        return Answer.json(items[start : start + self.page_size], **more)

    def web_url(self, repo: Repo) -> str:
        return f"{self.url}/{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.id}"


def failed(failure: Failure) -> Answer:
    message = {
        401: "Invalid credentials in Authorization header",
        412: "A commit has happened since. Please refresh and try again.",
        429: "We had to rate limit you.",
    }.get(failure.status, "Told to fail")
    headers = {"X-Error-Message": message}
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    return Answer.json({"error": message}, failure.status, **headers)


# -- accounts and repositories -----------------------------------------------------------------


@route("GET", "/api/whoami-v2", "none")
def whoami(hub: Hub, request: Request) -> Answer:
    if request.user is None:
        raise HubError(401, None, "Invalid username or password.")
    token = {"displayName": "test", "role": request.role, "createdAt": now()}
    auth = {"type": "access_token", "accessToken": token}
    person = {"type": "user", "name": request.user, "fullname": request.user, "orgs": []}
    return Answer.json({**person, "isPro": False, "auth": auth})


@route("POST", "/api/repos/create", "none")
def create_repo(hub: Hub, request: Request) -> Answer:
    wanted = request.json(
        {"name": str, "organization": str | NoneType},
        {"type": str, "visibility": str, "sdk": str, "secrets": list, "variables": list},
    )
    kind = wanted.get("type", "model")
    need(kind in {"model", "dataset", "space"}, f"type {kind}")
    need(wanted.get("visibility", "public") in {"public", "private"}, "visibility")
    need((kind == "space") == ("sdk" in wanted), "sdk belongs to Spaces")
    id = f"{wanted['organization'] or request.user}/{wanted['name']}"
    hub.check_writer(request, id.split("/")[0])
    exists = (kind, id) in hub.repos
    repo = hub.create(kind, id, wanted.get("visibility") == "private")
    if exists:
        message = f"You already created this {kind} repo: {id}"
        raise HubError(409, None, message, url=hub.web_url(repo))
    for name, store in (("variables", repo.variables), ("secrets", repo.secrets)):
        for item in wanted.get(name, []):
            store_setting(store, fields(item, {"key": str, "value": str}, {"description": str}))
    return Answer.json({"url": hub.web_url(repo), "name": id, "id": secrets.token_hex(12)})


@route("DELETE", "/api/repos/delete", "none")
def delete_repo(hub: Hub, request: Request) -> Answer:
    wanted = request.json({"name": str, "organization": str | NoneType}, {"type": str})
    id = f"{wanted['organization'] or request.user}/{wanted['name']}"
    repo = hub.find(request, wanted.get("type", "model"), id, write=True)
    del hub.repos[repo.kind, repo.id]
    return Answer()


@route("POST", "/api/validate-yaml", "none")
def validate_yaml(hub: Hub, request: Request) -> Answer:
    card = request.json({"content": str, "repoType": str})
    try:
        empty = not front_matter(card["content"])
    except yaml.YAMLError as error:
        return Answer.json({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [{"message": "empty or missing yaml metadata in repo card"}] if empty else []
    return Answer.json({"errors": [], "warnings": warnings})


@route("GET", f"{API}(?:/revision/(?P<revision>[^/]+))?", query="blobs")
def info(hub: Hub, request: Request, repo: Repo, revision: str = "main") -> Answer:
    head = repo.resolve(revision)
    try:
        card = front_matter(head.files["README.md"].data.decode())
    except (KeyError, yaml.YAMLError):
        card = {}
    siblings = [{"rfilename": path} for path in sorted(head.files)]
    if "blobs" in request.query:
        found = head.entries()
        for sibling in siblings:
            entry = found[sibling["rfilename"]]
            lfs = {"lfs": entry["lfs"] | {"sha256": entry["lfs"]["oid"]}} if "lfs" in entry else {}
            sibling.update(size=entry["size"], blobId=entry["oid"], **lfs)
    names = {"_id": secrets.token_hex(12), "id": repo.id, "author": repo.owner, "sha": head.id}
    flags = {"private": repo.private, "gated": repo.gated, "disabled": False}
    dates = {"lastModified": head.date, "createdAt": repo.commits(revision)[-1].date}
    counts = {"downloads": 0, "likes": 0, "tags": card.get("tags", [])}
    # Dates in a card are shown as text: YAML reads them as objects that JSON cannot hold.
    card = {"cardData": json.loads(json.dumps(card, default=str))} if card else {}
    return Answer.json({**names, **flags, **dates, **counts, **card, "siblings": siblings})


def check_gate(request: Request, repo: Repo) -> None:
    if repo.gated and request.user != repo.owner:
        raise HubError(403 if request.user else 401, "GatedRepo", "Access to this repo is gated")


def store_setting(store: dict[str, dict], wanted: dict) -> None:
    store[wanted["key"]] = {"description": None, **wanted, "updatedAt": now()}


@route("GET POST DELETE", "/api/(?P<kind>space)s/(?P<id>[^/]+/[^/]+)/(?P<name>variables|secrets)")
def space_settings(hub: Hub, request: Request, repo: Repo, name: str) -> Answer:
    hub.check_writer(request, repo.owner)
    store = getattr(repo, name)
    if request.method == "POST":
        store_setting(store, request.json({"key": str, "value": str}, {"description": str}))
    elif request.method == "DELETE":
        store.pop(request.json({"key": str})["key"], None)
    hidden = {"value"} if name == "secrets" else set()
    return Answer.json(
        {key: {k: v for k, v in item.items() if k not in hidden} for key, item in store.items()}
    )


# -- reading: trees, refs, commits, files ------------------------------------------------------


def flag(values: list[str]) -> bool:
    need(values in (["true"], ["false"]), f"not a boolean: {values}")
    return values == ["true"]


@route(
    "GET", API + "/tree/(?P<revision>[^/]+)(?:/(?P<path>[^/]+))?", query="recursive expand cursor"
)
def tree(hub: Hub, request: Request, repo: Repo, revision: str, path: str = "") -> Answer:
    found = repo.resolve(revision).entries(flag(request.query["expand"]))
    folder = path.rstrip("/") + "/" if path else ""
    inside = [e for p, e in found.items() if p.startswith(folder)]
    if path and not inside:
        raise HubError(404, "EntryNotFound", f"{path} does not exist on {revision}")
    if not flag(request.query["recursive"]):
        inside = [e for e in inside if "/" not in e["path"].removeprefix(folder)]
    return hub.paged(request, inside)


@route("POST", API + "/paths-info/(?P<revision>[^/]+)")
def paths_info(hub: Hub, request: Request, repo: Repo, revision: str) -> Answer:
    form = "application/x-www-form-urlencoded"
    need(request.headers.get("content-type") == form, f"Content-Type is not {form}")
    wanted = parse_qs(request.body.decode(), strict_parsing=True)
    need(wanted.keys() == {"paths", "expand"}, f"fields {sorted(wanted)}")
    found = repo.resolve(revision).entries(flag(wanted["expand"]))
    return Answer.json([found[path] for path in wanted["paths"] if path in found])


@route("GET", f"{API}/refs", query="include_prs")
def refs(hub: Hub, request: Request, repo: Repo) -> Answer:
    found: dict[str, list] = {"heads": [], "tags": [], "pr": []}
    for ref, target in sorted(repo.refs.items()):
        space, name = ref.removeprefix("refs/").split("/", 1)
        found[space].append({"name": name, "ref": ref, "targetCommit": target})
    shown = {"branches": found["heads"], "converts": [], "tags": found["tags"]}
    with_prs = {"pullRequests": found["pr"]} if "include_prs" in request.query else {}
    return Answer.json({**shown, **with_prs})


@route("GET", API + "/commits/(?P<revision>[^/]+)", query="cursor")
def commits(hub: Hub, request: Request, repo: Repo, revision: str) -> Answer:
    shown = [
        {"id": c.id, "title": c.title, "message": c.message, "date": c.date}
        | {"authors": [{"user": c.author}]}
        for c in repo.commits(revision)
    ]
    return hub.paged(request, shown)


@route("HEAD GET", WEB + "/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def resolve(hub: Hub, request: Request, repo: Repo, revision: str, path: str) -> Answer:
    check_gate(request, repo)
    commit = repo.resolve(revision)
    headers = {"X-Repo-Commit": commit.id, "Accept-Ranges": "bytes"}
    if path not in commit.files:
        raise HubError(404, "EntryNotFound", "Entry not found", headers=headers)
    blob = commit.files[path]
    headers |= {"ETag": f'"{blob.etag}"', "Content-Type": "application/octet-stream"}
    if blob.sha256 is None:
        return part(request, blob.data, headers)
    # As on the Hub, a large file is elsewhere: another host name, and no token goes there.
    ticket = secrets.token_hex(16)
    hub.tickets[ticket] = (repo, blob.sha256, blob.size)
    place = f"/cdn/{repo.kind}s/{repo.id}/{blob.sha256}/{quote(path)}?ticket={ticket}"
    headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(blob.size)}
    headers["Location"] = f"http://localhost:{hub.port}{place}"
    return Answer(b"Found. Redirecting", 302, headers)


@route("GET", r"/cdn/\w+/[^/]+/[^/]+/(?P<sha256>[0-9a-f]{64})/.+", "none", query="ticket")
def get_large_file(hub: Hub, request: Request, sha256: str) -> Answer:
    repo, known, _ = hub.tickets[request.query["ticket"][0]]
    need(known == sha256, "ticket of another file")
    if sha256 not in repo.lfs_objects:
        raise HubError(404, None, "The large file was deleted")
    return part(request, repo.lfs_objects[sha256], {"ETag": f'"{sha256}"'})


def part(request: Request, data: bytes, headers: dict[str, str]) -> Answer:
    """The content, or the range of it that was asked for."""
    asked = request.headers.get("range")
    if asked is None:
        return Answer(data, 200, headers)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    need(match, f"Range {asked}")
    start, end = int(match[1]), min(int(match[2] or len(data) - 1), len(data) - 1)
    if start > end:
        raise HubError(416, None, "Bad range", headers={"Content-Range": f"bytes */{len(data)}"})
    headers = {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"}
    return Answer(data[start : end + 1], 206, headers)


# -- writing: uploads, commits, refs, removal --------------------------------------------------


@route("POST", API + "/preupload/(?P<revision>[^/]+)", "write", query="create_pr")
def preupload(hub: Hub, request: Request, repo: Repo, revision: str) -> Answer:
    there = repo.resolve(revision).files
    answers = []
    for file in request.json({"files": list}, {"gitIgnore": str})["files"]:
        fields(file, {"path": str, "sample": str, "size": int})
        check_path(file["path"])
        sample = decode(file["sample"])
        need(len(sample) == min(512, file["size"]), "sample is not the first 512 bytes")
        mode = upload_mode(file["path"], file["size"], sample)
        known = there[file["path"]].etag if file["path"] in there else None
        answer = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
        answers.append(answer | ({"oid": known} if known else {}))
    return Answer.json({"files": answers})


def check_path(path: str) -> None:
    parts = path.split("/")
    need(parts and not {"", ".", "..", ".git"} & set(parts), f"path {path!r}")


@route("POST", WEB + r"\.git/info/lfs/objects/batch", "write")
def lfs_batch(hub: Hub, request: Request, repo: Repo) -> Answer:
    need(request.headers.get("accept") == LFS_TYPE, f"Accept is not {LFS_TYPE}")
    wanted = request.json(
        {"operation": str, "transfers": list, "objects": list, "hash_algo": str},
        {"ref": dict},
        of=LFS_TYPE,
    )
    need(wanted["operation"] == "upload" and "basic" in wanted["transfers"], "basic upload")
    need(wanted["hash_algo"] == "sha256", "hash_algo")
    if "ref" in wanted:
        repo.resolve(fields(wanted["ref"], {"name": str})["name"])
    objects = []
    for item in wanted["objects"]:
        need(re.fullmatch("[0-9a-f]{64}", fields(item, {"oid": str, "size": int})["oid"]), "oid")
        if item["oid"] not in repo.lfs_objects:
            ticket = secrets.token_hex(16)
            hub.tickets[ticket] = (repo, item["oid"], item["size"])
            upload = {"href": f"{hub.url}/lfs-storage/{item['oid']}?ticket={ticket}", "header": {}}
            verify = {"href": f"{hub.web_url(repo)}.git/info/lfs/verify", "header": {}}
            item = {**item, "actions": {"upload": upload, "verify": verify}}
        objects.append({**item, "authenticated": True})
    return Answer.json({"transfer": "basic", "objects": objects}, **{"Content-Type": LFS_TYPE})


@route("PUT", "/lfs-storage/(?P<sha256>[0-9a-f]{64})", "none", query="ticket")
def put_large_file(hub: Hub, request: Request, sha256: str) -> Answer:
    repo, known, size = hub.tickets[request.query["ticket"][0]]
    need(known == sha256, "ticket of another file")
    need("content-length" in request.headers, "no Content-Length")  # storage takes no chunks
    need(len(request.body) == size, f"{len(request.body)} bytes were sent, {size} announced")
    need(hashlib.sha256(request.body).hexdigest() == sha256, "content of another sha256")
    repo.lfs_objects[sha256] = request.body
    return Answer(headers={"ETag": f'"{sha256}"'})


@route("POST", WEB + r"\.git/info/lfs/verify", "write")
def lfs_verify(hub: Hub, request: Request, repo: Repo) -> Answer:
    wanted = request.json({"oid": str, "size": int})
    if len(repo.lfs_objects.get(wanted["oid"], b"")) != wanted["size"]:
        raise HubError(404, None, "The large file was not uploaded")
    return Answer.json({})


@route("POST", API + "/commit/(?P<revision>[^/]+)", "write", query="create_pr")
def commit(hub: Hub, request: Request, repo: Repo, revision: str) -> Answer:
    need(request.headers.get("content-type") == "application/x-ndjson", "Content-Type")
    need(request.body.endswith(b"\n"), "the last line is not ended")
    lines = [fields(parse_json(x), {"key": str, "value": dict}) for x in request.body.splitlines()]
    need(lines[0]["key"] == "header", "the first line is not the header")
    need(len(lines) > 1, "a commit without operations")
    optional = {"parentCommit": str}
    header = fields(lines[0]["value"], {"summary": str, "description": str}, optional)
    need(header["summary"], "an empty summary")
    parent = header.get("parentCommit")
    need(parent is None or COMMIT_ID.fullmatch(parent), f"parentCommit {parent}")
    ref = revision if revision.startswith("refs/pr/") else f"refs/heads/{revision}"
    if ref not in repo.refs:  # a tag or a commit cannot be committed to
        raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    base = repo.resolve(ref)
    pull_request = request.query.get("create_pr") == ["1"]
    if parent and pull_request:
        base = repo.resolve(parent)
    elif parent and parent != base.id:
        message = "A commit has happened since. Please refresh and try again."
        raise HubError(412, None, message)
    number = 1 + sum(name.startswith("refs/pr/") for name in repo.refs)
    files = dict(base.files)
    for line in lines[1:]:
        apply(repo, files, line["key"], line["value"])
    new = Commit(files, (base.id,), header["summary"], header["description"], request.user)
    repo.store(f"refs/pr/{number}" if pull_request else ref, new)
    url = hub.web_url(repo)
    made = {"success": True, "commitOid": new.id, "commitUrl": f"{url}/commit/{new.id}"}
    discussion = {"pullRequestUrl": f"{url}/discussions/{number}"} if pull_request else {}
    return Answer.json({**made, "hookOutput": "", **discussion})


def apply(repo: Repo, files: dict[str, Blob], key: str, value: dict) -> None:
    """Carry out one line of a commit."""
    if key == "file":
        fields(value, {"path": str, "content": str, "encoding": str})
        need(value["encoding"] == "base64", "encoding")
        data = decode(value["content"])
        need(upload_mode(value["path"], len(data), data[:512]) == "regular", "belongs in LFS")
        new = Blob(data, len(data))
    elif key == "lfsFile":
        fields(value, {"path": str, "algo": str, "oid": str}, {"size": int})
        need(value["algo"] == "sha256", "algo")
        if value["oid"] not in repo.lfs_objects:
            raise HubError(400, None, "LFS pointer pointed to a file that does not exist")
        size = len(repo.lfs_objects[value["oid"]])
        need(value.get("size", size) == size, "size is not that of the upload")
        new = Blob.large(value["oid"], size)
    elif key in {"deletedFile", "deletedFolder"}:
        path = fields(value, {"path": str})["path"]
        folder = path.rstrip("/") + "/"
        gone = [p for p in files if (p.startswith(folder) if key == "deletedFolder" else p == path)]
        if not gone:
            raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
        for path in gone:
            del files[path]
        return
    else:
        raise MalformedError(f"operation {key}")
    check_path(value["path"])
    files[value["path"]] = new


@route("POST DELETE", API + "/(?P<what>tag|branch)/(?P<name>[^/]+)", "write")
def refs_change(hub: Hub, request: Request, repo: Repo, what: str, name: str) -> Answer:
    revision = "main"
    if request.method == "POST" and what == "tag":  # the address names what is tagged
        revision, name = name, request.json({"tag": str}, {"message": str})["tag"]
    elif request.method == "POST":
        revision = request.json({}, {"startingPoint": str}).get("startingPoint", "main")
    ref = f"refs/{'tags' if what == 'tag' else 'heads'}/{name}"
    if request.method == "DELETE":
        if ref not in repo.refs:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {name}")
        if ref == "refs/heads/main":
            raise HubError(403, None, "The default branch cannot be deleted")
        del repo.refs[ref]
        return Answer()
    target = repo.resolve(revision)
    if ref in repo.refs:
        raise HubError(409, None, f"{what} {name} already exists")
    repo.refs[ref] = target.id
    return Answer.json({}, 201)


@route("POST", API + "/super-squash/(?P<branch>[^/]+)", "write")
def super_squash(hub: Hub, request: Request, repo: Repo, branch: str) -> Answer:
    message = request.json({"message": str})["message"]
    repo.resolve(branch)
    if f"refs/heads/{branch}" not in repo.refs:
        raise HubError(400, None, "Invalid reference for a branch")
    repo.squash(branch, message)
    return Answer.json({})


@route("GET", f"{API}/lfs-files", query="cursor")
def lfs_files(hub: Hub, request: Request, repo: Repo) -> Answer:
    # The strict reading: a large file that no commit names any more is stored, but not listed.
    hub.check_writer(request, repo.owner)
    shown = [
        {"fileOid": sha256, "oid": sha256, "filename": path, "ref": ref, "pushedAt": now()}
        | {"size": len(repo.lfs_objects[sha256])}
        for sha256, (path, ref) in repo.large_files().items()
    ]
    return hub.paged(request, shown)


@route("POST", f"{API}/lfs-files/batch", "write")
def lfs_files_delete(hub: Hub, request: Request, repo: Repo) -> Answer:
    wanted = request.json({"deletions": dict})["deletions"]
    fields(wanted, {"sha": list, "rewriteHistory": bool})
    need(all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in wanted["sha"]), "sha")
    repo.delete_lfs(set(wanted["sha"]), wanted["rewriteHistory"])
    return Answer.json({})


# -- the wire ----------------------------------------------------------------------------------


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A taken port that refuses connections until `start`, and again once it is closed."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub: Hub, port: int):
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
