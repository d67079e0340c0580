"""Corpora as they lie on a disk, official or re-encoded."""

import csv

import pytest

from ser.labels import LABELS
from train.corpora import (
    CorpusError,
    RavdessName,
    data_sha256,
    duplicate_groups,
    load_corpora,
    ravdess,
)


def touch(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_a_ravdess_name_says_seven_things():
    name = RavdessName.parse("03-01-06-02-01-02-12")
    assert name == RavdessName(3, 1, "fearful", 2, 1, 2, 12)
    assert name.sex == "f"
    assert RavdessName.parse("03-01-01-01-01-01-01").sex == "m"


def test_label_order_is_the_ravdess_code_minus_one():
    for code, label in enumerate(LABELS, start=1):
        assert RavdessName.parse(f"03-01-{code:02d}-01-01-01-01").emotion == label


@pytest.mark.parametrize(
    "stem",
    [
        "03-01-09-01-01-01-01",
        "03-01-00-01-01-01-01",
        "03-01-01-03-01-01-01",
        "03-01-01-01-01-01-25",
        "03-01-01-01-01-01",
        "3-1-1-1-1-1-1",
        "03-01-01-01-01-01-01 (1)",
        "04-01-01-01-01-01-01",
    ],
)
def test_other_names_are_no_ravdess(stem):
    assert RavdessName.parse(stem) is None


def test_only_spoken_audio_counts_whatever_the_extension(tmp_path):
    folder = tmp_path / "ravdess" / "Actor_01"
    for name in (
        "03-01-01-01-01-01-01.wav",
        "03-01-02-01-01-01-01.FLAC",
        "03-02-02-01-01-01-01.wav",  # song
        "01-01-02-01-01-01-01.wav",  # video's sound
        "03-01-03-01-01-01-01.txt",
        "notes.wav",
    ):
        touch(folder / name)
    found = load_corpora(["ravdess"], tmp_path)
    assert [u.emotion for u in found] == ["neutral", "calm"]
    assert {(u.speaker, u.sex, u.corpus) for u in found} == {("ravdess-01", "m", "ravdess")}


def test_a_missing_corpus_says_what_to_do(tmp_path):
    with pytest.raises(CorpusError, match="prepare"):
        load_corpora(["ravdess"], tmp_path)
    with pytest.raises(CorpusError, match="ravdess"):
        load_corpora(["ravdes"], tmp_path)


def test_duplicates_and_the_data_hash_go_by_content(tmp_path):
    folder = tmp_path / "ravdess" / "Actor_01"
    names = [f"03-01-0{code}-01-01-01-01.wav" for code in (1, 2, 3)]
    for name, data in zip(names, (b"a", b"b", b"a"), strict=True):
        touch(folder / name, data)
    utterances = ravdess(tmp_path)
    assert duplicate_groups(utterances) == [[names[0][:-4], names[2][:-4]]]
    before = data_sha256(utterances)
    assert data_sha256(reversed(utterances)) == before
    touch(folder / names[0], b"c")
    assert data_sha256(utterances) != before


def test_the_real_corpus_is_what_it_is_known_to_be(ravdess):
    assert len(ravdess) == 1440
    counts = [sum(u.emotion == label for u in ravdess) for label in LABELS]
    assert counts == [96] + [192] * 7
    assert len({u.speaker for u in ravdess}) == 24
    assert duplicate_groups(ravdess) == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]


def test_the_naming_scheme_agrees_with_an_independent_table(corpora_root):
    """The song half of the release comes with a manifest; its names follow the same codes."""
    with (corpora_root / "ravdess_song" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1012
    for row in rows:
        name = RavdessName.parse(row["file"].split(".")[0])
        emotion = {"fear": "fearful"}.get(row["emotion"], row["emotion"])
        assert (name.channel, name.emotion, name.sex) == (2, emotion, row["sex"])
