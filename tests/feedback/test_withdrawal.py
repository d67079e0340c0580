"""What was shared and is taken back is gone: here, in the dataset, in its history."""

import numpy as np
import pytest
import soundfile

from ser.feedback import queue as sharing
from ser.feedback.dataset import DatasetError, FeedbackDataset
from ser.feedback.queue import Feedback, FeedbackError
from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.bounds import SIXTEEN_BITS
from tests.feedback.feedback_queue import REPO, on_disk, reopened, rows, sounds


def test_withdrawn_before_the_push_it_never_leaves(hub, queue, prediction):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    assert queue.withdraw(receipt, "visitor") == "withdrawing"
    assert on_disk(queue) == []
    again = reopened(queue)
    again.sync()
    assert again.state(receipt) == "withdrawn"
    assert rows(hub) == [] and sounds(hub) == []


def test_withdrawn_after_the_push_it_is_gone_from_history_too(hub, queue, prediction):
    kept, taken = (queue.share(prediction, e, "visit", "visitor") for e in ("sad", "angry"))
    queue.sync()
    repo = hub.repo("dataset", REPO)
    (row,) = [r for r in rows(hub) if r["label"] == "angry"]
    assert repo.history_contains(row["receipt_sha256"].encode())
    queue.withdraw(taken, "visitor")
    queue.sync()
    assert queue.state(taken) == "withdrawn" and queue.state(kept) == "saved"
    assert [r["label"] for r in rows(hub)] == ["sad"]
    assert not repo.history_contains(row["receipt_sha256"].encode())
    assert not repo.history_contains(row["file_name"].encode())
    again = reopened(queue)
    again.sync()
    assert len(rows(hub)) == 1 and again.state(taken) == "withdrawn"


def test_the_sound_itself_is_deleted(hub, queue, pipeline, prediction, speech):
    queue.share(prediction, "sad", "visit", "visitor")
    other = pipeline.predict((SAMPLE_RATE, speech[:20_000]))
    receipt = queue.share(other, "sad", "visit", "visitor")
    (name,) = [e.row["audio_sha256"] for e in queue.entries.values()][1:]
    queue.sync()
    repo = hub.repo("dataset", REPO)
    assert repo.history_contains(name)
    queue.withdraw(receipt, "visitor")
    queue.sync()
    assert not repo.history_contains(name)
    assert len(sounds(hub)) == 1


def test_a_receipt_is_enough_on_a_new_machine(hub, queue, prediction, tmp_path):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    queue.sync()
    elsewhere = Feedback(FeedbackDataset(REPO), tmp_path / "new disk")
    assert elsewhere.state(receipt) == "unknown"
    assert elsewhere.withdraw(receipt, "visitor") == "withdrawing"
    elsewhere.sync()
    assert rows(hub) == []
    assert elsewhere.state(receipt) == "withdrawn"


@pytest.mark.parametrize("where", ["the same machine", "a new machine"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "*/commit/*"),
        ("GET", "*lfs-files*"),
        ("POST", "*lfs-files*"),
        ("POST", "*super-squash*"),
    ],
)
def test_a_withdrawal_that_is_cut_off_is_finished_later(
    hub, queue, prediction, tmp_path, where, method, path
):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    (row,) = [entry.row for entry in queue.entries.values()]
    queue.sync()
    if where == "a new machine":
        queue = Feedback(FeedbackDataset(REPO), tmp_path / "new disk")
    queue.withdraw(receipt, "visitor")
    hub.fail(status=403, method=method, path=path)  # which the client does not try again
    with pytest.raises(DatasetError):
        queue.sync()
    hub.heal()
    again = reopened(queue)
    assert again.state(receipt) == "withdrawing"
    again.sync()
    assert again.state(receipt) == "withdrawn"
    repo = hub.repo("dataset", REPO)
    assert not repo.history_contains(row["receipt_sha256"].encode())
    assert not repo.history_contains(row["audio_sha256"])


@pytest.mark.parametrize("when", ["before the push", "after the push"])
def test_the_same_sound_shared_by_two_is_taken_back_by_one(hub, queue, prediction, when):
    kept, taken = (queue.share(prediction, "sad", visit, visit) for visit in "ab")
    if when == "after the push":
        queue.sync()
    queue.withdraw(taken, "b")
    queue.sync()
    (row,) = rows(hub)
    assert queue.state(kept) == "saved"
    repo = hub.repo("dataset", REPO)
    assert sounds(hub) == [f"train/{row['file_name']}"]
    assert repo.history_contains(row["audio_sha256"])


def test_what_is_taken_back_during_another_withdrawal_is_not_forgotten(hub, queue, prediction):
    first, second = (queue.share(prediction, "sad", "visit", "visitor") for _ in range(2))
    queue.sync()
    queue.withdraw(first, "visitor")
    hub.fail(
        method="POST",
        path="*/commit/*",
        times=1,
        before=lambda: queue.withdraw(second, "visitor") and None,
    )
    queue.sync()
    assert [queue.state(receipt) for receipt in (first, second)] == ["withdrawn"] * 2
    assert rows(hub) == []


def test_an_invented_receipt_changes_nothing(hub, queue, prediction):
    queue.share(prediction, "sad", "visit", "visitor")
    queue.sync()
    commits = [commit.id for commit in hub.repo("dataset", REPO).commits("main")]
    assert queue.withdraw("A" * 32, "visitor") == "withdrawing"
    queue.sync()
    assert queue.state("A" * 32) == "unknown"
    assert [commit.id for commit in hub.repo("dataset", REPO).commits("main")] == commits
    for n in range(sharing.MAX_AN_HOUR - 1):
        queue.withdraw(f"{n:032}", "visitor")
    with pytest.raises(FeedbackError, match="an hour"):
        queue.withdraw("B" * 32, "visitor")
    assert reopened(queue).state("A" * 32) == "unknown"


def test_nothing_of_a_withdrawn_recording_stays_on_this_disk(hub, queue, prediction, tmp_path):
    receipt = queue.share(prediction, "sad", "visit-of-mine", "visitor")
    queue.sync()
    queue.withdraw(receipt, "visitor")
    queue.sync()
    reopened(queue)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"visit-of-mine" not in path.read_bytes(), path


def test_a_sound_that_is_lost_does_not_hold_up_the_others(hub, queue, prediction):
    lost, kept = (queue.share(prediction, "sad", "visit", "visitor") for _ in range(2))
    on_disk(queue)[0].unlink()
    queue.sync()
    assert len(rows(hub)) == 1
    assert sorted([queue.state(lost), queue.state(kept)]) == ["saved", "unknown"]


def test_a_disk_that_is_full_loses_nothing_that_was_there(queue, prediction, monkeypatch):
    first = queue.share(prediction, "sad", "visit", "visitor")

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ser.feedback.journal.os.fsync", full)
        with pytest.raises(OSError):
            queue.share(prediction, "sad", "visit", "visitor")
    second = queue.share(prediction, "sad", "visit", "visitor")
    again = reopened(queue)
    assert [again.state(receipt) for receipt in (first, second)] == ["queued", "queued"]
    assert len(on_disk(again)) == len(again.entries) == 2


def test_a_float_file_beyond_full_scale_is_not_cut_off(queue, pipeline, speech):
    loud = pipeline.predict((SAMPLE_RATE, speech * 30))
    queue.share(loud, "sad", "visit", "visitor")
    stored, _ = soundfile.read(on_disk(queue)[0])
    bound = SIXTEEN_BITS + bounds.rounding(3)  # louder, quieter again, divided
    bounds.assert_within(bound, stored, speech / np.abs(speech).max())


def test_what_is_no_receipt(queue):
    with pytest.raises(FeedbackError, match="no receipt"):
        queue.withdraw("please", "visitor")
    assert queue.state("x") == "unknown"
