"""The table of what is at hand: `python -m train corpora`."""

import pytest

from ser.labels import LABELS
from tests.corpora.corpus_files import PUBLIC, write_tone
from train.__main__ import main
from train.corpora import (
    CORPORA,
)


def test_the_table_counts_clips_speakers_classes_and_faults(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "emodb" / "wav"
    for number, stem in enumerate(("03a01Fa", "03a01La", "08a01Wa")):
        write_tone(folder / f"{stem}.wav", 200 + 100 * number)
    (folder / "08a02Wa.wav").write_bytes((folder / "08a01Wa.wav").read_bytes())
    (folder / "16a02Na.wav").write_bytes(b"RIFF, and nothing more")
    write_tone(tmp_path / "emovo" / "rab-m2-n5.wav", 200)  # the bytes of 03a01Fa
    write_tone(tmp_path / "emovo" / "dis-f1-b1.wav", 300, duration_s=36)
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    assert main(["corpora", "emodb", "emovo", "savee"]) == 0
    head, emodb, emovo, *notes = capsys.readouterr().out.splitlines()
    cells = dict(
        zip(head.replace(" (m/f)", "").split(), emodb.replace(" (", "(").split(), strict=True)
    )
    assert cells == {
        **{"corpus": "emodb", "clips": "5", "hours": "0.00", "speakers": "3(1/2)"},
        **{"language": "de", "duplicates": "1", "unreadable": "1", "boredom": "1"},
        **{label: "0" for label in LABELS},
        **{"happy": "1", "angry": "2", "neutral": "1"},
    }
    assert emovo.split()[:4] == ["emovo", "2", "0.01", "2"]
    notes = "\n".join(notes)
    assert f"emodb: {folder / '16a02Na.wav'} cannot be read. " in notes
    assert "emodb: identical files 08a01Wa = 08a02Wa." in notes
    assert "identical files in several corpora: 03a01Fa = rab-m2-n5." in notes
    assert "savee is not here. Register" in notes


def test_what_many_files_have_in_common_is_said_once(tmp_path, monkeypatch, capsys):
    for number in range(7):
        for folder in ("wav", "wav/wav"):
            path = tmp_path / "emodb" / folder / f"03a0{number}Fa.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"words %d, and no sound" % number)
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    assert main(["corpora", "emodb"]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if "emodb:" in line]
    assert len(notes) == 2
    assert "7 files cannot be read, such as" in notes[0] and "03a00Fa.wav" in notes[0]
    assert "7 clips lie there more than once" in notes[1]


def test_the_table_knows_no_other_corpora(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    assert main(["corpora", "savvy"]) == 1
    assert "Unknown corpus 'savvy'" in capsys.readouterr().err
    assert main(["corpora"]) == 0
    out = capsys.readouterr().out
    # how to get each, and background sounds
    assert [line.split()[0] for line in out.splitlines()] == [*CORPORA, "noise"]
    write_tone(tmp_path / "noise" / "rain.wav", 200)
    assert main(["corpora"]) == 0
    assert f"noise: 1 background sounds in {tmp_path / 'noise'}." in capsys.readouterr().out


@pytest.mark.slow
def test_every_clip_of_the_public_corpora_can_be_read(corpora_root, capsys):
    assert main(["corpora", *PUBLIC]) == 0
    head, *rows = capsys.readouterr().out.splitlines()[: 1 + len(PUBLIC)]
    assert head.split()[-2:] == ["duplicates", "unreadable"]
    assert [row.split()[0] for row in rows] == list(PUBLIC)
    assert [row.split()[2] for row in rows] == ["1.48", "1.31", "5.25", "1.60", "0.41", "0.51"]
    assert [row.split()[-2:] for row in rows] == [["1", "0"], *[["0", "0"]] * 5]
