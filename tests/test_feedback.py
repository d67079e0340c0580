"""Sharing by consent: nothing lost, nothing doubled, and what is taken back is gone."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser import feedback
from ser.audio import SAMPLE_RATE
from ser.checkpoint import GOLDEN_CLIP
from ser.feedback import Feedback, FeedbackError
from ser.feedback_dataset import DatasetError, FeedbackDataset
from ser.journal import Journal
from ser.pipeline import EmotionPipeline

ROOT = Path(__file__).parent.parent
REPO = "user/voices"


@pytest.fixture(scope="module")
def pipeline():
    return EmotionPipeline.from_pretrained()


@pytest.fixture(scope="module")
def prediction(pipeline):
    return pipeline.predict(GOLDEN_CLIP)


@pytest.fixture
def queue(tmp_path):
    return Feedback(FeedbackDataset(REPO), tmp_path / "queue")


def reopened(queue) -> Feedback:
    """The same disk after a restart."""
    return Feedback(FeedbackDataset(REPO), queue.folder)


def rows(hub) -> list[dict]:
    files = hub.repo("dataset", REPO).files("main")
    return [json.loads(line) for line in files.get("train/metadata.jsonl", b"").splitlines()]


def sounds(hub) -> list[str]:
    return [name for name in hub.repo("dataset", REPO).files("main") if name.endswith(".flac")]


def on_disk(queue) -> list[Path]:
    return list(queue.audio.iterdir())


# --- share ------------------------------------------------------------------------------------


def test_what_is_stored_and_what_is_not(hub, queue, prediction):
    receipt = queue.share(prediction, "sad", visit="visit-1", visitor="203.0.113.9")
    assert queue.state(receipt) == "queued"
    queue.sync()
    assert queue.state(receipt) == "saved"
    assert hub.repo("dataset", REPO).private
    (row,) = rows(hub)
    assert set(row) == {
        *("file_name", "label", "probabilities", "model", "revision", "day", "app_version"),
        *("consent_version", "visit", "audio_sha256", "receipt_sha256"),
    }
    assert row["label"] == "sad" and row["visit"] == "visit-1"
    assert row["receipt_sha256"] == hashlib.sha256(receipt.encode()).hexdigest()
    stored = hub.repo("dataset", REPO).files("main")[f"train/{row['file_name']}"]
    assert hashlib.sha256(stored).hexdigest() == row["audio_sha256"]
    everything = json.dumps(rows(hub)) + queue.journal.path.read_text()
    assert receipt not in everything and "203.0.113.9" not in everything
    assert on_disk(queue) == []


def test_the_sound_is_the_one_that_was_judged(hub, queue, prediction, tmp_path):
    queue.share(prediction, None, "visit", "visitor")
    (path,) = on_disk(queue)
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(samples, prediction.waveform, atol=2**-15)


def test_datasets_opens_it(hub, queue, prediction, tmp_path, ffmpeg):
    import datasets  # its decoder needs ffmpeg's libraries

    for label in ("sad", None):
        queue.share(prediction, label, "visit", "visitor")
    queue.sync()
    for name, data in hub.repo("dataset", REPO).files("main").items():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_bytes(data)
    loaded = datasets.load_dataset(str(tmp_path / "copy"), cache_dir=str(tmp_path / "arrow"))
    table = loaded["train"].cast_column("audio", datasets.Audio(decode=False))
    assert table["label"] == ["sad", None]
    assert all(sound["path"].endswith(".flac") for sound in table["audio"])


def test_bad_labels_and_too_many_are_refused(queue, prediction, monkeypatch):
    with pytest.raises(FeedbackError, match="neutral"):
        queue.share(prediction, "bored", "visit", "visitor")
    for _ in range(feedback.MAX_AN_HOUR):
        queue.share(prediction, "sad", "visit", "visitor")
    with pytest.raises(FeedbackError, match="an hour"):
        queue.share(prediction, "sad", "visit", "visitor")
    queue.share(prediction, "sad", "visit", "another visitor")
    now = time.monotonic
    monkeypatch.setattr(feedback.time, "monotonic", lambda: now() + 3601)
    queue.share(prediction, "sad", "visit", "visitor")


def test_a_full_disk_quota_is_a_sentence_and_counts_no_share(queue, prediction, monkeypatch):
    monkeypatch.setattr(feedback, "MAX_QUEUE_BYTES", 60_000)
    queue.share(prediction, "sad", "visit", "visitor")
    with pytest.raises(FeedbackError, match="No more"):
        queue.share(prediction, "sad", "visit", "visitor")
    assert len(on_disk(queue)) == 1


# --- a Hub that fails ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["down", "401", "500", "429", "412 for ever", "403 upload"])
def test_while_the_hub_fails_all_stays_queued_and_then_arrives_once(hub, queue, prediction, fault):
    receipts = [queue.share(prediction, "sad", "visit", "visitor") for _ in range(3)]
    FeedbackDataset(REPO).read()  # so that the dataset is there
    if fault == "down":
        hub.down()
    elif "upload" in fault:
        hub.fail(status=403, method="PUT")
    else:
        hub.fail(status=int(fault[:3]), method="POST", path="*/commit/*")
    with pytest.raises(DatasetError) as caught:
        queue.sync()
    assert "hf_write" not in str(caught.value)
    assert [queue.state(r) for r in receipts] == ["queued"] * 3
    hub.heal()
    if fault == "down":
        hub.up()
    queue.sync()
    queue.sync()
    assert [queue.state(r) for r in receipts] == ["saved"] * 3
    assert len(rows(hub)) == len(sounds(hub)) == 3


def test_an_answer_that_is_lost_after_the_commit_stores_nothing_twice(hub, queue, prediction):
    queue.share(prediction, "sad", "visit", "visitor")
    FeedbackDataset(REPO).read()
    hub.fail(cut=True, method="POST", path="*/commit/*", times=1)
    with pytest.raises(DatasetError):
        queue.sync()
    assert len(rows(hub)) == 1
    again = reopened(queue)
    again.sync()
    assert len(rows(hub)) == len(sounds(hub)) == 1


def test_another_writer_is_not_overwritten(hub, queue, prediction):
    FeedbackDataset(REPO).read()
    repo = hub.repo("dataset", REPO)
    theirs = json.dumps({"file_name": "x.flac", "receipt_sha256": "0", "audio_sha256": "1"}) + "\n"
    hub.fail(
        method="POST",
        path="*/commit/*",
        times=1,
        before=lambda: repo.commit({"train/metadata.jsonl": theirs.encode()}, "faster"),
    )
    queue.share(prediction, "sad", "visit", "visitor")
    queue.sync()
    assert len(rows(hub)) == 2


def test_nothing_is_sent_to_a_public_dataset(hub, queue, prediction):
    hub.create("dataset", REPO, private=False)
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    with pytest.raises(DatasetError, match="public"):
        queue.sync()
    assert queue.state(receipt) == "queued"
    assert not hub.seen("POST", "*/commit/*")


def test_the_thread_carries_it_and_tries_again(hub, tmp_path, prediction):
    queue = Feedback(FeedbackDataset(REPO), tmp_path / "queue", push_every_s=0.05)
    FeedbackDataset(REPO).read()
    hub.fail(status=500, method="POST", path="*/commit/*", times=2)
    queue.start()
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    deadline = time.monotonic() + 20
    while queue.state(receipt) != "saved" and time.monotonic() < deadline:
        time.sleep(0.05)
    queue.stop()
    assert queue.state(receipt) == "saved"


# --- withdraw -----------------------------------------------------------------------------------


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


def test_the_same_sound_shared_twice_is_taken_back_once(hub, queue, prediction):
    kept, taken = (queue.share(prediction, "sad", visit, "visitor") for visit in "ab")
    queue.sync()
    queue.withdraw(taken, "visitor")
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
    assert reopened(queue).state("A" * 32) == "unknown"
    for n in range(feedback.MAX_AN_HOUR - 1):
        queue.withdraw(f"{n:032}", "visitor")
    with pytest.raises(FeedbackError, match="an hour"):
        queue.withdraw("B" * 32, "visitor")


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
    assert {queue.state(lost), queue.state(kept)} == {"saved"}


def test_a_disk_that_is_full_loses_nothing_that_was_there(queue, prediction, monkeypatch):
    first = queue.share(prediction, "sad", "visit", "visitor")

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ser.journal.os.fsync", full)
        with pytest.raises(OSError):
            queue.share(prediction, "sad", "visit", "visitor")
    second = queue.share(prediction, "sad", "visit", "visitor")
    again = reopened(queue)
    assert [again.state(receipt) for receipt in (first, second)] == ["queued", "queued"]
    assert len(on_disk(again)) == len(again.entries) == 2


def test_a_float_file_beyond_full_scale_is_not_cut_off(queue, pipeline, speech):
    loud = pipeline.predict((SAMPLE_RATE, speech * 20_000))
    queue.share(loud, "sad", "visit", "visitor")
    stored, _ = soundfile.read(on_disk(queue)[0])
    np.testing.assert_allclose(stored, speech / np.abs(speech).max(), atol=1e-3)


def test_what_is_no_receipt(queue):
    with pytest.raises(FeedbackError, match="no receipt"):
        queue.withdraw("please", "visitor")
    assert queue.state("x") == "unknown"


# --- a process that is killed ---------------------------------------------------------------------

SHARER = """
import sys
from pathlib import Path
from ser.feedback import Feedback
from ser.feedback_dataset import FeedbackDataset
from ser.checkpoint import GOLDEN_CLIP
from ser.pipeline import EmotionPipeline
from ser import feedback
feedback.MAX_AN_HOUR = 10**6
prediction = EmotionPipeline.from_pretrained().predict(GOLDEN_CLIP)
queue = Feedback(FeedbackDataset("user/voices"), Path(sys.argv[1]))
while True:
    print(queue.share(prediction, "sad", "visit", "visitor"), flush=True)
"""


def test_killed_between_two_writes_nothing_is_lost_or_doubled(hub, tmp_path):
    folder = tmp_path / "killed"
    environment = {**os.environ, **hub.environment("hf_write")}
    command = [sys.executable, "-c", SHARER, str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    receipts = [process.stdout.readline().strip() for _ in range(5)]
    os.kill(process.pid, signal.SIGKILL)
    receipts += process.stdout.read().split()
    process.wait()
    queue = Feedback(FeedbackDataset(REPO), folder)
    assert {queue.state(receipt) for receipt in receipts} == {"queued"}
    assert len(on_disk(queue)) == len(queue.entries) <= len(receipts) + 1
    queue.sync()
    assert len(rows(hub)) == len(sounds(hub)) == len(queue.entries)


def test_a_torn_line_and_an_orphaned_sound_are_dropped(queue, prediction):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    with queue.journal.path.open("ab") as file:
        file.write(b'{"event": "shared", "row": {"file_na')
    (queue.audio / "orphan.flac").write_bytes(b"fLaC")
    again = reopened(queue)
    assert again.state(receipt) == "queued"
    assert len(on_disk(again)) == 1


def test_a_journal_is_what_was_appended(tmp_path):
    journal = Journal(tmp_path / "a" / "journal.jsonl")
    events = [{"event": "x", "row": {"n": n, "text": "zwölf\n"}} for n in range(3)]
    for event in events:
        journal.append(event)
    assert Journal(journal.path).read() == events
    journal.rewrite(events[:1])
    assert Journal(journal.path).read() == events[:1]


# --- off by default -----------------------------------------------------------------------------


def test_it_is_off_unless_a_dataset_and_a_token_are_set(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("SER_FEEDBACK_DIR", str(tmp_path / "queue"))
    monkeypatch.delenv("SER_FEEDBACK_REPO", raising=False)
    assert feedback.from_environment() is None
    monkeypatch.setenv("SER_FEEDBACK_REPO", REPO)
    assert feedback.from_environment().dataset.repo == REPO
    monkeypatch.delenv("HF_TOKEN")
    assert feedback.from_environment() is None
