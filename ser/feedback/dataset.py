"""The private dataset of shared recordings on the Hub, in the layout of `audiofolder`.

`train/metadata.jsonl` has a row a recording, `train/*.flac` the sound; `datasets.load_dataset`
opens it as it is. Every change is one commit on top of what was read, so that two writers never
overwrite each other.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    DatasetInfo,
    HfApi,
    hf_hub_download,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from ser.checkpoints.hub_errors import HUB_ERRORS, explain
from ser.feedback.waiting import bound_waiting

FOLDER = "train"
METADATA = f"{FOLDER}/metadata.jsonl"
T = TypeVar("T")
RACES = 5  # tries while other writers are faster
OURS = ("file_name", "receipt_sha256")  # by which a row is known as one of this project
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


class _Line(NamedTuple):
    """A line of metadata.jsonl as it stands there, and the row in it; None for anybody else's."""

    text: bytes
    row: dict | None


class FeedbackDataset:
    """A dataset `user/name` that only the holders of a token see.

    What others wrote into it by hand stays as it is: lines of metadata.jsonl in another form, and
    sounds that no row names.
    """

    def __init__(self, repo: str):
        self.repo = repo
        self.api = HfApi()

    def head(self) -> str:
        """Commit of the main branch; DatasetError where there is no such dataset."""
        return self._guarded(lambda: self._info().sha)

    def read(self) -> list[dict]:
        """Every row of metadata.jsonl."""
        return self._guarded(lambda: _rows(self._lines(self._head())))

    def add(self, rows: Sequence[dict], files: Mapping[str, Path]) -> set[str]:
        """Commit rows and their sound; rows that are there already are left as they are.

        A row whose sound is not on this disk any more is not sent. Returns the `receipt_sha256` of
        those rows that are in the dataset now.
        """
        sent: set[str] = set()

        def change(there: list[_Line], _: str) -> list | None:
            known = {row["receipt_sha256"] for row in _rows(there)}
            new = [
                row
                for row in rows
                if row["receipt_sha256"] not in known and files[row["file_name"]].exists()
            ]
            sent.clear()
            sent.update(known, (row["receipt_sha256"] for row in new))
            if not new:
                return None
            operations = [_metadata([*(line.text for line in there), *map(_text, new)])]
            for row in new:
                operations.append(
                    CommitOperationAdd(f"{FOLDER}/{row['file_name']}", files[row["file_name"]])
                )
            return operations

        self._guarded(lambda: self._commit(f"Add {len(rows)} recordings", change))
        return sent & {row["receipt_sha256"] for row in rows}

    def remove(self, rows: Sequence[dict]) -> list[dict]:
        """Delete the rows with these receipts and their sound; returns those that were there.

        They live on in the history until `purge`.
        """
        receipts = {row["receipt_sha256"] for row in rows}
        found: list[dict] = []

        def change(there: list[_Line], head: str) -> list | None:
            taken = [line for line in there if line.row and line.row["receipt_sha256"] in receipts]
            found[:] = _rows(taken)
            if not found:
                return None
            kept = [line for line in there if line not in taken]
            names = {f"{FOLDER}/{row['file_name']}" for row in found}
            names &= self._files(head).keys()  # the Hub refuses to delete what is not there
            return [
                _metadata(line.text for line in kept),
                *(CommitOperationDelete(name) for name in sorted(names)),
            ]

        self._guarded(lambda: self._commit(f"Withdraw {len(rows)} recordings", change))
        return found

    def purge(self) -> None:
        """Forget what the history remembers: squash it, and delete sounds that are in it alone."""

        def run() -> None:
            kept = set(self._files(self._head()).values())
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

    def _commit(self, message: str, change: Callable[[list[_Line], str], list | None]) -> None:
        """Commit what `change(lines, head)` asks for, again where somebody else was faster."""
        for _ in range(RACES):
            head = self._head()
            operations = change(self._lines(head), head)
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
            info = self._info()
        except RepositoryNotFoundError:
            self.api.create_repo(self.repo, repo_type="dataset", private=True, exist_ok=True)
            self.api.create_commit(
                self.repo,
                [CommitOperationAdd("README.md", CARD.encode())],
                commit_message="What this is",
                repo_type="dataset",
            )
            info = self._info()
        if not info.private:
            raise DatasetError(f"{self.repo} is public: nothing is sent to it.")
        return info.sha

    def _info(self) -> DatasetInfo:
        return self.api.dataset_info(self.repo)

    def _lines(self, head: str) -> list[_Line]:
        # Into no cache: a withdrawn row must not stay on this disk.
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = hf_hub_download(
                    self.repo, METADATA, repo_type="dataset", revision=head, cache_dir=folder
                )
            except RemoteEntryNotFoundError:
                return []
            return _lines(Path(path).read_bytes())

    def _files(self, head: str) -> dict[str, str | None]:
        """Path of every file at a commit, and the sha256 of each that is in large file storage."""
        tree = self.api.list_repo_tree(
            self.repo, recursive=True, revision=head, repo_type="dataset"
        )
        files = (file for file in tree if isinstance(file, RepoFile))
        return {file.path: file.lfs and file.lfs.sha256 for file in files}

    def _guarded(self, step: Callable[[], T]) -> T:
        bound_waiting()
        try:
            return step()
        except DatasetError:
            raise
        except HUB_ERRORS as error:
            raise DatasetError(explain(error, self.repo)) from error


def rows_of(metadata: bytes) -> list[dict]:
    """Every row of a metadata.jsonl, those of others left out."""
    return _rows(_lines(metadata))


def _lines(metadata: bytes) -> list[_Line]:
    return [_Line(text, _row(text)) for text in metadata.split(b"\n") if text.strip()]


def _row(text: bytes) -> dict | None:
    """The row in a line; None where it is not of the form that `ser.feedback.queue` writes."""
    try:
        row = json.loads(text)
    except ValueError:
        return None
    is_ours = isinstance(row, dict) and all(isinstance(row.get(name), str) for name in OURS)
    return row if is_ours else None


def _rows(lines: Iterable[_Line]) -> list[dict]:
    return [line.row for line in lines if line.row]


def _text(row: dict) -> bytes:
    return json.dumps(row).encode()


def _metadata(texts: Iterable[bytes]) -> CommitOperationAdd:
    return CommitOperationAdd(METADATA, b"".join(text + b"\n" for text in texts))
