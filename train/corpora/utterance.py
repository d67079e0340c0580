"""What a corpus is made of: one clip, and one record about the whole."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser.sound.audio import AudioError, load_audio
from train.corpora.hashes import sound_hash

AUDIO_SUFFIXES = {
    *(".wav", ".flac", ".opus", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf"),
    *(".m4a", ".aac", ".webm", ".wma"),
}
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
    example
        An official file name.
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
    example: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    no_derivatives: bool = False

    def folder(self, root: Path) -> Path:
        """Where it lies under a data root."""
        return root / self.name.replace("-", "_")

    def where_from(self, root: Path) -> str:
        """How to get it, in words."""
        return self.how_to_get.format(folder=self.folder(root))

    def read(self, root: Path) -> "Found":
        """Find all its utterances under a data root, and those that lie there once more."""
        by_stem = defaultdict(list)
        for utterance in self.parse(self.folder(root)):
            by_stem[utterance.stem].append(utterance)
        utterances, doubles = [], []
        for same in by_stem.values():
            first, *others = sorted(same, key=lambda u: (len(u.path.parts), u.path))
            utterances.append(first)
            for other in others:
                is_double = sound_hash(other.path) == sound_hash(first.path)
                (doubles if is_double else utterances).append(other)
        return Found(utterances, doubles)

    def __call__(self, root: Path) -> list[Utterance]:
        """Find all its utterances under a data root, each once."""
        return self.read(root).utterances


class Found(NamedTuple):
    """Clips of a corpus; `doubles` are in files that hold the same as another of the same name.

    Two of one name that hold something else are both in `utterances`.
    """

    utterances: list[Utterance]
    doubles: list[Utterance]


def load_clip(path: Path) -> np.ndarray:
    """The waveform of a clip; CorpusError, which names the file, where there is none."""
    try:
        return load_audio(path)
    except AudioError as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error


def audio_files(folder: Path) -> list[Path]:
    """Every sound file below a folder, also behind links; none where the folder is missing."""
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        found += [Path(place, name) for name in names]
    return [path for path in found if path.suffix.lower() in AUDIO_SUFFIXES]


def named_files(folder: Path, form: re.Pattern) -> Iterator[tuple[Path, re.Match]]:
    """Every sound file below a folder whose stem has this form, with what the stem says."""
    for path in audio_files(folder):
        if name := form.fullmatch(path.stem):
            yield path, name
