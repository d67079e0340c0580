"""What lies in the folder of a corpus, and what is wrong with it, in words."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from train.corpora.utterance import Corpus, CorpusError, Utterance, audio_files

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_BYTES = 1024  # a pointer is no longer


def doubles_note(corpus: Corpus, doubles: Sequence[Utterance]) -> str:
    """Say which clips were left out because they lie there once more."""
    below = os.path.commonpath([double.path.parent for double in doubles])
    return (
        f"{corpus.name}: {len(doubles):,} clips lie there more than once; the copies in {below} "
        "are left out."
    )


def why_none(corpus: Corpus, root: Path) -> str:
    """Say what was found where a corpus should lie, if anything, and how to get it."""
    folder = corpus.folder(root)
    if folder.exists():
        found = _packed(folder) or _others(corpus, folder)
    else:
        found = _elsewhere(corpus, root)
    return " ".join(filter(None, [found, corpus.where_from(root)]))


def _elsewhere(corpus: Corpus, root: Path) -> str | None:
    if packed := _packed(root):
        return packed
    if not (clips := list(corpus.parse(root))):
        return None
    where = Path(os.path.commonpath([clip.path.parent for clip in clips]))
    what = f"{len(clips):,} clips of it lie in {where}"
    if where == root or root in where.parents and len(where.relative_to(root).parts) > 1:
        return f"{what}: SER_DATA is to name a folder in which {corpus.folder(Path()).name}/ lies."
    return f"{what}: rename or link that folder to {corpus.folder(root).name}."


def _packed(folder: Path) -> str | None:
    archives = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".zip", ".tgz", ".gz"))
    if not archives:
        return None
    return f"{archives[0]} is still packed: please unpack it there."


def _others(corpus: Corpus, folder: Path) -> str | None:
    if sounds := sorted(audio_files(folder)):
        return (
            f"{len(sounds):,} sound files lie there, but {sounds[0].relative_to(folder)} is no "
            f"name of this corpus: its clips are called as {corpus.example} is."
        )
    others = sorted(path for path in folder.rglob("*") if path.is_file())
    if not others:
        return None
    return (
        f"{len(others):,} files lie there, none of them a sound: {others[0].relative_to(folder)}."
    )


def check_not_pointers(corpus: Corpus, utterances: Iterable[Utterance]) -> None:
    """Raise CorpusError where git has left the addresses of clips instead of the clips."""
    pointers = [utterance.path for utterance in utterances if _is_pointer(utterance.path)]
    if pointers:
        raise CorpusError(
            f"{len(pointers):,} {corpus.name} clips are not here yet, only where git-lfs finds "
            f"them, such as {pointers[0]}: run `git lfs pull` in their folder."
        )


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size > POINTER_BYTES:
        return False
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER
