"""Which clips a set of weights never heard, and so may be asked about."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ser.checkpoints.checkpoint import CONFIG_NAME, CheckpointConfig
from ser.checkpoints.config import read_config
from ser.labels import LABELS
from train.corpora import CORPORA, Utterance, load_corpora
from train.corpora.heard import heard_before
from train.corpora.splits import (
    LEAVE_ONE_CORPUS_OUT,
    LEFT_OUT_IN_TURN,
    MEASURED,
    PROTOCOLS,
    SPEAKER_DEPENDENT,
    choose_fold,
    make_splits,
)
from train.judge import evidence
from train.judge.cross_corpus import check_unheard
from train.places import data_root

TOLD = ("recipe", "protocol", "fold", "seed", "corpora")


@dataclass(frozen=True)
class Session:
    """Weights in the folder `run`, and clips of one corpus that they never heard."""

    run: Path
    corpus: str
    fold: int
    seed: int
    clips: tuple[Utterance, ...]


@dataclass(frozen=True)
class Unheard:
    """All sessions of a run or of the runs of a protocol; `protocol` names the evidence."""

    recipe: str
    protocol: str
    sessions: list[Session]

    @property
    def clips(self) -> list[Utterance]:
        """The clips of all sessions."""
        return [u for session in self.sessions for u in session.clips]

    def balanced(self, n_clips: int, seed: int = 0) -> "Unheard":
        """At most `n_clips` of each corpus, alike in emotions and speakers; the same for a seed.

        ValueError for fewer than one.
        """
        if n_clips < 1:
            raise ValueError(f"At least one clip of each corpus is judged, not {n_clips}.")
        chosen = set()
        for corpus in {session.corpus for session in self.sessions}:
            clips = [u for s in self.sessions if s.corpus == corpus for u in s.clips]
            chosen |= {u.stem for u in balanced(clips, n_clips, seed)}
        return self.only(lambda u: u.stem in chosen)

    def only(self, is_kept: Callable[[Utterance], bool]) -> "Unheard":
        """The clips for which it is True, and the sessions that have any."""
        kept = [replace(s, clips=tuple(filter(is_kept, s.clips))) for s in self.sessions]
        return replace(self, sessions=[session for session in kept if session.clips])

    def of(self, corpus: str) -> "Unheard":
        """The sessions about a corpus."""
        return replace(self, sessions=[s for s in self.sessions if s.corpus == corpus])


def balanced(clips: Sequence[Utterance], n_clips: int, seed: int = 0) -> list[Utterance]:
    """At most `n_clips`: each time one of the rarest emotion, then of the rarest speaker so far."""
    clips = sorted(clips, key=lambda u: u.stem)
    left = [clips[n] for n in np.random.default_rng(seed).permutation(len(clips))]
    chosen, times = [], dict.fromkeys([x for u in clips for x in (u.emotion, u.speaker)], 0)
    while left and len(chosen) < n_clips:
        first = min(range(len(left)), key=lambda n: _rarity(left[n], times))
        one = left.pop(first)
        chosen.append(one)
        times[one.emotion] += 1
        times[one.speaker] += 1
    return chosen


def _rarity(utterance: Utterance, times: dict[str, int]) -> tuple[int, int]:
    return times[utterance.emotion], times[utterance.speaker]


def run_folders(run: Path) -> list[Path]:
    """The run itself, or those of the cross-validation below; ValueError for neither."""
    if (run / CONFIG_NAME).is_file():
        return [run]
    found = sorted(run.glob("fold-*-seed-*"))
    if not found:
        raise ValueError(f"There is neither a run nor a fold of one in {run}.")
    return found


def unheard(run: Path) -> Unheard:
    """What a run, the folds of a cross-validation, or runs of leave-one-corpus-out never heard.

    A fold is asked about its test clips, a run that left a corpus out about that corpus, weights
    without test clips about corpora that they did not learn; which they learnt is printed. Of
    several seeds the first counts. Raises ValueError where there is no run, where it does not tell
    how it was made, where it has heard its test speakers, and where nobody is left to judge.
    """
    sessions, recipe, protocols, n_folds = [], "", [], 0
    for folder in _of_first_seed(run_folders(run)):
        config = read_config(folder / CONFIG_NAME, f"{folder / CONFIG_NAME}")
        training = config.training
        if missing := set(TOLD) - set(training):
            raise ValueError(f"{folder} does not tell its {' and '.join(sorted(missing))}.")
        recipe, protocol = training["recipe"], training["protocol"]
        protocols.append(protocol_of(folder, training))
        for corpus, clips in clips_of(config, str(folder)).items():
            about = (folder, corpus, training["fold"], training["seed"], tuple(clips))
            sessions.append(Session(*about))
        n_folds = _n_folds(protocol)
    folds = [session.fold for session in sessions]
    return Unheard(recipe, evidence.protocol_name(protocols[0], folds, n_folds), sessions)


def protocol_of(run: Path, training: Mapping) -> str:
    """The name of a run's evidence: its protocol, and what was not learnt, as its folder says."""
    said, protocol = run.resolve().parent.name, training["protocol"]
    return said if said.startswith(f"{protocol}-without-") else protocol


def _of_first_seed(folders: Sequence[Path]) -> list[Path]:
    first = {folder.name.split("-seed-")[0]: folder for folder in reversed(folders)}
    return sorted(first.values())


def _n_folds(protocol: str) -> int:
    if protocol == LEAVE_ONE_CORPUS_OUT:
        return len(LEFT_OUT_IN_TURN)
    return len(make_splits(protocol, load_corpora([MEASURED]), 0))


def clips_of(config: CheckpointConfig, name: str) -> dict[str, list[Utterance]]:
    """Clips that weights may be judged on, by corpus; see `unheard` for which, and for errors."""
    training = config.training
    if training["protocol"] == LEAVE_ONE_CORPUS_OUT:
        corpus = LEFT_OUT_IN_TURN[training["fold"] - 1]
        clips = [u for u in load_corpora([corpus]) if u.emotion in LABELS]
        check_unheard(config, corpus, clips)
        return {corpus: clips}
    if training["protocol"] not in PROTOCOLS:
        raise ValueError(f"{name} was fitted by the unknown protocol {training['protocol']!r}.")
    splits = make_splits(training["protocol"], load_corpora([MEASURED]), training["seed"])
    test = choose_fold(splits, training["fold"]).test
    heard = {s for part in ("train", "validation") for s in training.get(f"{part}_speakers", ())}
    known = heard & {u.speaker for u in test}
    if known and training["protocol"] not in SPEAKER_DEPENDENT:
        raise ValueError(f"{name} has heard the test actors {', '.join(sorted(known))}.")
    return {MEASURED: list(test)} if test else _of_other_corpora(config, name)


def _of_other_corpora(config: CheckpointConfig, name: str) -> dict[str, list[Utterance]]:
    learnt = {*config.training["corpora"], *heard_before(config, "corpora")}
    there = {c: CORPORA[c](data_root()) for c in LEFT_OUT_IN_TURN if c not in learnt}
    found = {
        corpus: sorted((u for u in clips if u.emotion in LABELS), key=lambda u: u.stem)
        for corpus, clips in there.items()
        if clips
    }
    refused = sorted(learnt & set(LEFT_OUT_IN_TURN))
    if not found:
        raise ValueError(
            f"{name} has learned from all speakers of {', '.join(refused)}, and no other corpus is "
            "here: nobody is left to judge."
        )
    print(f"Refused, because {name} has learnt them: {', '.join(refused)}.", file=sys.stderr)
    for corpus, clips in found.items():
        check_unheard(config, corpus, clips)
    return found
