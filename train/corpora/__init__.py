"""Corpora on disk -> Utterance values; one module a corpus, one registry.

The file names are the official ones. Any audio extension is read, so that a download and a
smaller re-encoding of it are the same corpus.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from train.corpora.content import data_sha256, duplicate_groups
from train.corpora.cremad import CREMAD
from train.corpora.emodb import EMODB
from train.corpora.emovo import EMOVO
from train.corpora.found import check_not_pointers, doubles_note, why_none
from train.corpora.hashes import content_hash
from train.corpora.iemocap import IEMOCAP
from train.corpora.ravdess import RAVDESS, RAVDESS_SONG, RavdessName
from train.corpora.savee import SAVEE
from train.corpora.tess import TESS
from train.corpora.utterance import (
    AUDIO_SUFFIXES,
    AUXILIARY,
    Corpus,
    CorpusError,
    Utterance,
    audio_files,
    load_clip,
)
from train.corpora.visitors import FEEDBACK
from train.places import data_root

__all__ = [
    "AUDIO_SUFFIXES",
    "AUXILIARY",
    "CORPORA",
    "Corpus",
    "CorpusError",
    "RavdessName",
    "Utterance",
    "audio_files",
    "content_hash",
    "data_sha256",
    "duplicate_groups",
    "load_clip",
    "load_corpora",
    "named",
]

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        RAVDESS,
        RAVDESS_SONG,
        CREMAD,
        TESS,
        SAVEE,
        EMODB,
        EMOVO,
        IEMOCAP,
        FEEDBACK,
    )
}


def named(name: str) -> Corpus:
    """Look a corpus up; CorpusError for a name that is none."""
    if name not in CORPORA:
        raise CorpusError(f"Unknown corpus {name!r}: choose from {sorted(CORPORA)}.")
    return CORPORA[name]


def load_corpora(names: Iterable[str], root: Path | None = None) -> list[Utterance]:
    """All utterances of the named corpora, sorted by name, so that order never depends on a disk.

    What lies there twice, as in an archive that holds its own folder once more, is read once.

    Raises CorpusError for an unknown corpus, for one that is not on this machine, and for two
    clips of one name: caches and results know a clip by its name alone.
    """
    root = root or data_root()
    utterances = []
    for name in dict.fromkeys(names):
        corpus = named(name)
        found, doubles = corpus.read(root)
        if not found:
            raise CorpusError(
                f"No {name} clips in {corpus.folder(root)}. {why_none(corpus, root)} SER_DATA says "
                "where corpora lie."
            )
        check_not_pointers(corpus, found)
        if doubles:
            print(doubles_note(corpus, doubles), file=sys.stderr)
        utterances += sorted(found, key=lambda utterance: utterance.stem)
    _check_names(utterances)
    return utterances


def _check_names(utterances: Iterable[Utterance]) -> None:
    first_of: dict[str, Utterance] = {}
    for utterance in utterances:
        first = first_of.setdefault(utterance.stem, utterance)
        if first is not utterance:
            raise CorpusError(
                f"Two clips are called {utterance.stem}: {first.path} and {utterance.path}. "
                "Please keep one of them."
            )
