"""Consented recordings -> a private dataset on the Hub; receipt; withdrawal.

Sharing writes to this machine's disk and returns; a thread carries it to the Hub. What is queued
survives a Hub that is down, a token that expires and a process that is killed; nothing is stored
twice, because every push reads what the dataset holds and adds only what it lacks.
"""

import contextlib
import hashlib
import logging
import re
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ser import __version__
from ser.feedback.dataset import DatasetError, FeedbackDataset
from ser.feedback.folder import Folder, as_flac
from ser.feedback.journal import Journal, JournalError, write_durably
from ser.feedback.visitors import Visitors
from ser.labels import LABELS
from ser.prediction import Prediction

CONSENT_VERSION = "2"
MAX_AN_HOUR = 20  # shares, and as many withdrawals, of one visitor
MAX_UNKNOWN = 1000  # receipts not known here that wait to be looked for in the dataset
MAX_QUEUE_BYTES = 200_000_000
PUSH_BATCH = 100  # recordings in one commit
PUSH_EVERY_S = 30.0
MAX_WAIT_S = 600.0  # between two tries while the Hub is down
STOP_S = 10.0  # for the thread to end, when it is told to

_RECEIPT = re.compile(r"[\w-]{32}", re.ASCII)
_STATES = ("queued", "saved", "withdrawing", "withdrawn", "unknown")
LOG = logging.getLogger(__name__)


class FeedbackError(ValueError):
    """A recording was not taken; the message tells the visitor why."""


@dataclass
class _Entry:
    row: dict
    state: str  # one of _STATES


class Feedback:
    """The queue on disk and the thread that carries it to the Hub.

    `state` of a receipt: "queued" until the Hub has the commit, then "saved"; "withdrawing" until
    it is gone from the Hub and its history, then "withdrawn"; "unknown" for any other receipt.
    Raises FolderError where the folder cannot be used, JournalError where what it holds is damaged.
    """

    def __init__(self, dataset: FeedbackDataset, folder: Path, push_every_s: float = PUSH_EVERY_S):
        self.dataset = dataset
        self.folder = folder
        self.place = Folder(folder)
        self.audio = self.place.audio
        self.lock = threading.RLock()
        self.entries: dict[str, _Entry] = {}  # by the sha256 of the receipt
        self.visitors = Visitors()
        self.wake = threading.Event()
        self.push_every_s = push_every_s
        self.stopping = False
        self.thread: threading.Thread | None = None
        try:
            self.journal = Journal(folder / "journal.jsonl")
            self._recover()
        except BaseException:
            self.place.close()
            raise

    # --- what a visitor does ----------------------------------------------------------------

    def share(
        self,
        prediction: Prediction,
        label: str | None,
        visit: str,
        visitor: str,
        language: str = "en",
    ) -> str:
        """Queue a recording with the label a listener gave it (None: cannot tell).

        Returns the receipt, the one thing that can take the recording back; only its hash is
        kept. `visit` groups the recordings of one visit, `visitor` (an address) is only counted,
        in memory. The consent was given in `language`. Where the model heard no speech, it has no
        probabilities either. Raises FeedbackError where limits are reached, and OSError where the
        disk does not take it; nothing is then kept.
        """
        if label is not None and label not in LABELS:
            raise FeedbackError(f"{label} is not one of {', '.join(LABELS)}.")
        flac = as_flac(prediction.waveform)
        receipt = secrets.token_urlsafe(24)
        row = {
            "file_name": f"{secrets.token_hex(16)}.flac",
            "label": label,
            "probabilities": None
            if prediction.reason
            else [round(float(p), 6) for p in prediction.probabilities],
            "model": prediction.model["name"],
            "revision": prediction.model["revision"],
            "day": datetime.now(UTC).date().isoformat(),
            "app_version": __version__,
            "consent_version": CONSENT_VERSION,
            "consent_language": language,
            "visit": visit,
            "audio_sha256": hashlib.sha256(flac).hexdigest(),
            "receipt_sha256": _hash(receipt),
        }
        with self.lock:
            self._check_room(len(flac))
            self._check_count(visitor)
            try:
                write_durably(self.audio / row["file_name"], flac)
                self.journal.append({"event": "shared", "row": row})
            except BaseException:
                self.place.delete_sound(row)
                raise
            self.visitors.count(visitor)
            self.entries[row["receipt_sha256"]] = _Entry(row, "queued")
        self.wake.set()
        return receipt

    def state(self, receipt: str) -> str:
        """Where the recording of this receipt is."""
        with self.lock:
            entry = self.entries.get(_hash(receipt.strip()))
            return entry.state if entry else "unknown"

    def withdraw(self, receipt: str, visitor: str) -> str:
        """Take a recording back, with its receipt alone; returns the new state.

        It leaves this machine at once, and the dataset and its history as soon as the Hub
        answers. Raises FeedbackError for what is no receipt, and where limits are reached; OSError
        where the disk cannot keep in mind that it is to go.
        """
        receipt = receipt.strip()
        if not _RECEIPT.fullmatch(receipt):
            raise FeedbackError("That is no receipt: it has 32 letters, digits, - and _.")
        digest = _hash(receipt)
        with self.lock:
            # Unknown here, it may still be in the dataset: this machine's disk does not last.
            entry = self.entries.get(digest) or _Entry({"receipt_sha256": digest}, "unknown")
            if entry.state in ("withdrawing", "withdrawn"):
                return entry.state
            self._check_count(f"withdraw {visitor}")
            if entry.state == "unknown" and self._n_unknown() >= MAX_UNKNOWN:
                raise FeedbackError("Too many receipts are being looked for: please try later.")
            self._set_state(entry.row, "withdrawing")
            self.visitors.count(f"withdraw {visitor}")
        self.wake.set()
        return "withdrawing"

    # --- carrying it to the Hub -----------------------------------------------------------------

    def start(self) -> None:
        """Start the thread that carries the queue to the Hub."""
        self.thread = threading.Thread(target=self._run, name="feedback", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop the thread and let another process have the folder; what is queued stays on disk."""
        self.stopping = True
        self.wake.set()
        if self.thread:
            self.thread.join(STOP_S)
        if not (self.thread and self.thread.is_alive()):
            self.place.close()

    def sync(self) -> None:
        """Withdraw and push everything that waits, now. Raises DatasetError."""
        self._sync_withdrawals()
        while batch := self._waiting("queued")[:PUSH_BATCH]:
            files = {row["file_name"]: self.audio / row["file_name"] for row in batch}
            there = self.dataset.add(batch, files)
            with self.lock:
                for row in batch:  # one whose sound was lost on this disk is not there
                    is_there = row["receipt_sha256"] in there
                    self._move_on(row, "queued", "saved" if is_there else "unknown")
        self._sync_withdrawals()
        self.place.keep_reserve()

    def _sync_withdrawals(self) -> None:
        rows = self._waiting("withdrawing")
        if not rows:
            return
        found = self.dataset.remove(rows)
        with self.lock:
            for row in found:  # so that a purge that is cut off is known to be due
                self._set_state(row, "withdrawing")
            rows = [self.entries[row["receipt_sha256"]].row for row in rows]
        if any("file_name" in row for row in rows):
            self.dataset.purge()
        with self.lock:
            for row in rows:
                self._move_on(row, "withdrawing", "withdrawn" if "file_name" in row else "unknown")
            self._compact()

    def _run(self) -> None:
        wait_s = self.push_every_s
        while not self.stopping:
            self.wake.wait(wait_s)
            self.wake.clear()
            if self.stopping:
                return
            try:
                self.sync()
                wait_s = self.push_every_s
            except DatasetError as error:
                wait_s = min(2 * wait_s, MAX_WAIT_S)
                LOG.warning("%s Recordings stay queued; next try in %.0f s.", error, wait_s)
                self.wake.clear()
            except Exception:
                LOG.exception("Carrying recordings to the Hub failed")

    # --- the queue ------------------------------------------------------------------------------

    def _waiting(self, state: str) -> list[dict]:
        with self.lock:
            return [entry.row for entry in self.entries.values() if entry.state == state]

    def _n_unknown(self) -> int:
        return sum("file_name" not in row for row in self._waiting("withdrawing"))

    def _move_on(self, row: dict, before: str, after: str) -> None:
        """Record what the Hub has done, unless the visitor was faster."""
        if self.entries[row["receipt_sha256"]].state == before:
            self._set_state(row, after)

    def _set_state(self, row: dict, state: str) -> None:
        """Keep of a row what finds it again, and nothing else; "unknown" forgets it altogether.

        Its sound goes first: on a full disk that may be the room which the journal needs.
        """
        kept = {k: row[k] for k in ("receipt_sha256", "audio_sha256", "file_name") if k in row}
        event = {"event": state, "row": kept}
        self.place.delete_sound(row)
        try:
            self.journal.append(event)
        except OSError:
            self.place.give_up_reserve()
            self.journal.append(event)
        self.entries[row["receipt_sha256"]] = _Entry(kept, state)
        if state == "unknown":
            del self.entries[row["receipt_sha256"]]

    def _recover(self) -> None:
        """Replay the journal, drop files it does not know, keep of it what is still needed."""
        for event in self.journal.read():
            state, row = event.get("event"), event.get("row")
            state = "queued" if state == "shared" else state
            needed = ("receipt_sha256", *(("file_name",) if state == "queued" else ()))
            is_row = isinstance(row, dict) and all(isinstance(row.get(n), str) for n in needed)
            if state not in _STATES or not is_row:
                raise JournalError(f"{self.journal.path} holds an event of no known kind.")
            self.entries[row["receipt_sha256"]] = _Entry(row, state)
        self.entries = {k: e for k, e in self.entries.items() if e.state != "unknown"}
        queued = {row["file_name"] for row in self._waiting("queued")}
        for path in self.audio.iterdir():
            if path.name not in queued:
                path.unlink()
        self._compact()

    def _compact(self) -> None:
        """Keep one event for each receipt; where there is no room for that, the journal stays."""
        events = {"queued": "shared"}
        with contextlib.suppress(OSError):
            self.journal.rewrite(
                {"event": events.get(entry.state, entry.state), "row": entry.row}
                for entry in self.entries.values()
            )

    def _check_room(self, n_bytes: int) -> None:
        used = sum(path.stat().st_size for path in self.audio.iterdir())
        if used + n_bytes > MAX_QUEUE_BYTES:
            raise FeedbackError("No more recordings can be taken just now: please try tomorrow.")

    def _check_count(self, visitor: str) -> None:
        if len(self.visitors.times(visitor)) >= MAX_AN_HOUR:
            raise FeedbackError(
                f"{MAX_AN_HOUR} recordings an hour are the most that can be taken: please wait."
            )


def _hash(receipt: str) -> str:
    return hashlib.sha256(receipt.encode()).hexdigest()
