"""What a corpus is made of: one clip, and one record about the whole."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

AUDIO_SUFFIXES = {".wav", ".flac", ".opus", ".ogg", ".mp3"}
# What some corpora express and the eight labels have no word for: classes of their own in
# training, where a wrong label would teach an error; never an answer.
AUXILIARY = ("boredom", "excited", "frustrated")


class CorpusError(RuntimeError):
    """A corpus is missing or not what it should be; the message says what to do."""


@dataclass(frozen=True)
class Utterance:
    """One clip: where it is, what it expresses, who speaks.

    Attributes
    ----------
    emotion
        One of `ser.labels.LABELS` or of `AUXILIARY`.
    speaker
        An id that is unique over corpora: `ravdess-07` in speech and in song.
    sex
        "m", "f" or "unknown".
    age
        In years, at the recording; None where it is not published.
    intensity
        "low", "normal", "medium", "strong" or "high", in the corpus's own words.
    group
        What must stay on one side of a split beyond the speaker, such as a dialogue's session.
    votes
        Shares of listeners over `LABELS`, in its order, summing to 1.
    name
        The clip's name where its file's is not unique, as in SAVEE's `DC/a01.wav`.
    """

    path: Path
    emotion: str
    speaker: str
    sex: str
    corpus: str
    age: int | None = None
    intensity: str | None = None
    group: str | None = None
    votes: tuple[float, ...] | None = None
    name: str | None = None

    @property
    def stem(self) -> str:
        """The official file name without extension: a clip's name in every result."""
        return self.name or self.path.stem


@dataclass(frozen=True)
class Corpus:
    """One corpus: called with the data root, it gives its utterances.

    Attributes
    ----------
    language
        A BCP 47 tag.
    parse
        The corpus's folder -> its utterances, in any order; none where the folder is missing.
    how_to_get
        Sentences; `{folder}` in them becomes the corpus's folder.
    left_out
        Official clips that `parse` leaves out, by stem, and why.
    no_derivatives
        Its licence allows no derived works: keep it out of weights that are handed on.
    """

    name: str
    title: str
    parse: Callable[[Path], Iterable[Utterance]]
    language: str
    license: str
    citation: str
    how_to_get: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    no_derivatives: bool = False

    def folder(self, root: Path) -> Path:
        """Where it lies under a data root."""
        return root / self.name.replace("-", "_")

    def where_from(self, root: Path) -> str:
        """How to get it, in words."""
        return self.how_to_get.format(folder=self.folder(root))

    def __call__(self, root: Path) -> list[Utterance]:
        """Find all its utterances under a data root."""
        return list(self.parse(self.folder(root)))


def audio_files(folder: Path) -> list[Path]:
    """Every sound file below a folder; none where the folder is missing."""
    return [path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES]


def named_files(folder: Path, form: re.Pattern) -> Iterator[tuple[Path, re.Match]]:
    """Every sound file below a folder whose stem has this form, with what the stem says."""
    for path in audio_files(folder):
        if name := form.fullmatch(path.stem):
            yield path, name
