"""The private dataset of shared recordings on the Hub, in the layout of `audiofolder`.

`train/metadata.jsonl` has a row a recording, `train/*.flac` the sound; `datasets.load_dataset`
opens it as it is. Every change is one commit on top of what was read, so that two writers never
overwrite each other.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
)

FOLDER = "train"
METADATA = f"{FOLDER}/metadata.jsonl"
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
        """Commit of the main branch."""
        return self._guarded(self._head)

    def read(self) -> list[dict]:
        """Every row of metadata.jsonl."""
        return self._guarded(lambda: self._rows(self._head()))

    def add(self, rows: Sequence[dict], files: Mapping[str, Path]) -> None:
        """Commit rows and their sound; rows that are there already are left as they are."""

        def change(head: str, there: list[dict]) -> list | None:
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

    def remove(self, rows: Sequence[dict]) -> None:
        """Delete the rows with these receipts, their sound, and every trace of it in history."""
        receipts = {row["receipt_sha256"] for row in rows}
        sounds = {row["audio_sha256"] for row in rows if "audio_sha256" in row}

        def change(head: str, there: list[dict]) -> list | None:
            gone = [row for row in there if row["receipt_sha256"] in receipts]
            sounds.update(row["audio_sha256"] for row in gone)
            if not gone:
                return None
            kept = [row for row in there if row["receipt_sha256"] not in receipts]
            return [
                _metadata(kept),
                *(CommitOperationDelete(f"{FOLDER}/{row['file_name']}") for row in gone),
            ]

        def run() -> None:
            self._commit(f"Withdraw {len(rows)} recordings", change)
            # Not only where this commit changed something: an earlier try may have been cut off
            # after any of these steps. A squashed history lists its sounds no more, so it is last.
            files = self.api.list_lfs_files(self.repo, repo_type="dataset")
            traces = [file for file in files if file.file_oid in sounds]
            if traces:
                self.api.permanently_delete_lfs_files(self.repo, traces, repo_type="dataset")
            if len(self.api.list_repo_commits(self.repo, repo_type="dataset")) > 1:
                self.api.super_squash_history(self.repo, repo_type="dataset")

        self._guarded(run)

    # --- one commit ---------------------------------------------------------------------------

    def _commit(self, message: str, change) -> bool:
        """Commit what `change(head, rows)` asks for, again where somebody else was faster."""
        for _ in range(RACES):
            head = self._head()
            operations = change(head, self._rows(head))
            if operations is None:
                return False
            try:
                self.api.create_commit(
                    self.repo,
                    operations,
                    commit_message=message,
                    repo_type="dataset",
                    parent_commit=head,
                )
                return True
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
        try:
            path = hf_hub_download(self.repo, METADATA, repo_type="dataset", revision=head)
        except EntryNotFoundError as error:
            if isinstance(error, FileNotFoundError):  # the network broke off
                raise DatasetError("The Hub could not be reached.") from error
            return []
        return [json.loads(line) for line in Path(path).read_text().splitlines()]

    def _guarded(self, step):
        try:
            return step()
        except HfHubHTTPError as error:
            status = error.response.status_code
            raise DatasetError(f"The Hub answered {status} for {self.repo}.") from error
        except (HTTPError, OSError) as error:
            raise DatasetError("The Hub could not be reached.") from error


def _metadata(rows: Iterable[dict]) -> CommitOperationAdd:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return CommitOperationAdd(METADATA, text.encode())
