"""Sounds that are no voice, out of packages: Qt's resource files, and what is missing."""

import json
import struct
import zlib

import pytest

from train.__main__ import main
from train.corpora import CorpusError, sounds


def resource_file(files, version=3):
    """A Qt resource file that holds `files` (name -> content, flags) in one folder."""
    names, data, tree = b"", b"", []
    for name, (content, flags) in files.items():
        tree.append((len(names), flags, len(data)))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        packed = struct.pack(">I", len(content)) + zlib.compress(content) if flags & 1 else content
        data += struct.pack(">I", len(packed)) + packed
    after = 8 if version > 1 else 0
    nodes = struct.pack(">IHII", 0, 2, len(files), 1) + bytes(after)
    for name_at, flags, data_at in tree:
        nodes += struct.pack(">IHHHI", name_at, flags, 0, 0, data_at) + bytes(after)
    head = 24 if version > 2 else 20
    starts = (head, head + len(nodes), head + len(nodes) + len(data))
    return struct.pack(">4s4I", b"qres", version, *starts) + bytes(head - 20) + nodes + data + names


@pytest.mark.parametrize("version", [1, 2, 3])
def test_files_come_out_of_a_resource_file(version):
    files = {"cow.ogg": (b"moo", 0), "long.wav": (b"bah" * 99, 1), "zstd.ogg": (b"?", 4)}
    found = dict(sounds.resources(resource_file(files, version)))
    assert found == {"cow.ogg": b"moo", "long.wav": b"bah" * 99}


@pytest.mark.parametrize("cut", [0, 3, 10, 30, 50])
def test_a_damaged_resource_file_is_a_sentence(cut):
    whole = resource_file({"cow.ogg": (b"moo" * 50, 1)})
    for data in (whole[:cut], b"RIFF" + whole[4:]):
        with pytest.raises(CorpusError, match="resource file"):
            list(sounds.resources(data))


def test_a_folder_that_holds_itself_is_refused():
    data = bytearray(resource_file({"cow.ogg": (b"moo", 0)}))
    data[24:38] = struct.pack(">IHII", 0, 2, 1, 0)
    with pytest.raises(CorpusError, match="holds itself"):
        list(sounds.resources(bytes(data)))


def test_sounds_are_gathered_by_class_with_their_licences(tmp_path, monkeypatch, capsys):
    game = tmp_path / "wesnoth-1.16-music/usr/share/games/wesnoth/1.16/data/core/music"
    moh = tmp_path / "asterisk-moh-opsound-wav/usr/share/asterisk/moh"
    rcc = tmp_path / "gcompris-qt-data/usr/share/gcompris-qt/rcc"
    for folder in (game, moh, rcc):
        folder.mkdir(parents=True)
    (game / "battle.ogg").write_bytes(b"1")
    (game / "silence.ogg").write_bytes(b"0")
    (moh / "day.wav").write_bytes(b"2")
    (rcc / "instruments.rcc").write_bytes(resource_file({"harp.ogg": (b"3", 0)}))
    animals = {"cow.ogg": (b"4", 0), "words.ogg": (b"voice", 0), "car.wav": (b"5", 0)}
    (rcc / "farm.rcc").write_bytes(resource_file(animals))
    monkeypatch.setenv("SER_SOUNDS", str(tmp_path / "sounds"))
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))
    assert main(["sounds", str(tmp_path)]) == 0
    assert "1 of animals" in capsys.readouterr().out
    found = {name: [p.name for p in paths] for name, paths in sounds.sound_files().items()}
    assert found == {
        "animals": ["cow.ogg"],
        "electronic_music": ["day.wav"],
        "instruments": ["harp.ogg"],
        "machines": ["car.wav"],
        "orchestral_music": ["battle.ogg"],
    }
    licences = json.loads((tmp_path / "sounds/licences.json").read_text())
    assert set(licences) == set(found) and all("Debian" in text for text in licences.values())


def test_what_is_missing_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SER_SOUNDS", str(tmp_path / "sounds"))
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))
    with pytest.raises(CorpusError, match="python -m train sounds"):
        sounds.sound_files()
    assert main(["sounds", str(tmp_path)]) == 1
    assert "apt-get download wesnoth-1.16-music" in capsys.readouterr().err
