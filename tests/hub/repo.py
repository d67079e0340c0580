"""The git side of the test Hub: commits, refs and large files of a repository, in memory.

Identifiers are those of git (blobs by "blob <size>", 40 hexadecimal digits), since the client
compares them with hashes it computes itself.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath

import yaml

LFS_SUFFIXES = {".bin", ".flac", ".mp3", ".npy", ".npz", ".ogg", ".parquet", ".pkl", ".pt"}
LFS_SUFFIXES |= {".pth", ".safetensors", ".wav", ".zip"}
MAX_REGULAR_BYTES = 1_000_000
COMMIT_ID = re.compile("[0-9a-f]{40}")


class HubError(Exception):
    """An answer other than 2xx. `code` is what the client reads in X-Error-Code."""

    def __init__(self, status: int, code: str | None, message: str, **extra):
        super().__init__(message)
        self.status, self.code, self.extra = status, code, extra


def now() -> str:
    """The time as the Hub writes it, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def upload_mode(path: str, size: int, sample: bytes = b"") -> str:
    """Whether the Hub keeps a file in git ("regular") or in large file storage ("lfs")."""
    binary = PurePosixPath(path).suffix in LFS_SUFFIXES or b"\0" in sample
    return "lfs" if size and (binary or size > MAX_REGULAR_BYTES) else "regular"


def front_matter(text: str) -> dict:
    """The YAML header of a README; raises yaml.YAMLError when it is not one."""
    header = re.match(r"\s*---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
    values = yaml.safe_load(header[1]) if header else {}
    if not isinstance(values, dict | None):
        raise yaml.YAMLError("the header is not a mapping")
    return values or {}


@dataclass(frozen=True)
class Blob:
    """A file as git sees it: `data` is its content, or a pointer to the large file `sha256`."""

    data: bytes
    size: int
    sha256: str | None = None

    @classmethod
    def large(cls, sha256: str, size: int) -> "Blob":
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return cls(pointer.encode(), size, sha256)

    @cached_property
    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid


@dataclass(frozen=True)
class Commit:
    files: Mapping[str, Blob]
    parents: tuple[str, ...]
    title: str
    message: str
    author: str
    date: str = field(default_factory=now)

    @cached_property
    def id(self) -> str:
        tree = sorted((path, blob.oid) for path, blob in self.files.items())
        text = json.dumps([tree, self.parents, self.title, self.message, self.author, self.date])
        return hashlib.sha1(text.encode()).hexdigest()


@dataclass
class Repo:
    """One repository. Refs are full names ("refs/heads/main", "refs/tags/v1", "refs/pr/1")."""

    kind: str  # "model", "dataset" or "space"
    id: str
    private: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    lfs_objects: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, dict] = field(default_factory=dict)
    secrets: dict[str, dict] = field(default_factory=dict)  # with their "value", never sent back
    objects: dict[str, Commit] = field(default_factory=dict)

    def __post_init__(self):
        files = {".gitattributes": b"".join(b"*%s filter=lfs\n" % s.encode() for s in LFS_SUFFIXES)}
        if self.kind == "space":
            files["README.md"] = b"---\ntitle: Space\nsdk: gradio\n---\n"
        blobs = {path: Blob(data, len(data)) for path, data in files.items()}
        self.store("refs/heads/main", Commit(blobs, (), "initial commit", "", self.owner))

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    def store(self, ref: str, commit: Commit) -> Commit:
        """Keep a commit and point `ref` at it."""
        self.objects[commit.id] = commit
        self.refs[ref] = commit.id
        return commit

    def resolve(self, revision: str) -> Commit:
        """The commit of a branch, a tag, a pull request or a full commit id."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self.refs:
                return self.objects[self.refs[ref]]
        if revision in self.objects:
            return self.objects[revision]
        raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")

    def commits(self, revision: str = "main") -> list[Commit]:
        """The history of a revision, newest first."""
        history = [self.resolve(revision)]
        while history[-1].parents:
            history.append(self.objects[history[-1].parents[0]])
        return history

    def content(self, blob: Blob) -> bytes | None:
        """A file's bytes; None for a large file that was permanently deleted."""
        return self.lfs_objects.get(blob.sha256) if blob.sha256 else blob.data

    def files(self, revision: str = "main") -> dict[str, bytes | None]:
        """Path and content of every file at a revision."""
        return {
            path: self.content(blob) for path, blob in sorted(self.resolve(revision).files.items())
        }

    def commit(
        self, files: Mapping[str, bytes | None], title: str = "Another commit", branch: str = "main"
    ) -> Commit:
        """Write (or with None delete) files as somebody else would, past the HTTP interface."""
        parent = self.resolve(branch)
        blobs = dict(parent.files)
        for path, data in files.items():
            if data is None:
                del blobs[path]
            elif upload_mode(path, len(data), data[:512]) == "lfs":
                sha256 = hashlib.sha256(data).hexdigest()
                self.lfs_objects[sha256] = data
                blobs[path] = Blob.large(sha256, len(data))
            else:
                blobs[path] = Blob(data, len(data))
        return self.store(
            f"refs/heads/{branch}", Commit(blobs, (parent.id,), title, "", self.owner)
        )

    def squash(self, branch: str, message: str) -> None:
        """Replace a branch's history by one commit without parents."""
        head = self.resolve(branch)
        self.store(f"refs/heads/{branch}", replace(head, parents=(), title=message, message=""))
        self.forget_unreachable()

    def reachable(self) -> Iterator[Commit]:
        """Every commit that a branch, tag or pull request leads to."""
        seen = {commit.id: commit for ref in self.refs for commit in self.commits(ref)}
        yield from seen.values()

    def forget_unreachable(self) -> None:
        self.objects = {commit.id: commit for commit in self.reachable()}

    def large_files(self) -> dict[str, tuple[str, str]]:
        """Large files that a commit names: sha256 -> (path, ref)."""
        return {
            blob.sha256: (path, ref)
            for ref in self.refs
            for commit in self.commits(ref)
            for path, blob in commit.files.items()
            if blob.sha256 in self.lfs_objects
        }

    def delete_lfs(self, sha256s: set[str], rewrite_history: bool) -> None:
        """Delete large files and, with `rewrite_history`, take them out of every commit."""
        for sha256 in sha256s:
            self.lfs_objects.pop(sha256, None)
        if rewrite_history:
            for ref in self.refs:
                parents: tuple[str, ...] = ()
                for old in reversed(self.commits(ref)):
                    kept = {p: blob for p, blob in old.files.items() if blob.sha256 not in sha256s}
                    parents = (self.store(ref, replace(old, files=kept, parents=parents)).id,)
            self.forget_unreachable()

    def history_contains(self, needle: bytes | str) -> bool:
        """Whether anything still holds these bytes, or (a str) a file of this sha256.

        Looks through every reachable commit (contents, paths, messages) and all large files, also
        those that no commit names any more.
        """
        contents = set(self.lfs_objects.values())
        for commit in self.reachable():
            contents |= {blob.data for blob in commit.files.values()}
            contents |= {text.encode() for text in (commit.title, commit.message, *commit.files)}
        if isinstance(needle, bytes):
            return any(needle in data for data in contents)
        pointers = any(f"sha256:{needle}".encode() in data for data in contents)
        return pointers or any(hashlib.sha256(data).hexdigest() == needle for data in contents)
