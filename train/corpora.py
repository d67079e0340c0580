"""Corpora on disk -> Utterance values; one parser a corpus.

The file names are the official ones. Any audio extension is read, so that a download and a
smaller re-encoding of it are the same corpus.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ser.labels import LABELS

AUDIO_SUFFIXES = {".wav", ".flac", ".opus", ".ogg", ".mp3"}


class CorpusError(RuntimeError):
    """A corpus is missing or not what it should be; the message says what to do."""


@dataclass(frozen=True)
class Utterance:
    """One clip: where it is, what it expresses, who speaks; `speaker` is unique over corpora."""

    path: Path
    emotion: str
    speaker: str
    sex: str
    corpus: str

    @property
    def stem(self) -> str:
        """The official file name without extension: a clip's name in every result."""
        return self.path.stem


@dataclass(frozen=True)
class RavdessName:
    """The seven codes of a RAVDESS file name (Livingstone & Russo, PLoS ONE 13(5), 2018)."""

    modality: int
    channel: int
    emotion: str
    intensity: int
    statement: int
    repetition: int
    actor: int

    @classmethod
    def parse(cls, stem: str) -> "RavdessName | None":
        """Read `03-01-05-01-02-01-12`; None for any other form or a code out of range."""
        if not re.fullmatch(r"\d\d(-\d\d){6}", stem):
            return None
        modality, channel, emotion, intensity, statement, repetition, actor = map(
            int, stem.split("-")
        )
        in_range = (
            1 <= modality <= 3
            and 1 <= channel <= 2
            and 1 <= emotion <= len(LABELS)
            and {intensity, statement, repetition} <= {1, 2}
            and 1 <= actor <= 24
        )
        if not in_range:
            return None
        name = LABELS[emotion - 1]
        return cls(modality, channel, name, intensity, statement, repetition, actor)

    @property
    def sex(self) -> str:
        """Odd actors are men, even ones women."""
        return "m" if self.actor % 2 else "f"


def data_root() -> Path:
    """Where corpora lie: `SER_DATA`, else ~/.cache/ser/data."""
    return Path(os.environ.get("SER_DATA") or Path.home() / ".cache/ser/data").expanduser()


def ravdess(root: Path) -> list[Utterance]:
    """RAVDESS speech: audio-only clips of `ravdess/Actor_01..24/`."""
    found = []
    for path in audio_files(root / "ravdess"):
        name = RavdessName.parse(path.stem)
        if name and name.modality == 3 and name.channel == 1:
            speaker = f"ravdess-{name.actor:02d}"
            found.append(Utterance(path, name.emotion, speaker, name.sex, "ravdess"))
    return found


def feedback(root: Path) -> list[Utterance]:
    """Recordings shared by visitors: see `train.feedback`."""
    from train.feedback import utterances  # which knows Utterance, and loads a voice detector

    return utterances(root)


CORPORA: dict[str, Callable[[Path], list[Utterance]]] = {"ravdess": ravdess, "feedback": feedback}


HOW_TO_GET = {"ravdess": "prepare", "feedback": "fetch-feedback` and `review-feedback"}


def load_corpora(names: Iterable[str], root: Path | None = None) -> list[Utterance]:
    """All utterances of the named corpora, sorted by name, so that order never depends on a disk.

    Raises CorpusError for an unknown corpus, and for one that is not on this machine.
    """
    root = root or data_root()
    utterances = []
    for name in names:
        if name not in CORPORA:
            raise CorpusError(f"Unknown corpus {name!r}: choose from {sorted(CORPORA)}.")
        found = CORPORA[name](root)
        if not found:
            raise CorpusError(
                f"No {name} clips under {root}: run `python -m train {HOW_TO_GET[name]}`, or set "
                f"SER_DATA to the folder that holds {name}/."
            )
        utterances += sorted(found, key=lambda utterance: utterance.stem)
    return utterances


def audio_files(folder: Path) -> list[Path]:
    """Every sound file below a folder; none where the folder is missing."""
    return [path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES]


def content_hash(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def duplicate_groups(utterances: Iterable[Utterance]) -> list[list[str]]:
    """Stems of clips whose files are identical, a list for each group of two or more."""
    by_hash = defaultdict(list)
    for utterance in utterances:
        by_hash[content_hash(utterance.path)].append(utterance.stem)
    return [sorted(stems) for stems in by_hash.values() if len(stems) > 1]


def data_sha256(utterances: Iterable[Utterance]) -> str:
    """One hash for the content and names of all clips, for metrics.json."""
    lines = sorted(f"{u.stem} {content_hash(u.path)}" for u in utterances)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
