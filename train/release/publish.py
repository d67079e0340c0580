"""One atomic push of a run to the Hub, and the proof that what arrived is what was sent."""

import json
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    CommitInfo,
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    hf_hub_download,
)
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

from ser.checkpoints import checkpoint
from ser.checkpoints.config import METRICS_NAME, expected_row, file_names
from ser.checkpoints.hub_errors import HUB_ERRORS, explain
from ser.pipeline import EmotionPipeline
from train.corpora.splits import PRIMARY
from train.judge.finished import load_run, quotable_rows
from train.places import RESULTS
from train.release.card import PICTURES, model_card
from train.release.licences import check_may_be_handed_on


class PublishError(RuntimeError):
    """Nothing was published, or not what should have been; the message says which and why."""


@dataclass(frozen=True)
class Run:
    """A finished run folder, with the evidence for its recipe in `results`."""

    folder: Path
    results: Path = RESULTS

    def push_to_hub(
        self,
        repo: str,
        private: bool = False,
        tag: str | None = None,
        create_pr: bool = False,
        dry_run: bool = False,
        force: bool = False,
        despite_licence: bool = False,
    ) -> CommitInfo | None:
        """Publish checkpoint, figures, card and pictures as one commit; None for a dry run.

        The token is the client's own (`HF_TOKEN` or a login). Raises CheckpointError or ValueError
        for a run that is not ready or learned from a corpus whose licence allows no derived works
        (unless `despite_licence`; the card tells), PublishError where it is worse on the primary
        protocol than what is published (unless `force`), where somebody else published meanwhile,
        where the tag is taken, and where what arrived does not give the golden answer.
        """
        loaded = load_run(self.folder).checkpoint
        if not despite_licence:
            check_may_be_handed_on(loaded.config)
        rows = quotable_rows(self.folder, self.results)
        pictures = [name for name in PICTURES if (self.folder / name).is_file()]
        files: dict[str, bytes | Path] = {
            **{name: self.folder / name for name in file_names(self.folder)},
            METRICS_NAME: (json.dumps(rows, indent=1) + "\n").encode(),
            "README.md": str(model_card(repo, loaded, rows, pictures)).encode(),
            **{name: self.folder / name for name in pictures},
        }
        api = HfApi()
        try:
            head = _head(api, repo)
            if not force:
                _check_not_worse(rows, _published_rows(repo, head), repo)
            _check_tag_is_free(api, repo, tag, head)
            outdated = _outdated(api, repo, head, files)
            if dry_run:
                _print_plan(repo, files, outdated, head)
                return None
            if head is None:
                api.create_repo(repo, private=private)
                head = _head(api, repo)
            commit = api.create_commit(
                repo,
                [
                    *(CommitOperationAdd(name, content) for name, content in files.items()),
                    *(CommitOperationDelete(name) for name in outdated),
                ],
                commit_message=_message(loaded.config.training["recipe"], rows),
                parent_commit=head,
                create_pr=create_pr,
            )
            _verify(repo, commit, file_names(self.folder))
            if tag:
                api.create_tag(repo, tag=tag, revision=commit.oid)
        except PublishError:
            raise
        except HUB_ERRORS as error:
            raise PublishError(explain(error, repo)) from error
        return commit


def primary_ua(rows: list[dict]) -> float | None:
    """UA on the primary protocol, cross-validated; None where it was not measured."""
    row = expected_row(rows)
    return row["ua"] if row else None


def _head(api: HfApi, repo: str) -> str | None:
    """Commit of the main branch; None where there is no such repository (or none for us)."""
    try:
        return api.model_info(repo).sha
    except RepositoryNotFoundError:
        return None


def _published_rows(repo: str, head: str | None) -> list[dict]:
    if head is None:
        return []
    try:
        return json.loads(Path(hf_hub_download(repo, METRICS_NAME, revision=head)).read_text())
    except EntryNotFoundError:
        return []


def _outdated(api: HfApi, repo: str, head: str | None, files: Collection[str]) -> list[str]:
    """Published pictures of an earlier run that this one does not replace."""
    there = api.list_repo_files(repo, revision=head) if head else []
    return [name for name in there if name in PICTURES and name not in files]


def _check_not_worse(rows: list[dict], published: list[dict], repo: str) -> None:
    ours, theirs = primary_ua(rows), primary_ua(published)
    if theirs is None:
        return
    if ours is None:
        raise PublishError(
            f"{repo} holds a model with UA {100 * theirs:.1f} on {PRIMARY}, and this "
            "run's recipe was not measured on it: run crossval first, or use --force."
        )
    if ours < theirs:
        raise PublishError(
            f"UA {100 * ours:.1f} on {PRIMARY} is {100 * (theirs - ours):.1f} points "
            f"less than the {100 * theirs:.1f} of what {repo} holds; --force publishes it anyway."
        )


def _check_tag_is_free(api: HfApi, repo: str, tag: str | None, head: str | None) -> None:
    if tag and head and tag in {ref.name for ref in api.list_repo_refs(repo).tags}:
        raise PublishError(f"{repo} has a tag {tag} already: tags are never moved.")


def _verify(repo: str, commit: CommitInfo, names: Sequence[str]) -> None:
    """Download what was pushed into an empty cache and ask it for the golden answer."""
    with tempfile.TemporaryDirectory() as cache:
        paths = [
            Path(hf_hub_download(repo, name, revision=commit.oid, cache_dir=cache))
            for name in names
        ]
        try:
            EmotionPipeline.from_pretrained(paths[0].parent)
        except checkpoint.CheckpointError as error:
            raise PublishError(f"{commit.oid} of {repo} is not what was sent: {error}") from error


def _message(recipe: str, rows: list[dict]) -> str:
    ua = primary_ua(rows)
    return f"{recipe}: " + (f"UA {100 * ua:.1f} on {PRIMARY}" if ua else "not cross-validated")


def _print_plan(
    repo: str, files: dict[str, bytes | Path], outdated: Sequence[str], head: str | None
) -> None:
    print(f"Would push to {repo} ({'on ' + head if head else 'a new repository'}):")
    for name, content in files.items():
        n_bytes = len(content) if isinstance(content, bytes) else content.stat().st_size
        print(f"  {name:<24}{n_bytes:>10,} bytes")
    for name in outdated:
        print(f"  {name:<24}{'deleted':>10}")
