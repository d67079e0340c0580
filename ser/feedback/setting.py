"""Whether recordings can be shared here: what the environment says, and what the disk allows."""

import contextlib
import math
import os
from pathlib import Path

from ser.feedback.dataset import FeedbackDataset
from ser.feedback.folder import FolderError
from ser.feedback.journal import JournalError
from ser.feedback.queue import PUSH_EVERY_S, Feedback


class FeedbackOffError(RuntimeError):
    """Sharing is wanted and cannot be had; the message tells the maintainer why."""


def from_environment() -> Feedback | None:
    """Make the queue for `SER_FEEDBACK_REPO`; None unless that and a token are set.

    Raises FeedbackOffError where it cannot be made.
    """
    from huggingface_hub import get_token

    repo = os.environ.get("SER_FEEDBACK_REPO")
    if not repo or not get_token():
        return None
    every_s = _seconds(os.environ.get("SER_FEEDBACK_PUSH_S") or str(PUSH_EVERY_S))
    try:
        folder = Path(os.environ.get("SER_FEEDBACK_DIR") or "~/.cache/ser/feedback")
        return Feedback(FeedbackDataset(repo), folder.expanduser(), every_s)
    except (FolderError, JournalError, OSError) as error:
        raise FeedbackOffError(str(error)) from error
    except RuntimeError as error:  # pathlib's word for a user without a home
        raise FeedbackOffError(f"SER_FEEDBACK_DIR is not set, and {error}") from error


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise FeedbackOffError(f"SER_FEEDBACK_PUSH_S has to be a number of seconds, not {text!r}.")
