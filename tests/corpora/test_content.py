"""Files that hold the same sound, by what is in them."""

from tests.corpora.corpus_files import touch, write_tone
from train.corpora import (
    data_sha256,
    duplicate_groups,
    load_corpora,
)


def test_duplicates_and_the_data_hash_go_by_content(tmp_path):
    folder = tmp_path / "ravdess" / "Actor_01"
    names = [f"03-01-0{code}-01-01-01-01.wav" for code in (1, 2, 3)]
    for name, data in zip(names, (b"a", b"b", b"a"), strict=True):
        touch(folder / name, data)
    utterances = load_corpora(["ravdess"], tmp_path)
    assert duplicate_groups(utterances) == [[names[0][:-4], names[2][:-4]]]
    before = data_sha256(utterances)
    assert data_sha256(reversed(utterances)) == before
    touch(folder / names[0], b"c")
    assert data_sha256(utterances) != before


def test_one_sound_encoded_twice_by_ogg_is_one_sound(tmp_path):
    """An Ogg file carries a serial number drawn at random, so its bytes differ each time."""
    folder = tmp_path / "emovo"
    for name, frequency_hz in (("dis-f1-b1", 200), ("dis-f1-b2", 200), ("dis-f1-b3", 201)):
        write_tone(folder / f"{name}.ogg", frequency_hz)
    damaged = (folder / "dis-f1-b1.ogg").read_bytes()
    (folder / "dis-f1-l1.ogg").write_bytes(damaged[:-1])
    (folder / "dis-f1-l2.ogg").write_bytes(damaged[:-1])
    (folder / "dis-f1-l3.ogg").write_bytes(damaged[:-1] + b"x")
    (folder / "dis-f1-n1.ogg").write_bytes(b"OggS")
    (folder / "dis-f1-n2.ogg").write_bytes(b"OggX")
    (folder / "dis-f1-n3.ogg").write_bytes(b"")
    one, two = ((folder / f"dis-f1-b{n}.ogg").read_bytes() for n in (1, 2))
    assert one != two
    assert duplicate_groups(load_corpora(["emovo"], tmp_path)) == [
        ["dis-f1-b1", "dis-f1-b2"],
        ["dis-f1-l1", "dis-f1-l2"],
    ]
