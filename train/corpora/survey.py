"""What lies on this machine, corpus by corpus: the table of `python -m train corpora`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser.labels import LABELS
from ser.sound.audio import SAMPLE_RATE, AudioError, load_audio
from train.cores import on_all_cores
from train.corpora import (
    AUXILIARY,
    CORPORA,
    Corpus,
    Utterance,
    audio_files,
    duplicate_groups,
    named,
)
from train.corpora.found import doubles_note, why_none
from train.corpora.noise import NOISE

SECONDS_PER_HOUR = 3600
MOST_ALIKE = 5  # files with the same fault that are named one by one


@dataclass(frozen=True)
class Survey:
    """One corpus as it was found: each clip's length, or why it cannot be read."""

    corpus: Corpus
    utterances: tuple[Utterance, ...]
    durations_s: tuple[float | None, ...]
    errors: tuple[str | None, ...]
    duplicates: tuple[tuple[str, ...], ...]
    doubles: tuple[Utterance, ...]

    @property
    def hours(self) -> float:
        """Length of all clips that can be read."""
        return sum(filter(None, self.durations_s)) / SECONDS_PER_HOUR

    @property
    def unreadable(self) -> list[tuple[Path, str]]:
        """Files that cannot be read, and why."""
        pairs = zip(self.utterances, self.errors, strict=True)
        return [(u.path, error) for u, error in pairs if error]


def survey(names: Iterable[str], root: Path) -> tuple[list[Survey], list[Corpus]]:
    """Decode every clip of the named corpora, or of all; also says which corpora are not there.

    Raises CorpusError for an unknown name.
    """
    corpora = [named(name) for name in dict.fromkeys(names)] or list(CORPORA.values())
    read = {corpus.name: corpus.read(root) for corpus in corpora}
    found = {name: sorted(one.utterances, key=lambda u: u.stem) for name, one in read.items()}
    paths = [u.path for utterances in found.values() for u in utterances]
    heard = iter(on_all_cores(_listen, paths, "clips"))
    surveys = []
    for corpus in corpora:
        if utterances := found[corpus.name]:
            durations_s, errors = zip(*(next(heard) for _ in utterances), strict=True)
            groups = tuple(map(tuple, duplicate_groups(utterances)))
            doubles = tuple(read[corpus.name].doubles)
            surveys.append(Survey(corpus, tuple(utterances), durations_s, errors, groups, doubles))
    return surveys, [corpus for corpus in corpora if not found[corpus.name]]


def _listen(path: Path) -> tuple[float | None, str | None]:
    """Length in seconds, or the sentence that says why there is none."""
    try:
        return len(load_audio(path)) / SAMPLE_RATE, None
    except (AudioError, OSError) as error:
        return None, str(error)


def report(names: Sequence[str], root: Path) -> str:
    """Survey the named corpora, or all and the background sounds, and put it into words.

    A table with a row a corpus; below it unreadable files, identical files, clips left out on
    purpose, and how to get what is not there.
    """
    surveys, missing = survey(names, root)
    notes = [note for one in surveys for note in _notes(one)]
    notes += _across(surveys)
    notes += [f"{corpus.name} is not here. {why_none(corpus, root)}" for corpus in missing]
    if not names:
        notes.append(_backgrounds(root / NOISE))
    return "\n".join([*(_table(surveys) if surveys else []), *notes])


def _backgrounds(folder: Path) -> str:
    """Say how many sounds there are for recipes that put some behind the voice."""
    if n := len(audio_files(folder)):
        return f"noise: {n} background sounds in {folder}."
    return (
        f"noise is not here. Recipes that put background sounds behind the voice need some in "
        f"{folder}, such as ESC-10, a part of https://github.com/karolpiczak/ESC-50."
    )


def _table(surveys: Sequence[Survey]) -> list[str]:
    others = [a for a in AUXILIARY if any(u.emotion == a for s in surveys for u in s.utterances)]
    classes = (*LABELS, *others)
    head = ["corpus", "clips", "hours", "speakers (m/f)", "language", *classes]
    rows = [[*head, "duplicates", "unreadable"], *(_row(s, classes) for s in surveys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _row(found: Survey, classes: Sequence[str]) -> list[str]:
    counts = Counter(u.emotion for u in found.utterances)
    return [
        found.corpus.name,
        f"{len(found.utterances):,}",
        f"{found.hours:.2f}",
        _speakers(found.utterances),
        found.corpus.language,
        *(f"{counts[name]:,}" for name in classes),
        str(len(found.duplicates)),
        str(len(found.unreadable)),
    ]


def _speakers(utterances: Sequence[Utterance]) -> str:
    sexes = Counter(sex for _, sex in {(u.speaker, u.sex) for u in utterances})
    known = f"{sexes['m']}/{sexes['f']}"
    unknown = f", {sexes['unknown']} unknown" if sexes["unknown"] else ""
    return f"{sexes.total()} ({known}{unknown})"


def _notes(found: Survey) -> list[str]:
    name = found.corpus.name
    notes = _unreadable(found)
    if found.doubles:
        notes.append(doubles_note(found.corpus, found.doubles))
    notes += [f"{name}: identical files {' = '.join(group)}." for group in found.duplicates]
    if found.corpus.left_out:
        reasons = defaultdict(list)
        for stem, reason in found.corpus.left_out.items():
            reasons[reason].append(stem)
        without = "; ".join(f"{', '.join(stems)} ({why})" for why, stems in reasons.items())
        notes.append(f"{name} is read without {without}.")
    if found.corpus.no_derivatives:
        notes.append(f"{name} is {found.corpus.license}: not for weights that are handed on.")
    return notes


def _unreadable(found: Survey) -> list[str]:
    """One line each, but for what many files have in common."""
    paths_of = defaultdict(list)
    for path, error in found.unreadable:
        paths_of[error].append(path)
    name = found.corpus.name
    notes = []
    for error, paths in paths_of.items():
        if len(paths) > MOST_ALIKE:
            notes.append(
                f"{name}: {len(paths):,} files cannot be read, such as {paths[0]}. {error}"
            )
        else:
            notes += [f"{name}: {path} cannot be read. {error}" for path in paths]
    return notes


def _across(surveys: Sequence[Survey]) -> list[str]:
    """Identical files in two corpora, which no corpus alone shows."""
    corpus_of = {u.stem: s.corpus.name for s in surveys for u in s.utterances}
    return [
        f"identical files in several corpora: {' = '.join(group)}."
        for group in duplicate_groups(u for s in surveys for u in s.utterances)
        if len({corpus_of[stem] for stem in group}) > 1
    ]
