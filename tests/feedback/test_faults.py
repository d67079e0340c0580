"""Sharing where something else is at fault: the dataset, the disk, the process, the clock."""

import hashlib
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from ser.feedback import queue as sharing
from ser.feedback import waiting
from ser.feedback.dataset import DatasetError, FeedbackDataset
from ser.feedback.folder import RESERVE_BYTES, FolderError
from ser.feedback.journal import Journal, JournalError
from ser.feedback.queue import Feedback, FeedbackError
from ser.feedback.setting import FeedbackOffError, from_environment
from tests.feedback.feedback_queue import REPO, on_disk, reopened, rows, sounds

ROOT = Path(__file__).parent.parent.parent

# --- what others wrote into the dataset ---------------------------------------------------------

FOREIGN = [
    b'{"file_name": "theirs.flac", "note": "added by hand"}',
    b"not JSON at all",
    b'["a", "list"]',
    b"\xff\xfe no text either",
    '{"note": "a line\u2028separator"}'.encode(),
]


def test_lines_of_others_hold_up_nothing_and_stay_as_they_are(hub, queue, prediction):
    FeedbackDataset(REPO).read()
    repo = hub.repo("dataset", REPO)
    theirs = b"\n" + b"\n  \n".join(FOREIGN)  # blank lines, and no end of the last one
    sound = b"fLaC of theirs" * 9
    repo.commit({"train/metadata.jsonl": theirs, "train/theirs.flac": sound})
    kept, taken = (queue.share(prediction, "sad", "visit", "visitor") for _ in range(2))
    queue.sync()
    queue.withdraw(taken, "visitor")
    queue.sync()
    assert (queue.state(kept), queue.state(taken)) == ("saved", "withdrawn")
    lines = repo.files("main")["train/metadata.jsonl"].splitlines(keepends=False)
    assert [line for line in lines if line in FOREIGN] == FOREIGN
    (row,) = (json.loads(line) for line in lines if line not in FOREIGN)
    assert row["receipt_sha256"] == hashlib.sha256(kept.encode()).hexdigest()
    assert repo.files("main")["train/theirs.flac"] == sound
    assert FeedbackDataset(REPO).read() == [row]


def test_a_row_whose_sound_somebody_deleted_is_withdrawn(hub, queue, prediction):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    queue.sync()
    hub.repo("dataset", REPO).commit({sounds(hub)[0]: None})
    queue.withdraw(receipt, "visitor")
    queue.sync()
    assert queue.state(receipt) == "withdrawn"
    assert rows(hub) == []


# --- a disk that is full ------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(n_bytes: int):
    """What the system then does: the first bytes are written, the rest is an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_voice_that_the_disk_did_not_take_leaves_nothing_behind(queue, prediction):
    with files_no_larger_than(4096), pytest.raises(OSError):
        queue.share(prediction, "sad", "visit", "visitor")
    assert on_disk(queue) == []
    assert queue.journal.read() == []
    receipts = [queue.share(prediction, "sad", "visit", "visitor") for _ in range(20)]
    assert {queue.state(receipt) for receipt in receipts} == {"queued"}  # it counted as no share


@pytest.fixture
def full_disk(queue, monkeypatch):
    """Call it, and the disk of the queue holds no byte more than now."""

    def fill() -> None:
        def size() -> int:
            return sum(p.stat().st_size for p in queue.folder.rglob("*") if p.is_file())

        def fsync(file: int) -> None:
            if size() > capacity:
                raise OSError(28, "No space left on device")

        capacity = size()
        monkeypatch.setattr("ser.feedback.journal.os.fsync", fsync)

    return fill


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_withdrawal_on_a_full_disk_makes_room_first(hub, queue, prediction, full_disk, is_saved):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    if is_saved:  # then no sound is left here that could make room
        queue.sync()
        assert on_disk(queue) == []
    full_disk()
    assert queue.withdraw(receipt, "visitor") == "withdrawing"
    again = reopened(queue)
    assert again.state(receipt) == "withdrawing"
    again.sync()
    assert again.state(receipt) == "withdrawn"
    assert rows(hub) == []
    assert (queue.folder / "reserve").stat().st_size == RESERVE_BYTES  # for the next time


def test_on_a_full_disk_a_queue_opens_and_is_carried_to_the_hub(
    hub, queue, prediction, monkeypatch
):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    with files_no_larger_than(64):
        again = reopened(queue)
    again.sync()
    assert again.state(receipt) == "saved"
    assert len(rows(hub)) == 1


# --- a journal or a folder that cannot be used --------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *(b"{torn", b"", b"\xff", b"[]", b"{}"),
        b'{"event": "sold", "row": {"receipt_sha256": "1"}}',
        b'{"event": "shared", "row": {"receipt_sha256": "1"}}',
        b'{"event": "saved", "row": {"receipt_sha256": ["1"]}}',
    ],
)
def test_a_broken_line_is_a_sentence_and_nothing_is_deleted(queue, prediction, line):
    queue.share(prediction, "sad", "visit", "visitor")
    queue.stop()
    data = queue.journal.path.read_bytes()
    queue.journal.path.write_bytes(line + b"\n" + data)
    for _ in range(2):  # the second time it is no other process that has the folder
        with pytest.raises(JournalError, match=r"journal\.jsonl"):
            Feedback(FeedbackDataset(REPO), queue.folder)
    assert queue.journal.path.read_bytes() == line + b"\n" + data
    assert len(on_disk(queue)) == 1


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": \n{"n": 3}\n')
    with pytest.raises(JournalError, match="line 2 is damaged"):
        Journal(path).read()


@pytest.fixture
def wanted(hub, monkeypatch):
    """Sharing as a maintainer asks for it; what is set is put over that."""

    def ask(**settings: str) -> Feedback | None:
        monkeypatch.setenv("SER_FEEDBACK_REPO", REPO)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return from_environment()

    return ask


def test_what_cannot_be_had_is_a_sentence(wanted, queue, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    told = {
        str(tmp_path / "file" / "queue"): "cannot be written",
        "/proc/feedback": "cannot be written",  # nobody may write there, root neither
        str(queue.folder): "in use by another process",
    }
    for folder, words in told.items():
        with pytest.raises(FeedbackOffError, match=words) as error:
            wanted(SER_FEEDBACK_DIR=folder)
        assert folder in str(error.value)
    for text in ("soon", "-1", "nan", "inf", "0"):
        with pytest.raises(FeedbackOffError, match="number of seconds"):
            wanted(SER_FEEDBACK_DIR=str(tmp_path / "new"), SER_FEEDBACK_PUSH_S=text)
    monkeypatch.delenv("SER_FEEDBACK_PUSH_S")
    queue.stop()
    queue.journal.path.write_bytes(b"{\n")
    with pytest.raises(FeedbackOffError, match="line 1 is damaged"):
        wanted(SER_FEEDBACK_DIR=str(queue.folder))


HOLDER = """
import sys, time
from pathlib import Path
from ser.feedback.folder import Folder
folder = Folder(Path(sys.argv[1]))
print("mine", flush=True)
time.sleep(600)
"""


def test_a_folder_belongs_to_one_process_until_it_ends(tmp_path):
    folder = tmp_path / "queue"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "mine\n"
        with pytest.raises(FolderError, match="another process"):
            Feedback(FeedbackDataset(REPO), folder)
        holder.kill()
    first = Feedback(FeedbackDataset(REPO), folder)
    with pytest.raises(FolderError, match="another process"):
        Feedback(FeedbackDataset(REPO), folder)
    first.stop()
    Feedback(FeedbackDataset(REPO), folder).stop()


# --- receipts that somebody invents, names that tell nothing --------------------------------------


def test_invented_receipts_do_not_make_the_journal_grow(hub, queue, prediction):
    queue.share(prediction, "sad", "visit", "visitor")
    queue.sync()
    queue.withdraw("A" * 32, "somebody")
    queue.sync()
    n_bytes = queue.journal.path.stat().st_size
    for n in range(300):  # an address can be invented, too
        queue.withdraw(f"{n:032}", f"203.0.113.{n}")
        if n % 100 == 99:
            queue.sync()
    assert queue.journal.path.stat().st_size <= n_bytes
    assert len(queue.entries) == 1


def test_while_the_hub_is_down_only_so_many_are_kept(hub, queue, prediction, monkeypatch):
    known = queue.share(prediction, "sad", "visit", "visitor")
    monkeypatch.setattr(sharing, "MAX_UNKNOWN", 3)
    for n in range(3):
        queue.withdraw(f"{n:032}", f"203.0.113.{n}")
    with pytest.raises(FeedbackError, match="try later"):
        queue.withdraw(f"{3:032}", "203.0.113.9")
    assert queue.withdraw(known, "visitor") == "withdrawing"


def test_no_file_name_tells_the_hash_of_a_sound(hub, queue, prediction):
    for visitor in ("one", "other"):
        queue.share(prediction, "sad", "visit", visitor)
    here = [path.name for path in queue.folder.rglob("*")]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in on_disk(queue)]
    assert hashes[0] == hashes[1]
    queue.sync()
    for name in [*here, *sounds(hub)]:
        assert not any(hashes[0][:n] in name for n in (8, 16, 64))
    assert len(set(sounds(hub))) == 2


# --- a clock that jumps ---------------------------------------------------------------------------


@pytest.mark.parametrize("jump_s", [-20 * 365 * 86_400, 10 * 365 * 86_400])
def test_a_clock_that_jumps_loses_no_share_and_forgets_no_limit(
    hub, queue, prediction, monkeypatch, jump_s
):
    now = time.time
    receipts = [queue.share(prediction, "sad", "visit", "visitor") for _ in range(10)]

    class Jumped(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.fromtimestamp(now() + jump_s, zone)

    monkeypatch.setattr(time, "time", lambda: now() + jump_s)
    monkeypatch.setattr(sharing, "datetime", Jumped)
    receipts += [queue.share(prediction, "sad", "visit", "visitor") for _ in range(10)]
    with pytest.raises(FeedbackError, match="an hour"):
        queue.share(prediction, "sad", "visit", "visitor")
    again = reopened(queue)
    again.sync()
    assert {again.state(receipt) for receipt in receipts} == {"saved"}
    assert len(rows(hub)) == len(sounds(hub)) == 20


# --- a Hub that does not answer -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "*/commit/*"), ("GET", "/api/datasets/user/voices"), ("PUT", "*")]
)
def test_a_hub_that_hangs_is_not_waited_for_for_ever(
    hub, queue, prediction, monkeypatch, method, path
):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    FeedbackDataset(REPO).read()
    monkeypatch.setattr(waiting, "TIMEOUT_S", 0.3)
    hub.fail(hang=True, method=method, path=path, times=1)
    start = time.monotonic()
    try:
        queue.sync()
    except DatasetError:  # else the client asked again by itself
        assert queue.state(receipt) == "queued"
        queue.sync()
    assert time.monotonic() - start < 10
    assert queue.state(receipt) == "saved"
    assert len(rows(hub)) == len(sounds(hub)) == 1


@pytest.mark.parametrize("path", ["*/tree/*", "*/lfs-files", "*/commits/*"])
def test_nor_are_its_lists(hub, queue, prediction, monkeypatch, path):
    receipt = queue.share(prediction, "sad", "visit", "visitor")
    queue.sync()
    queue.withdraw(receipt, "visitor")
    monkeypatch.setattr(waiting, "TIMEOUT_S", 0.3)
    hub.fail(hang=True, method="GET", path=path, times=1)
    start = time.monotonic()
    queue.sync()  # the client asks again after a second
    assert time.monotonic() - start < 10
    assert queue.state(receipt) == "withdrawn"


# --- a process that is ended while it carries -----------------------------------------------------

CARRIER = """
import pickle, sys
from pathlib import Path
from ser.feedback import queue as sharing
from ser.feedback.dataset import FeedbackDataset
sharing.MAX_AN_HOUR = 10**6
prediction = pickle.loads(Path(sys.argv[2]).read_bytes())
queue = sharing.Feedback(FeedbackDataset("user/voices"), Path(sys.argv[1]), push_every_s=0.01)
queue.start()
while True:
    print(queue.share(prediction, "sad", "visit", "visitor"), flush=True)
"""


def test_ended_again_and_again_while_it_carries_nothing_is_lost_or_doubled(
    hub, tmp_path, prediction
):
    folder, kept = tmp_path / "queue", tmp_path / "prediction"
    kept.write_bytes(pickle.dumps(prediction))
    environment = {**os.environ, **hub.environment("hf_write")}
    receipts, endings = [], [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]
    for number, ending in enumerate(endings):
        command = [sys.executable, "-c", CARRIER, str(folder), str(kept)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            receipts += [process.stdout.readline().strip() for _ in range(4 + 5 * number)]
            process.send_signal(ending)
            receipts += process.stdout.read().split()
    queue = Feedback(FeedbackDataset(REPO), folder)
    assert {queue.state(receipt) for receipt in receipts} <= {"queued", "saved"}
    queue.sync()
    assert {queue.state(receipt) for receipt in receipts} == {"saved"}
    there = [row["receipt_sha256"] for row in rows(hub)]
    assert len(there) == len(set(there)) == len(sounds(hub))
    # one share at each end may be whole though its receipt was not told any more
    assert 0 <= len(there) - len(set(receipts)) <= len(endings)
    queue.stop()
