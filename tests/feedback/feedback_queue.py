"""What tests ask of a queue of shared recordings, and of its dataset on the test Hub."""

import json
from pathlib import Path

from ser.feedback.dataset import FeedbackDataset
from ser.feedback.queue import Feedback

REPO = "user/voices"


def reopened(queue) -> Feedback:
    """The same disk after a restart."""
    queue.stop()
    return Feedback(FeedbackDataset(REPO), queue.folder)


def rows(hub) -> list[dict]:
    files = hub.repo("dataset", REPO).files("main")
    return [json.loads(line) for line in files.get("train/metadata.jsonl", b"").splitlines()]


def sounds(hub) -> list[str]:
    return [name for name in hub.repo("dataset", REPO).files("main") if name.endswith(".flac")]


def on_disk(queue) -> list[Path]:
    return list(queue.audio.iterdir())
