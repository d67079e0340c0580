"""Recordings shared by visitors, of which a maintainer has accepted some, as a corpus.

They lie in `feedback/` under the data root: `train/` as in the dataset on the Hub, and
`reviews.jsonl`, a line a decision, which stays on this machine (`train.corpora.feedback`).
"""

from pathlib import Path

from ser.feedback.dataset import FOLDER, METADATA, rows_of
from ser.feedback.journal import Journal
from train.corpora.utterance import Corpus, Utterance

MIN_SPEECH_S = 1.0
REVIEWS = "reviews.jsonl"
REJECTED = None  # the label of a recording that must not be learnt


def parse(folder: Path) -> list[Utterance]:
    """Recordings in `feedback/` that may be learnt from, one speaker a visit.

    Those with a visitor's label that a maintainer has accepted or corrected, and with a second of
    speech at least.
    """
    decided = {r["file_name"]: r for r in reviews(folder)}
    found = []
    for row in rows(folder):
        review = decided.get(row["file_name"])
        path = folder / FOLDER / row["file_name"]
        if review is None or review["label"] is REJECTED or row["label"] is None:
            continue
        if review["speech_s"] >= MIN_SPEECH_S and path.exists():
            speaker = f"feedback-{row['visit']}"
            found.append(Utterance(path, review["label"], speaker, "unknown", "feedback"))
    return found


def rows(folder: Path) -> list[dict]:
    """What the dataset says of each recording."""
    path = folder / METADATA
    return rows_of(path.read_bytes()) if path.exists() else []


def reviews(folder: Path) -> list[dict]:
    """What was decided, in order."""
    path = folder / REVIEWS
    return Journal(path).read() if path.exists() else []


FEEDBACK = Corpus(
    name="feedback",
    title="Shared recordings",
    parse=parse,
    language="und",
    license="by consent, for training; private",
    citation="visitors of the page",
    how_to_get="Run `python -m train fetch-feedback` and `python -m train review-feedback`.",
    example="train/NAME",
)
