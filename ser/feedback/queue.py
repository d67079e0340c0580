"""Consented recordings -> a private dataset on the Hub; receipt; withdrawal.

Sharing writes to this machine's disk and returns; a thread carries it to the Hub. What is queued
survives a Hub that is down, a token that expires and a process that is killed; nothing is stored
twice, because every push reads what the dataset holds and adds only what it lacks.
"""

import hashlib
import io
import logging
import os
import re
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from ser import __version__
from ser.feedback.dataset import DatasetError, FeedbackDataset
from ser.feedback.journal import Journal, write_durably
from ser.labels import LABELS
from ser.prediction import Prediction
from ser.sound.audio import SAMPLE_RATE

CONSENT_VERSION = "2"
MAX_AN_HOUR = 20  # shares, and as many withdrawals, of one visitor
MAX_QUEUE_BYTES = 200_000_000
PUSH_BATCH = 100  # recordings in one commit
PUSH_EVERY_S = 30.0
MAX_WAIT_S = 600.0  # between two tries while the Hub is down

_RECEIPT = re.compile(r"[\w-]{32}")
LOG = logging.getLogger(__name__)


class FeedbackError(ValueError):
    """A recording was not taken; the message tells the visitor why."""


@dataclass
class _Entry:
    row: dict
    state: str  # queued, saved, withdrawing, withdrawn


class Feedback:
    """The queue on disk and the thread that carries it to the Hub.

    `state` of a receipt: "queued" until the Hub has the commit, then "saved"; "withdrawing" until
    it is gone from the Hub and its history, then "withdrawn"; "unknown" for any other receipt.
    """

    def __init__(self, dataset: FeedbackDataset, folder: Path, push_every_s: float = PUSH_EVERY_S):
        self.dataset = dataset
        self.folder = folder
        self.journal = Journal(folder / "journal.jsonl")
        self.audio = folder / "audio"
        self.audio.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.entries: dict[str, _Entry] = {}  # by the sha256 of the receipt
        self.shares: dict[str, deque[float]] = {}  # times of the last hour, by visitor
        self.salt = secrets.token_bytes(16)  # so that visitors are counted and not known
        self.wake = threading.Event()
        self.push_every_s = push_every_s
        self.stopping = False
        self.thread: threading.Thread | None = None
        self._recover()

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
        probabilities either. Raises FeedbackError where limits are reached.
        """
        if label is not None and label not in LABELS:
            raise FeedbackError(f"{label} is not one of {', '.join(LABELS)}.")
        flac = _flac(prediction)
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
            self._count(visitor)
            path = self.audio / row["file_name"]
            try:
                write_durably(path, flac)
                self.journal.append({"event": "shared", "row": row})
            except OSError:
                path.unlink(missing_ok=True)
                raise
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
        answers. Raises FeedbackError for what is no receipt, and where limits are reached.
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
            self._count(f"withdraw {visitor}")
            self._set_state(entry.row, "withdrawing")
        self.wake.set()
        return "withdrawing"

    # --- carrying it to the Hub -----------------------------------------------------------------

    def start(self) -> None:
        """Start the thread that carries the queue to the Hub."""
        self.thread = threading.Thread(target=self._run, name="feedback", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop the thread; what is queued stays on disk."""
        self.stopping = True
        self.wake.set()
        if self.thread:
            self.thread.join()

    def sync(self) -> None:
        """Withdraw and push everything that waits, now. Raises DatasetError."""
        self._sync_withdrawals()
        while batch := self._waiting("queued")[:PUSH_BATCH]:
            files = {row["file_name"]: self.audio / row["file_name"] for row in batch}
            self.dataset.add([row for row in batch if files[row["file_name"]].exists()], files)
            with self.lock:
                for row in batch:
                    self._move_on(row, "queued", "saved")
        self._sync_withdrawals()

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

    def _move_on(self, row: dict, before: str, after: str) -> None:
        """Record what the Hub has done, unless the visitor was faster."""
        if self.entries[row["receipt_sha256"]].state == before:
            self._set_state(row, after)

    def _set_state(self, row: dict, state: str) -> None:
        """Keep of a row what finds it again, and nothing else; "unknown" forgets it altogether."""
        kept = {k: row[k] for k in ("receipt_sha256", "audio_sha256", "file_name") if k in row}
        self.journal.append({"event": state, "row": kept})
        self.entries[row["receipt_sha256"]] = _Entry(kept, state)
        if state == "unknown":
            del self.entries[row["receipt_sha256"]]
        if "file_name" in row:
            (self.audio / row["file_name"]).unlink(missing_ok=True)

    def _recover(self) -> None:
        """Replay the journal, keep of it what is still needed, drop files it does not know."""
        states = {"shared": "queued"}
        for event in self.journal.read():
            row = event["row"]
            state = states.get(event["event"], event["event"])
            self.entries[row["receipt_sha256"]] = _Entry(row, state)
        self.entries = {k: e for k, e in self.entries.items() if e.state != "unknown"}
        events = {"queued": "shared"}
        self.journal.rewrite(
            {"event": events.get(entry.state, entry.state), "row": entry.row}
            for entry in self.entries.values()
        )
        queued = {row["file_name"] for row in self._waiting("queued")}
        for path in self.audio.iterdir():
            if path.name not in queued:
                path.unlink()

    def _check_room(self, n_bytes: int) -> None:
        used = sum(path.stat().st_size for path in self.audio.iterdir())
        if used + n_bytes > MAX_QUEUE_BYTES:
            raise FeedbackError("No more recordings can be taken just now: please try tomorrow.")

    def _count(self, visitor: str) -> None:
        key = hashlib.sha256(self.salt + visitor.encode()).hexdigest()
        now = time.monotonic()
        self.shares = {k: t for k, t in self.shares.items() if t[-1] > now - 3600}
        times = self.shares.setdefault(key, deque())
        while times and times[0] <= now - 3600:
            times.popleft()
        if len(times) >= MAX_AN_HOUR:
            raise FeedbackError(
                f"{MAX_AN_HOUR} recordings an hour are the most that can be taken: please wait."
            )
        times.append(now)


def from_environment() -> Feedback | None:
    """Make the queue for `SER_FEEDBACK_REPO`; None unless that and a token are set."""
    from huggingface_hub import get_token

    repo = os.environ.get("SER_FEEDBACK_REPO")
    if not repo or not get_token():
        return None
    folder = os.environ.get("SER_FEEDBACK_DIR") or Path.home() / ".cache/ser/feedback"
    push_every_s = float(os.environ.get("SER_FEEDBACK_PUSH_S") or PUSH_EVERY_S)
    return Feedback(FeedbackDataset(repo), Path(folder).expanduser(), push_every_s)


def _flac(prediction: Prediction) -> bytes:
    """Encode in 16 bits; what a float file held beyond full scale is scaled down, not cut off."""
    waveform = prediction.waveform / max(1.0, float(np.abs(prediction.waveform).max()))
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _hash(receipt: str) -> str:
    return hashlib.sha256(receipt.encode()).hexdigest()
