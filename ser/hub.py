"""`user/repo[@revision]` on the Hub -> a folder here, all of one commit, on a short lead."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 3.0  # for each answer of the Hub, before it counts as out of reach

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


def fetch(source: HubSource, required: Sequence[str], optional: Sequence[str] = ()) -> Path:
    """Return the folder, named by its commit, that holds the files; download what is not cached.

    A cached commit needs no network. A branch or tag is resolved once, and every file is of the
    commit it then was. Raises HubError.
    """
    # The client takes half a second to import, and the embedded default needs no Hub.
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if source.is_pinned and (folder := _cached(source, required)):
        return folder
    try:
        info = HfApi().model_info(source.repo, revision=source.revision, timeout=TIMEOUT_S)
        there = {file.rfilename for file in info.siblings or ()}
        if missing := [name for name in required if name not in there]:
            raise HubError(f"{source} holds no {' and no '.join(missing)}.")
        names = [*required, *(name for name in optional if name in there)]
        paths = [
            hf_hub_download(source.repo, name, revision=info.sha, etag_timeout=TIMEOUT_S)
            for name in names
        ]
    except RevisionNotFoundError as error:
        raise HubError(f"{source.repo} has no revision {source.revision}.") from error
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        if isinstance(error, FileNotFoundError):  # LocalEntryNotFoundError: the network broke off
            raise HubError(f"The Hub could not be reached for {source}.") from error
        raise HubError(f"{source} is not on the Hub, or private and not open to us.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise HubError(f"The Hub answered {status} when asked for {source}.") from error
    except (HTTPError, OfflineModeIsEnabled, OSError) as error:
        raise HubError(f"The Hub could not be reached for {source}.") from error
    return Path(paths[0]).parent


def cached_folders(source: HubSource, required: Sequence[str]) -> list[Path]:
    """Return complete folders of this repository that were fetched earlier, the newest first."""
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
    ]
    newest_first = sorted(revisions, key=lambda r: r.last_modified, reverse=True)
    return [revision.snapshot_path for revision in newest_first]


def _cached(source: HubSource, names: Sequence[str]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(source.repo, n, revision=source.revision) for n in names]
    return Path(found[0]).parent if all(isinstance(path, str) for path in found) else None
