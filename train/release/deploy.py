"""The Space: exactly the files it needs, as one commit, and its variables, never a secret."""

import re
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from ser.checkpoints.hub_errors import HUB_ERRORS, explain
from train.places import ROOT

PATTERNS = (  # named one by one, so that nobody's notes are made public
    *("app.py", "README.md", "docs/page.png", "LICENSE", "page/*.py", "page/theme.css"),
    *("page/browser/*.js", "page/texts/*.json", "page/measured.json"),
    "server/*.py",
    *("requirements.txt", "pre-requirements.txt", "packages.txt"),
    *("ser/**/*.py", "ser/golden.flac", "ser/schema.json", "ser/sound/silero/*", "examples/*.flac"),
    *("ser/weights/README.md", "ser/weights/WHISPER-LICENSE"),
    *(
        f"ser/weights/{folder}{name}"
        for folder in ("", "best/", "founding/")
        for name in ("config.json", "metrics.json", "model.onnx", "*.safetensors")
    ),
)
KEPT = {".gitattributes"}  # the Hub's own


def space_files(root: Path = ROOT) -> dict[str, Path]:
    """What a Space needs: name in the repository -> file here."""
    found = sorted(path for pattern in PATTERNS for path in root.glob(pattern) if path.is_file())
    return {path.relative_to(root).as_posix(): path for path in found}


def deploy(
    repo: str,
    model: str | None = None,
    feedback_repo: str | None = None,
    dry_run: bool = False,
) -> None:
    """Make the Space `user/name` hold these files and nothing else; set what is given.

    Raises ValueError with a sentence where the Hub refuses or cannot be reached.
    """
    files = space_files()
    variables = {"SER_MODEL": model, "SER_FEEDBACK_REPO": feedback_repo}
    variables = {name: value for name, value in variables.items() if value}
    if dry_run:
        for name, path in files.items():
            print(f"  {name:<44}{path.stat().st_size:>10,} bytes")
        for name, value in variables.items():
            print(f"  variable {name}={value}")
        return
    api = HfApi()
    try:
        try:
            head = api.space_info(repo).sha
        except RepositoryNotFoundError:
            api.create_repo(repo, repo_type="space", space_sdk="gradio")
            head = api.space_info(repo).sha
        there = set(api.list_repo_files(repo, repo_type="space", revision=head))
        stale = there - set(files) - KEPT
        commit = api.create_commit(
            repo,
            [
                *(CommitOperationAdd(name, path) for name, path in files.items()),
                *(CommitOperationDelete(name) for name in sorted(stale)),
            ],
            commit_message=f"Deploy {version()}",
            repo_type="space",
            parent_commit=head,
        )
        for name, value in variables.items():
            api.add_space_variable(repo, name, value)
    except HUB_ERRORS as error:
        raise ValueError(explain(error, repo)) from error
    print(f"{commit.commit_url}\n{len(files)} files, {len(stale)} deleted.")
    if feedback_repo:
        print(
            "For sharing, add a secret HF_TOKEN in the Space's settings: a fine-grained token that "
            f"may write to {feedback_repo} and nothing else."
        )


def version() -> str:
    """Version of the project, from pyproject.toml."""
    return re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
