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

from ser.feedback import queue as sharing
from ser.feedback.dataset import DatasetError, FeedbackDataset
from ser.feedback.queue import Feedback, FeedbackError
from ser.feedback.setting import from_environment
from tests.bounds import SIXTEEN_BITS
from tests.feedback.feedback_queue import REPO, on_disk, reopened, rows, sounds

ROOT = Path(__file__).parent.parent.parent


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
        *("consent_version", "consent_language", "visit", "audio_sha256", "receipt_sha256"),
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
    np.testing.assert_allclose(samples, prediction.waveform, atol=SIXTEEN_BITS)


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
    for _ in range(sharing.MAX_AN_HOUR):
        queue.share(prediction, "sad", "visit", "visitor")
    with pytest.raises(FeedbackError, match="an hour"):
        queue.share(prediction, "sad", "visit", "visitor")
    queue.share(prediction, "sad", "visit", "another visitor")
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 3601)
    queue.share(prediction, "sad", "visit", "visitor")


def test_a_full_disk_quota_is_a_sentence_and_counts_no_share(queue, prediction, monkeypatch):
    monkeypatch.setattr(sharing, "MAX_QUEUE_BYTES", 60_000)
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


# --- a process that is killed ---------------------------------------------------------------------

SHARER = """
import sys
from pathlib import Path
from ser.feedback import queue as sharing
from ser.feedback.queue import Feedback
from ser.feedback.dataset import FeedbackDataset
from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.pipeline import EmotionPipeline
sharing.MAX_AN_HOUR = 10**6
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


# --- off by default -----------------------------------------------------------------------------


def test_it_is_off_unless_a_dataset_and_a_token_are_set(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("SER_FEEDBACK_DIR", str(tmp_path / "queue"))
    monkeypatch.delenv("SER_FEEDBACK_REPO", raising=False)
    assert from_environment() is None
    monkeypatch.setenv("SER_FEEDBACK_REPO", REPO)
    assert from_environment().dataset.repo == REPO
    monkeypatch.delenv("HF_TOKEN")
    assert from_environment() is None
