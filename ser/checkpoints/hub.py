"""`user/repo[@revision]` on the Hub -> a folder here, all of one commit, on a short lead."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 3.0  # for each answer of the Hub, before it counts as out of reach

More = Callable[[Path], Sequence[str]]  # a folder -> names of files that must be in it

_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubError(RuntimeError):
    """The model cannot be had; the message says why in one sentence, and never holds a token."""


@dataclass(frozen=True)
class HubSource:
    """A repository and a commit, branch or tag of it (None: the main branch)."""

    repo: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str | os.PathLike) -> "HubSource | None":
        """Read `user/repo` or `user/repo@revision`; None for any other form."""
        match = _NAME.fullmatch(str(text))
        return cls(*match.groups()) if match else None

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return bool(self.revision and _COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        return self.repo + (f"@{self.revision}" if self.revision else "")


def fetch(
    source: HubSource,
    required: Sequence[str],
    more: More = lambda _: (),
    optional: Sequence[str] = (),
) -> Path:
    """Return the folder, named by its commit, that holds the files; download what is not cached.

    `more` is asked once `required` is there: what it names is required, too. A cached commit needs
    no network. A branch or tag is resolved once, and every file is of the commit it then was.
    Raises HubError.
    """
    # The client takes half a second to import, and the embedded default needs no Hub.
    from huggingface_hub import HfApi, hf_hub_download

    from ser.checkpoints.hub_errors import HUB_ERRORS, explain

    if source.is_pinned and (folder := cached(source, required, more)):
        return folder
    try:
        info = HfApi().model_info(source.repo, revision=source.revision, timeout=TIMEOUT_S)
        there = {file.rfilename for file in info.siblings or ()}
        # By its name first, which the cache then remembers; the rest by the commit that was.
        names = [name for name in (*optional, *required) if name in there]
        commit = source.revision
        path = None
        for name in names:
            path = Path(hf_hub_download(source.repo, name, revision=commit, etag_timeout=TIMEOUT_S))
            commit = path.parent.name
        needed = [*required, *(more(path.parent) if path else ())]
        for name in needed:
            if name in there and name not in names:
                hf_hub_download(source.repo, name, revision=commit, etag_timeout=TIMEOUT_S)
    except HUB_ERRORS as error:
        raise HubError(explain(error, str(source))) from error
    if missing := [name for name in dict.fromkeys(needed) if name not in there]:
        raise HubError(f"{source} holds no {' and no '.join(missing)}.")
    return path.parent


def cached(source: HubSource, required: Sequence[str], more: More = lambda _: ()) -> Path | None:
    """Return the folder of this very revision, as it was when last fetched, without a network."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(source.repo, n, revision=source.revision) for n in required]
    if not all(isinstance(path, str) for path in found):
        return None
    folder = Path(found[0]).parent
    return folder if all((folder / name).exists() for name in more(folder)) else None


def cached_folders(
    source: HubSource, required: Sequence[str], more: More = lambda _: ()
) -> list[Path]:
    """Return complete folders of this repository that were fetched earlier.

    The revision that is asked for comes first, then the others, the newest before the older.
    """
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    revisions = [
        revision
        for repo in repos
        if repo.repo_id == source.repo and repo.repo_type == "model"
        for revision in repo.revisions
        if set(required) <= {file.file_name for file in revision.files}
        and all((revision.snapshot_path / name).exists() for name in more(revision.snapshot_path))
    ]
    newest_first = sorted(revisions, key=lambda r: r.last_modified, reverse=True)
    asked_for = cached(source, required, more)
    folders = [revision.snapshot_path for revision in newest_first]
    return sorted(folders, key=lambda folder: folder.name != (asked_for and asked_for.name))
