"""The private dataset of shared recordings on the Hub, in the layout of `audiofolder`.

`train/metadata.jsonl` has a row a recording, `train/*.flac` the sound; `datasets.load_dataset`
opens it as it is. Every change is one commit on top of what was read, so that two writers never
overwrite each other.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)

from ser.checkpoints.hub_errors import HUB_ERRORS, explain

FOLDER = "train"
METADATA = f"{FOLDER}/metadata.jsonl"
T = TypeVar("T")
RACES = 5  # tries while other writers are faster
CARD = """---
license: other
task_categories: [audio-classification]
tags: [speech-emotion-recognition]
---
Recordings that visitors of the Space shared, by consent and revocably, to improve the model.
Private: do not copy it elsewhere, for whoever takes a recording back must find it gone.
"""


class DatasetError(RuntimeError):
    """The dataset could not be read or written; the message says why and holds no token."""


class FeedbackDataset:
    """A dataset `user/name` that only the holders of a token see."""

    def __init__(self, repo: str):
        self.repo = repo
        self.api = HfApi()

    def head(self) -> str:
        """Commit of the main branch; DatasetError where there is no such dataset."""
        return self._guarded(lambda: self.api.dataset_info(self.repo).sha)

    def read(self) -> list[dict]:
        """Every row of metadata.jsonl."""
        return self._guarded(lambda: self._rows(self._head()))

    def add(self, rows: Sequence[dict], files: Mapping[str, Path]) -> None:
        """Commit rows and their sound; rows that are there already are left as they are."""

        def change(there: list[dict]) -> list | None:
            known = {row["receipt_sha256"] for row in there}
            new = [row for row in rows if row["receipt_sha256"] not in known]
            if not new:
                return None
            operations = [_metadata([*there, *new])]
            for row in new:
                operations.append(
                    CommitOperationAdd(f"{FOLDER}/{row['file_name']}", files[row["file_name"]])
                )
            return operations

        self._guarded(lambda: self._commit(f"Add {len(rows)} recordings", change))

    def remove(self, rows: Sequence[dict]) -> list[dict]:
        """Delete the rows with these receipts and their sound; returns those that were there.

        They live on in the history until `purge`.
        """
        receipts = {row["receipt_sha256"] for row in rows}
        found: list[dict] = []

        def change(there: list[dict]) -> list | None:
            found[:] = [row for row in there if row["receipt_sha256"] in receipts]
            if not found:
                return None
            kept = [row for row in there if row["receipt_sha256"] not in receipts]
            return [
                _metadata(kept),
                *(CommitOperationDelete(f"{FOLDER}/{row['file_name']}") for row in found),
            ]

        self._guarded(lambda: self._commit(f"Withdraw {len(rows)} recordings", change))
        return found

    def purge(self) -> None:
        """Forget what the history remembers: squash it, and delete every sound no row names."""

        def run() -> None:
            kept = {row["audio_sha256"] for row in self._rows(self._head())}
            stored = self.api.list_lfs_files(self.repo, repo_type="dataset")
            orphans = [
                file
                for file in stored
                if file.filename.endswith(".flac") and file.file_oid not in kept
            ]
            # In this order: a squashed history lists its sounds no more.
            if orphans:
                self.api.permanently_delete_lfs_files(self.repo, orphans, repo_type="dataset")
            if len(self.api.list_repo_commits(self.repo, repo_type="dataset")) > 1:
                self.api.super_squash_history(self.repo, repo_type="dataset")

        self._guarded(run)

    # --- one commit ---------------------------------------------------------------------------

    def _commit(self, message: str, change: Callable[[list[dict]], list | None]) -> None:
        """Commit what `change(rows)` asks for, again where somebody else was faster."""
        for _ in range(RACES):
            head = self._head()
            operations = change(self._rows(head))
            if operations is None:
                return
            try:
                self.api.create_commit(
                    self.repo,
                    operations,
                    commit_message=message,
                    repo_type="dataset",
                    parent_commit=head,
                )
                return
            except HfHubHTTPError as error:
                if error.response.status_code != 412:
                    raise
        raise DatasetError(f"{self.repo} is being written by others all the time.")

    def _head(self) -> str:
        """Commit of the main branch, of a dataset that is made where there is none."""
        try:
            info = self.api.dataset_info(self.repo)
        except RepositoryNotFoundError:
            self.api.create_repo(self.repo, repo_type="dataset", private=True, exist_ok=True)
            self.api.create_commit(
                self.repo,
                [CommitOperationAdd("README.md", CARD.encode())],
                commit_message="What this is",
                repo_type="dataset",
            )
            info = self.api.dataset_info(self.repo)
        if not info.private:
            raise DatasetError(f"{self.repo} is public: nothing is sent to it.")
        return info.sha

    def _rows(self, head: str) -> list[dict]:
        # Into no cache: a withdrawn row must not stay on this disk.
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = hf_hub_download(
                    self.repo, METADATA, repo_type="dataset", revision=head, cache_dir=folder
                )
            except RemoteEntryNotFoundError:
                return []
            return [json.loads(line) for line in Path(path).read_text().splitlines()]

    def _guarded(self, step: Callable[[], T]) -> T:
        try:
            return step()
        except DatasetError:
            raise
        except HUB_ERRORS as error:
            raise DatasetError(explain(error, self.repo)) from error


def _metadata(rows: Iterable[dict]) -> CommitOperationAdd:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return CommitOperationAdd(METADATA, text.encode())
