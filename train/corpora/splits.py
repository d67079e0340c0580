"""Named protocols: which clips train, which choose, which test. Every split asserts its promise.

A figure without its protocol means nothing in this field: with every speaker on both sides of
the split the same model scores 7 to 18 points higher.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import train_test_split

from ser.checkpoints.checkpoint import PRIMARY
from ser.labels import LABELS
from train.corpora import Utterance, duplicate_groups


@dataclass(frozen=True)
class Split:
    """One fold. `test` is empty where a model is made to be shipped rather than measured."""

    protocol: str
    fold: int
    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]

    @property
    def parts(self) -> dict[str, tuple[Utterance, ...]]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


# EmoBox (arXiv:2406.07162), RAVDESS folds: test actors; then our validation actors, two men and
# two women of the other twenty. Each actor validates exactly once.
EMOBOX_FOLDS = (
    ((1, 11, 20, 21), (3, 5, 4, 10)),
    ((4, 10, 12, 14), (1, 11, 2, 6)),
    ((8, 9, 19, 23), (7, 13, 12, 14)),
    ((3, 5, 7, 24), (9, 15, 8, 16)),
    ((2, 15, 16, 18), (17, 19, 20, 22)),
    ((6, 13, 17, 22), (21, 23, 18, 24)),
)
# Luna-Jimenez et al. (Sensors 21(22):7665, 2021); validation of one man and one woman.
LUNA_FOLDS = (
    ((2, 5, 14, 15, 16), (1, 8)),
    ((3, 6, 7, 13, 18), (11, 2)),
    ((10, 11, 12, 19, 20), (3, 6)),
    ((8, 17, 21, 23, 24), (5, 14)),
    ((1, 4, 9, 22), (7, 10)),
)
# For the founding weights: twenty actors fit them, four stop them, none is left to test them.
SHIP_FOLDS = (((), (7, 13, 12, 14)),)

# For the last fit, on all actors: what there is to choose was chosen on the folds of another one.
ALL_FOLDS = (((), ()),)
REHEARSED_ON = {"ship-24": (PRIMARY, range(1, len(EMOBOX_FOLDS) + 1))}

RANDOM_SIZES = (1008, 216, 216)


def random_70_15_15(utterances: Sequence[Utterance], seed: int) -> list[Split]:
    """Draw 1,008 / 216 / 216 clips, stratified by emotion; speaker-dependent, another draw a seed.

    Comparable only to the founding report. Identical files stay on one side.
    """
    if len(utterances) != sum(RANDOM_SIZES):
        raise ValueError(f"random-70-15-15 is defined on 1,440 clips, not {len(utterances)}.")
    emotions = [u.emotion for u in utterances]
    n_train, n_validation, n_test = RANDOM_SIZES
    train, rest = train_test_split(
        range(len(utterances)),
        test_size=n_validation + n_test,
        stratify=emotions,
        random_state=seed,
    )
    validation, test = train_test_split(
        rest, test_size=n_test, stratify=[emotions[i] for i in rest], random_state=seed
    )
    side = np.empty(len(utterances), dtype=int)
    for number, indices in enumerate((train, validation, test)):
        side[indices] = number
    _unite_duplicates(side, utterances, np.random.default_rng(seed))
    parts = (
        tuple(u for u, s in zip(utterances, side, strict=True) if s == number)
        for number in range(3)
    )
    return [_checked(Split("random-70-15-15", 1, *parts), speakers_apart=False)]


def _unite_duplicates(
    side: np.ndarray, utterances: Sequence[Utterance], rng: np.random.Generator
) -> None:
    """Bring identical files to one side, each exchanged with another clip of its emotion there."""
    index = {u.stem: i for i, u in enumerate(utterances)}
    groups = duplicate_groups(utterances)
    taken = {index[stem] for group in groups for stem in group}
    for group in groups:
        first, *others = (index[stem] for stem in group)
        for other in others:
            if side[other] == side[first]:
                continue
            partners = [
                i
                for i, u in enumerate(utterances)
                if side[i] == side[first]
                and i not in taken
                and u.emotion == utterances[other].emotion
            ]
            partner = rng.choice(partners)
            side[partner], side[other] = side[other], side[first]


def _by_actor(protocol: str, folds: tuple) -> Callable[[Sequence[Utterance], int], list[Split]]:
    def splits(utterances: Sequence[Utterance], seed: int) -> list[Split]:
        del seed  # the folds are fixed
        made = []
        for number, (test_actors, validation_actors) in enumerate(folds, start=1):
            test = {f"ravdess-{actor:02d}" for actor in test_actors}
            validation = {f"ravdess-{actor:02d}" for actor in validation_actors}
            made.append(
                _checked(
                    Split(
                        protocol,
                        number,
                        tuple(u for u in utterances if u.speaker not in test | validation),
                        tuple(u for u in utterances if u.speaker in validation),
                        tuple(u for u in utterances if u.speaker in test),
                    ),
                    speakers_apart=True,
                )
            )
        return made

    return splits


def leave_one_corpus_out(utterances: Sequence[Utterance]) -> list[Split]:
    """Each of `LEFT_OUT_IN_TURN` is judged whole by what learnt the others.

    Nobody validates: what there is to choose is chosen by leaving one out among the others. Clips
    of an emotion outside the eight take no part. Raises ValueError where a corpus is missing.
    """
    utterances = [u for u in utterances if u.emotion in LABELS]
    identical, splits = duplicate_groups(utterances), []
    for number, name in enumerate(LEFT_OUT_IN_TURN, start=1):
        test = tuple(u for u in utterances if u.corpus == name)
        if not test:
            raise ValueError(f"{LEAVE_ONE_CORPUS_OUT} judges {name}: name it among the corpora.")
        others = [u for u in utterances if u.corpus != name]
        alone = Split(LEAVE_ONE_CORPUS_OUT, number, (), (), test)
        splits.append(_with_more_to_learn(alone, others, identical))
        _check_contents(splits[-1], identical)
    return splits


PROTOCOLS: dict[str, Callable[[Sequence[Utterance], int], list[Split]]] = {
    PRIMARY: _by_actor(PRIMARY, EMOBOX_FOLDS),
    "luna-5fold": _by_actor("luna-5fold", LUNA_FOLDS),
    "random-70-15-15": random_70_15_15,
    "ship-20-4": _by_actor("ship-20-4", SHIP_FOLDS),
    "ship-24": _by_actor("ship-24", ALL_FOLDS),
}
SPEAKER_DEPENDENT = {"random-70-15-15"}


LEAVE_ONE_CORPUS_OUT = "leave-one-corpus-out"
LEFT_OUT_IN_TURN = ("ravdess", "cremad", "tess", "emodb", "emovo")
VALIDATING = 5
UNREHEARSED = {*SPEAKER_DEPENDENT, LEAVE_ONE_CORPUS_OUT}  # that choose once, and refit nothing

MEASURED = "ravdess"  # the corpus that the protocols are about


def make_splits(protocol: str, utterances: Sequence[Utterance], seed: int) -> list[Split]:
    """All folds of a named protocol; ValueError for an unknown name.

    Utterances of other corpora are training data only: never of a speaker or group that is held
    out, never a file identical to one that is.
    """
    if protocol == LEAVE_ONE_CORPUS_OUT:
        return leave_one_corpus_out(utterances)
    if protocol not in PROTOCOLS:
        known = sorted([*PROTOCOLS, LEAVE_ONE_CORPUS_OUT])
        raise ValueError(f"Unknown protocol {protocol!r}: choose from {known}.")
    measured = [u for u in utterances if u.corpus == MEASURED]
    others = [u for u in utterances if u.corpus != MEASURED]
    if not measured:
        raise ValueError(f"{protocol} measures on {MEASURED}: name it among the corpora.")
    identical = duplicate_groups(utterances)
    splits = PROTOCOLS[protocol](measured, seed)
    if others:
        splits = [_with_more_to_learn(split, others, identical) for split in splits]
    for split in splits:
        _check_contents(split, identical)
    return splits


def choose_fold(splits: Sequence[Split], fold: int) -> Split:
    """The fold of that number, counted from 1; ValueError where there is none."""
    for split in splits:
        if split.fold == fold:
            return split
    raise ValueError(f"{splits[0].protocol} has folds 1 to {len(splits)}, not {fold}.")


def with_some_validating(split: Split) -> Split:
    """The split in which one in `VALIDATING` speakers of each corpus that is learnt validates."""
    corpora = {}
    for u in split.train:
        corpora.setdefault(u.corpus, set()).add(u.speaker)
    chosen = {
        name
        for speakers in corpora.values()
        for name in sorted(speakers)[VALIDATING - 1 :: VALIDATING]
    }
    train, validation = (
        tuple(u for u in split.train if (u.speaker in chosen) == validates)
        for validates in (False, True)
    )
    return _checked(replace(split, train=train, validation=validation), speakers_apart=True)


def with_validation(split: Split, utterances: Sequence[Utterance]) -> Split:
    """The split whose validation clips are learnt too, and what was left out for their sake."""
    measured = tuple(u for u in split.train + split.validation if u.corpus == MEASURED)
    others = [u for u in utterances if u.corpus != MEASURED]
    whole = replace(split, train=measured, validation=())
    return _with_more_to_learn(whole, others, duplicate_groups(utterances)) if others else whole


def _with_more_to_learn(
    split: Split, others: Sequence[Utterance], identical: Sequence[Sequence[str]]
) -> Split:
    held_out = (*split.validation, *split.test)
    names = {name for u in held_out for name in (u.stem, *_bonds(u))}
    names |= {stem for group in identical if names & set(group) for stem in group}
    more = tuple(u for u in others if not names & {u.stem, *_bonds(u)})
    apart = split.protocol not in SPEAKER_DEPENDENT
    return _checked(replace(split, train=split.train + more), speakers_apart=apart)


def _bonds(utterance: Utterance) -> tuple[str, ...]:
    """What ties a clip to one side: its speaker, and its group where it has one."""
    return tuple(filter(None, (utterance.speaker, utterance.group)))


def _checked(split: Split, speakers_apart: bool) -> Split:
    """Assert that nothing stands on two sides: no clip, no speaker, no group."""
    side_of: dict[str, str] = {}
    for side, part in split.parts.items():
        for utterance in part:
            for name in (utterance.stem, *(_bonds(utterance) if speakers_apart else ())):
                if side_of.setdefault(name, side) != side:
                    raise AssertionError(f"{split.protocol} fold {split.fold}: {name} on two sides")
    return split


def _check_contents(split: Split, identical: Sequence[Sequence[str]]) -> None:
    """Assert that the clips of each group of identical files stand on one side, if on any."""
    side_of = {u.stem: side for side, part in split.parts.items() for u in part}
    for group in identical:
        if len({side_of[stem] for stem in group if stem in side_of}) > 1:
            raise AssertionError(
                f"{split.protocol} fold {split.fold}: identical files {group} on two sides"
            )
