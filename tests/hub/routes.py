"""What the test Hub answers, path by path: repositories, their files and commits, large files.

Each handler gets the Hub, the request, and what the path names.
"""

import hashlib
import json
import re
import secrets
from types import NoneType
from urllib.parse import quote

import yaml

from tests.hub.http import Answer, MalformedError, Request, decode, fields, need, parse_json, route
from tests.hub.repo import COMMIT_ID, Blob, Commit, HubError, Repo, front_matter, now, upload_mode

API = r"/api/(?P<kind>model|dataset|space)s/(?P<id>[^/]+/[^/]+)"
WEB = r"/(?:(?P<kind>dataset|space)s/)?(?P<id>[^/]+/[^/]+)"
LFS_TYPE = "application/vnd.git-lfs+json"
SHA256 = "[0-9a-f]{64}"


def check_writer(request: Request, owner: str) -> None:
    if request.user is None:
        # The client takes a bare 401 for a missing repo, but only from an https address.
        code = None if request.path.startswith("/api/repos/") else "RepoNotFound"
        raise HubError(401, code, "Invalid username or password.")
    if request.user != owner or request.role != "write":
        raise HubError(403, None, "Forbidden: you must use a write token to change this repo")


# -- repositories ------------------------------------------------------------------------------


@route("POST", "/api/repos/create", "none")
def create_repo(hub, request: Request) -> Answer:
    wanted = request.json(
        {"name": str, "organization": str | NoneType},
        {"type": str, "visibility": str, "sdk": str},
    )
    kind = wanted.get("type", "model")
    need(kind in {"model", "dataset", "space"}, f"type {kind}")
    need(wanted.get("visibility", "public") in {"public", "private"}, "visibility")
    need((kind == "space") == ("sdk" in wanted), "sdk belongs to Spaces")
    id = f"{wanted['organization'] or request.user}/{wanted['name']}"
    check_writer(request, id.split("/")[0])
    exists = (kind, id) in hub.repos
    repo = hub.create(kind, id, wanted.get("visibility") == "private")
    if exists:
        message = f"You already created this {kind} repo: {id}"
        raise HubError(409, None, message, url=hub.web_url(repo))
    return Answer.json({"url": hub.web_url(repo), "name": id, "id": secrets.token_hex(12)})


@route("POST", "/api/validate-yaml", "none")
def validate_yaml(hub, request: Request) -> Answer:
    card = request.json({"content": str, "repoType": str})
    try:
        empty = not front_matter(card["content"])
    except yaml.YAMLError as error:
        return Answer.json({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [{"message": "empty or missing yaml metadata in repo card"}] if empty else []
    return Answer.json({"errors": [], "warnings": warnings})


@route("GET", f"{API}(?:/revision/(?P<revision>[^/]+))?")
def info(hub, request: Request, repo: Repo, revision: str = "main") -> Answer:
    head = repo.resolve(revision)
    try:
        card = front_matter(head.files["README.md"].data.decode())
    except (KeyError, yaml.YAMLError):
        card = {}
    siblings = [{"rfilename": path} for path in sorted(head.files)]
    names = {"_id": secrets.token_hex(12), "id": repo.id, "author": repo.owner, "sha": head.id}
    flags = {"private": repo.private, "gated": False, "disabled": False}
    dates = {"lastModified": head.date, "createdAt": repo.commits(revision)[-1].date}
    counts = {"downloads": 0, "likes": 0, "tags": card.get("tags", [])}
    # Dates in a card are shown as text: YAML reads them as objects that JSON cannot hold.
    card = {"cardData": json.loads(json.dumps(card, default=str))} if card else {}
    return Answer.json({**names, **flags, **dates, **counts, **card, "siblings": siblings})


@route("POST", "/api/(?P<kind>space)s/(?P<id>[^/]+/[^/]+)/(?P<name>variables|secrets)", "write")
def space_settings(hub, request: Request, repo: Repo, name: str) -> Answer:
    store = getattr(repo, name)
    wanted = request.json({"key": str, "value": str}, {"description": str})
    store[wanted["key"]] = {"description": None, **wanted, "updatedAt": now()}
    hidden = {"value"} if name == "secrets" else set()
    return Answer.json(
        {key: {k: v for k, v in item.items() if k not in hidden} for key, item in store.items()}
    )


# -- reading: trees, refs, commits, files ------------------------------------------------------


@route("GET", API + "/tree/(?P<revision>[^/]+)", query="recursive expand")
def tree(hub, request: Request, repo: Repo, revision: str) -> Answer:
    need(request.query == {"recursive": ["true"], "expand": ["false"]}, "not the whole tree")
    files = sorted(repo.resolve(revision).files.items())
    return Answer.json([_entry(path, blob) for path, blob in files])


def _entry(path: str, blob: Blob) -> dict:
    entry = {"type": "file", "path": path, "size": blob.size, "oid": blob.oid}
    if blob.sha256:
        entry["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": len(blob.data)}
    return entry


@route("GET", f"{API}/refs")
def refs(hub, request: Request, repo: Repo) -> Answer:
    found: dict[str, list] = {"heads": [], "tags": [], "pr": []}
    for ref, target in sorted(repo.refs.items()):
        space, name = ref.removeprefix("refs/").split("/", 1)
        found[space].append({"name": name, "ref": ref, "targetCommit": target})
    return Answer.json({"branches": found["heads"], "converts": [], "tags": found["tags"]})


@route("GET", API + "/commits/(?P<revision>[^/]+)")
def commits(hub, request: Request, repo: Repo, revision: str) -> Answer:
    shown = [
        {"id": c.id, "title": c.title, "message": c.message, "date": c.date}
        | {"authors": [{"user": c.author}]}
        for c in repo.commits(revision)
    ]
    return Answer.json(shown)


@route("HEAD GET", WEB + "/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def resolve(hub, request: Request, repo: Repo, revision: str, path: str) -> Answer:
    need("range" not in request.headers, "a part of a file")  # which is not done here
    commit = repo.resolve(revision)
    headers = {"X-Repo-Commit": commit.id}
    if path not in commit.files:
        raise HubError(404, "EntryNotFound", "Entry not found", headers=headers)
    blob = commit.files[path]
    headers |= {"ETag": f'"{blob.etag}"', "Content-Type": "application/octet-stream"}
    if blob.sha256 is None:
        return Answer(blob.data, 200, headers)
    # As on the Hub, a large file is elsewhere: another host name, and no token goes there.
    ticket = hub.ticket(repo, blob.sha256, blob.size)
    place = f"/cdn/{repo.kind}s/{repo.id}/{blob.sha256}/{quote(path)}?ticket={ticket}"
    headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(blob.size)}
    headers["Location"] = f"http://localhost:{hub.port}{place}"
    return Answer(b"Found. Redirecting", 302, headers)


# -- writing: commits and tags -----------------------------------------------------------------


def check_path(path: str) -> None:
    parts = path.split("/")
    need(parts and not {"", ".", "..", ".git"} & set(parts), f"path {path!r}")


@route("POST", API + "/preupload/(?P<revision>[^/]+)", "write", query="create_pr")
def preupload(hub, request: Request, repo: Repo, revision: str) -> Answer:
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


@route("POST", API + "/commit/(?P<revision>[^/]+)", "write", query="create_pr")
def commit(hub, request: Request, repo: Repo, revision: str) -> Answer:
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
    ref = f"refs/heads/{revision}"
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
    if key == "deletedFile":
        path = fields(value, {"path": str})["path"]
        if path not in files:
            raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
        del files[path]
        return
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
    else:
        raise MalformedError(f"operation {key}")
    check_path(value["path"])
    files[value["path"]] = new


@route("POST", API + "/tag/(?P<revision>[^/]+)", "write")
def create_tag(hub, request: Request, repo: Repo, revision: str) -> Answer:
    tag = request.json({"tag": str}, {"message": str})["tag"]
    target = repo.resolve(revision)
    if f"refs/tags/{tag}" in repo.refs:
        raise HubError(409, None, f"tag {tag} already exists")
    repo.refs[f"refs/tags/{tag}"] = target.id
    return Answer.json({}, 201)


@route("POST", API + "/super-squash/(?P<branch>[^/]+)", "write")
def super_squash(hub, request: Request, repo: Repo, branch: str) -> Answer:
    message = request.json({"message": str})["message"]
    repo.resolve(branch)
    if f"refs/heads/{branch}" not in repo.refs:
        raise HubError(400, None, "Invalid reference for a branch")
    repo.squash(branch, message)
    return Answer.json({})


# -- large files -------------------------------------------------------------------------------


@route("POST", WEB + r"\.git/info/lfs/objects/batch", "write")
def lfs_batch(hub, request: Request, repo: Repo) -> Answer:
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
        need(re.fullmatch(SHA256, fields(item, {"oid": str, "size": int})["oid"]), "oid")
        if item["oid"] not in repo.lfs_objects:
            ticket = hub.ticket(repo, item["oid"], item["size"])
            upload = {"href": f"{hub.url}/lfs-storage/{item['oid']}?ticket={ticket}", "header": {}}
            verify = {"href": f"{hub.web_url(repo)}.git/info/lfs/verify", "header": {}}
            item = {**item, "actions": {"upload": upload, "verify": verify}}
        objects.append({**item, "authenticated": True})
    return Answer.json({"transfer": "basic", "objects": objects}, **{"Content-Type": LFS_TYPE})


@route("PUT", f"/lfs-storage/(?P<sha256>{SHA256})", "storage", query="ticket")
def put_large_file(hub, request: Request, sha256: str) -> Answer:
    repo, known, size = hub.tickets[request.query["ticket"][0]]
    need(known == sha256, "ticket of another file")
    need("content-length" in request.headers, "no Content-Length")  # storage takes no chunks
    need(len(request.body) == size, f"{len(request.body)} bytes were sent, {size} announced")
    need(hashlib.sha256(request.body).hexdigest() == sha256, "content of another sha256")
    repo.lfs_objects[sha256] = request.body
    return Answer(headers={"ETag": f'"{sha256}"'})


@route("POST", WEB + r"\.git/info/lfs/verify", "write")
def lfs_verify(hub, request: Request, repo: Repo) -> Answer:
    wanted = request.json({"oid": str, "size": int})
    if len(repo.lfs_objects.get(wanted["oid"], b"")) != wanted["size"]:
        raise HubError(404, None, "The large file was not uploaded")
    return Answer.json({})


@route("GET", rf"/cdn/\w+/[^/]+/[^/]+/(?P<sha256>{SHA256})/.+", "storage", query="ticket")
def get_large_file(hub, request: Request, sha256: str) -> Answer:
    repo, known, _ = hub.tickets[request.query["ticket"][0]]
    need(known == sha256, "ticket of another file")
    need("range" not in request.headers, "a part of a file")
    if sha256 not in repo.lfs_objects:
        raise HubError(404, None, "The large file was deleted")
    return Answer(repo.lfs_objects[sha256], 200, {"ETag": f'"{sha256}"'})


@route("GET", f"{API}/lfs-files")
def lfs_files(hub, request: Request, repo: Repo) -> Answer:
    # The strict reading: a large file that no commit names any more is stored, but not listed.
    check_writer(request, repo.owner)
    shown = [
        {"fileOid": sha256, "oid": sha256, "filename": path, "ref": ref, "pushedAt": now()}
        | {"size": len(repo.lfs_objects[sha256])}
        for sha256, (path, ref) in repo.large_files().items()
    ]
    return Answer.json(shown)


@route("POST", f"{API}/lfs-files/batch", "write")
def lfs_files_delete(hub, request: Request, repo: Repo) -> Answer:
    wanted = request.json({"deletions": dict})["deletions"]
    fields(wanted, {"sha": list, "rewriteHistory": bool})
    need(all(re.fullmatch(SHA256, sha256) for sha256 in wanted["sha"]), "sha")
    repo.delete_lfs(set(wanted["sha"]), wanted["rewriteHistory"])
    return Answer.json({})
