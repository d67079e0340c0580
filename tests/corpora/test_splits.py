"""Every protocol keeps its promise, on the real file list."""

import hashlib
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ser.labels import LABELS
from train.corpora import Utterance, duplicate_groups, load_corpora, splits
from train.corpora.splits import PROTOCOLS, SPEAKER_DEPENDENT, Split, make_splits

SPEAKERS_APART = sorted(set(PROTOCOLS) - SPEAKER_DEPENDENT)


@pytest.fixture(scope="module")
def listed(tmp_path_factory) -> list[Utterance]:
    """RAVDESS's 1,440 names without its sounds, its one duplicate included."""
    root = tmp_path_factory.mktemp("ravdess")
    made = []
    for actor in range(1, 25):
        for code in range(1, 9):
            for intensity in (1, 2) if code > 1 else (1,):
                for statement in (1, 2):
                    for repetition in (1, 2):
                        stem = f"03-01-{code:02d}-{intensity:02d}-{statement:02d}"
                        stem += f"-{repetition:02d}-{actor:02d}"
                        path = root / f"{stem}.wav"
                        same = stem in ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")
                        path.write_text("same" if same else stem)
                        speaker = f"ravdess-{actor:02d}"
                        sex = "m" if actor % 2 else "f"
                        made.append(Utterance(path, LABELS[code - 1], speaker, sex, "ravdess"))
    return made


@pytest.mark.parametrize(("protocol", "n_folds"), [("emobox-6fold", 6), ("luna-5fold", 5)])
def test_actors_stay_apart_and_each_is_tested_once(listed, protocol, n_folds):
    made = make_splits(protocol, listed, seed=0)
    assert [s.fold for s in made] == list(range(1, n_folds + 1))
    tested = [u.stem for s in made for u in s.test]
    assert sorted(tested) == sorted(u.stem for u in listed)
    for split in made:
        speakers = [{u.speaker for u in part} for part in split.parts.values()]
        assert not (speakers[0] & speakers[1] | speakers[0] & speakers[2])
        assert not speakers[1] & speakers[2]
        assert sum(map(len, split.parts.values())) == 1440


def test_emobox_folds_are_the_published_ones_and_validate_two_men_and_two_women(listed):
    tests = [{1, 11, 20, 21}, {4, 10, 12, 14}, {8, 9, 19, 23}, {3, 5, 7, 24}]
    tests += [{2, 15, 16, 18}, {6, 13, 17, 22}]
    made = make_splits("emobox-6fold", listed, seed=0)
    for split, expected in zip(made, tests, strict=True):
        assert {u.speaker for u in split.test} == {f"ravdess-{a:02d}" for a in expected}
        by_sex = [{u.speaker for u in split.validation if u.sex == sex} for sex in "mf"]
        assert [len(s) for s in by_sex] == [2, 2]
    validated = [u.speaker for split in made for u in split.validation]
    assert len(set(validated)) == 24


def test_the_shipped_model_has_twenty_actors_and_four_to_stop_it(listed):
    (split,) = make_splits("ship-20-4", listed, seed=0)
    assert len({u.speaker for u in split.train}) == 20
    assert len({u.speaker for u in split.validation}) == 4
    assert not split.test


@pytest.mark.parametrize("seed", range(12))
def test_the_random_protocol_is_stratified_and_keeps_duplicates_together(listed, seed):
    (split,) = make_splits("random-70-15-15", listed, seed)
    assert [len(part) for part in split.parts.values()] == [1008, 216, 216]
    for part, share in zip(split.parts.values(), (0.7, 0.15, 0.15), strict=True):
        counts = np.array([sum(u.emotion == label for u in part) for label in LABELS])
        np.testing.assert_allclose(counts, share * np.array([96] + [192] * 7), atol=1)
    pair = {"03-01-03-01-02-01-07", "03-01-03-01-02-02-07"}
    assert any(pair <= {u.stem for u in part} for part in split.parts.values())


def test_the_random_protocol_is_another_draw_a_seed_and_the_same_for_one(listed):
    draws = [make_splits("random-70-15-15", listed, seed)[0].test for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_a_broken_promise_is_noticed(listed):
    (split,) = make_splits("ship-20-4", listed, seed=0)
    with pytest.raises(AssertionError, match="two sides"):
        splits._checked(replace(split, test=split.train[:1]), speakers_apart=True)
    other = replace(split.validation[0], path=Path("new.wav"))
    leaky = Split("leaky", 1, (*split.train, other), split.validation, ())
    with pytest.raises(AssertionError, match="ravdess-"):
        splits._checked(leaky, speakers_apart=True)


def test_duplicates_on_two_sides_are_noticed(listed):
    first, second = (u for u in listed if u.path.read_text() == "same")
    with pytest.raises(AssertionError, match="identical"):
        splits._check_contents(
            Split("leaky", 1, (first,), (second,), ()), duplicate_groups([first, second])
        )


def test_a_clip_under_two_actors_is_noticed(listed, tmp_path):
    """As in a download that was put together by hand."""
    path = tmp_path / f"{listed[-1].stem}.wav"
    path.write_text(listed[0].path.read_text())
    with pytest.raises(AssertionError, match="identical"):
        make_splits("emobox-6fold", [*listed[:-1], replace(listed[-1], path=path)], seed=0)


def test_a_group_on_two_sides_is_noticed(listed):
    one, two = (replace(u, speaker=u.stem, group="session") for u in listed[:2])
    with pytest.raises(AssertionError, match="session"):
        splits._checked(Split("leaky", 1, (one,), (two,), ()), speakers_apart=True)


# --- with other corpora -----------------------------------------------------------------------


def sides(split, key) -> list[set]:
    """What each part holds, by whatever `key` says of a clip."""
    return [{key(u) for u in part} for part in split.parts.values()]


def none_shared(parts) -> bool:
    return not any(one & two for one, two in combinations(parts, 2))


def song_of(listed: list[Utterance], folder: Path) -> list[Utterance]:
    """A song by each actor."""
    made = []
    for actor in range(1, 25):
        path = folder / f"03-02-01-01-01-01-{actor:02d}.wav"
        path.write_text(path.stem)
        speaker = f"ravdess-{actor:02d}"
        made.append(Utterance(path, "neutral", speaker, "m", "ravdess-song"))
    return made


@pytest.mark.parametrize("protocol", SPEAKERS_APART)
def test_an_actor_who_is_held_out_is_not_heard_singing(listed, tmp_path, protocol):
    songs = song_of(listed, tmp_path)
    for split in make_splits(protocol, [*listed, *songs], seed=0):
        assert none_shared(sides(split, lambda u: u.speaker))
        sung = [u for u in split.train if u.corpus == "ravdess-song"]
        assert {u.speaker for u in sung} == {
            u.speaker for u in split.train if u.corpus == "ravdess"
        }
        assert len(sung) == 24 - len({u.speaker for u in (*split.validation, *split.test)})


def test_a_session_that_is_held_out_is_not_heard_at_all(listed, tmp_path):
    partner = replace(song_of(listed, tmp_path)[0], speaker="other-1", group="session-1")
    clips = [replace(u, group="session-1") if u.speaker == "ravdess-01" else u for u in listed]
    for split in make_splits("emobox-6fold", [*clips, partner], seed=0):
        assert (partner in split.train) == ("ravdess-01" in {u.speaker for u in split.train})
        assert none_shared(sides(split, lambda u: u.group or u.stem))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_held_out_clip_does_not_come_back_in_another_corpus(listed, tmp_path, protocol):
    """Copies under another name and speaker are learnt only where the original is."""
    copies = []
    for original in listed[::5]:
        path = tmp_path / f"copy-of-{original.stem}.wav"
        shutil.copy(original.path, path)
        copies.append(Utterance(path, original.emotion, "other-1", "f", "other"))
    content = {u: u.path.read_bytes() for u in [*listed, *copies]}
    for split in make_splits(protocol, [*listed, *copies], seed=0):
        held_out = {content[u] for u in (*split.validation, *split.test)}
        assert set(copies) & set(split.train) == {c for c in copies if content[c] not in held_out}
        assert none_shared(sides(split, content.get))


@pytest.fixture(scope="module")
def real(corpora_root) -> list[Utterance]:
    """Every clip of the public corpora."""
    names = ("ravdess", "ravdess-song", "cremad", "tess", "emodb", "emovo")
    return load_corpora(names, corpora_root)


@pytest.fixture(scope="module")
def sound(real) -> dict[str, bytes]:
    """What each real file holds, by stem, hashed without the project's help."""
    return {u.stem: hashlib.sha256(u.path.read_bytes()).digest() for u in real}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_speaker_and_no_duplicate_of_the_real_corpora_crosses_a_split(real, sound, protocol):
    alone = make_splits(protocol, [u for u in real if u.corpus == "ravdess"], seed=0)
    together = make_splits(protocol, real, seed=0)
    for one, more in zip(alone, together, strict=True):
        assert (more.validation, more.test) == (one.validation, one.test)
        assert set(one.train) < set(more.train)
        assert none_shared(sides(more, lambda u: u.stem))
        assert none_shared(sides(more, lambda u: sound[u.stem]))
        if protocol in SPEAKERS_APART:
            assert none_shared(sides(more, lambda u: u.speaker))
        assert {u.corpus for u in more.train} >= {"cremad", "tess", "emodb", "emovo"}


def test_wrong_names_and_sizes(listed):
    with pytest.raises(ValueError, match="emobox-6fold"):
        make_splits("emobox", listed, seed=0)
    with pytest.raises(ValueError, match="1,440"):
        make_splits("random-70-15-15", listed[:100], seed=0)
