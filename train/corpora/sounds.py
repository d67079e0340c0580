"""What is no voice, by class: folders of the noise beside the corpora, and of free Debian packages.

The packages are fetched and unpacked by hand (docs/training.md names them and their licences);
`gather` takes out of them what is listed here. Nothing that holds a voice is.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from train.corpora.noise import NOISE
from train.corpora.utterance import CorpusError, audio_files
from train.places import data_root

LICENCES = "licences.json"
SILENT = "silence.ogg"  # a file of Wesnoth
# Class -> package, licence, which of its files, and which of those or of what is inside a .rcc.
PACKAGES = {
    "orchestral_music": (
        "wesnoth-1.16-music",
        "GPL-2",
        "usr/share/games/wesnoth/*/data/core/music/*.ogg",
        ("*",),
    ),
    "electronic_music": (
        "asterisk-moh-opsound-wav",
        "CC-BY-SA-3.0",
        "usr/share/asterisk/moh/*.wav",
        ("*",),
    ),
    "instruments": (
        "gcompris-qt-data",
        "GPL-3+; drum_kit CC-sampling-plus-1.0",
        "usr/share/gcompris-qt/rcc/instruments.rcc",
        ("*.ogg",),
    ),
    "animals": (
        "gcompris-qt-data",
        "GPL-3+; LR*: Free Art License",
        "usr/share/gcompris-qt/rcc/*.rcc",
        (*(f"{name}.ogg" for name in ("owl", "pig", "chickens", "cat", "horse", "cow", "dog")),)
        + ("duck.ogg", "sheep.ogg", "LRBark*.ogg", "LRFrogs*.ogg"),
    ),
    "machines": (
        "gcompris-qt-data",
        "GPL-3+ and CC-BY-3.0; LR*: Free Art License",
        "usr/share/gcompris-qt/rcc/*.rcc",
        ("LRFactory*.ogg", "LRTrain*.ogg", "LRStart*.ogg", "LRDoor*.ogg", "LRRing*.ogg")
        + ("LRHits*.ogg", "LRObject*.ogg", "helicopter.wav", "train.wav", "car.wav")
        + ("metal_hit.wav", "door_*.wav", "lock.wav", "pickaxe.wav"),
    ),
}


def sounds_root() -> Path:
    """Where gathered sounds lie: `SER_SOUNDS`, else ~/.cache/ser/sounds."""
    return Path(os.environ.get("SER_SOUNDS") or Path.home() / ".cache/ser/sounds").expanduser()


def sound_files() -> dict[str, list[Path]]:
    """Files of each class, by name; CorpusError where there is no class at all."""
    found = {}
    for root in (data_root() / NOISE, sounds_root()):
        for folder in sorted(path for path in root.glob("*/") if path.is_dir()):
            if files := sorted(audio_files(folder)):
                found.setdefault(folder.name, []).extend(files)
    if not found:
        raise CorpusError(
            f"No sounds in {data_root() / NOISE} or {sounds_root()}: put them there, a folder a "
            "class, or gather them with `python -m train sounds`."
        )
    return found


def gather(unpacked: Path, into: Path | None = None) -> dict[str, int]:
    """Copy the listed sounds out of unpacked packages; how many of each class.

    `unpacked` holds a folder for each package, by its name. Raises CorpusError where one is missing
    or holds none of what is listed.
    """
    into = into or sounds_root()
    counts, licences = {}, {}
    for name, (package, licence, pattern, wanted) in PACKAGES.items():
        files = list(_files(unpacked / package, pattern, wanted))
        if not files:
            raise CorpusError(
                f"No {name} in {unpacked / package}: `apt-get download {package}` and `dpkg -x` "
                "its file into that folder first."
            )
        folder = into / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files:
            (folder / file).write_bytes(data)
        counts[name], licences[name] = len(files), f"Debian {package}: {licence}"
    (into / LICENCES).write_text(json.dumps(licences, indent=2) + "\n")
    return counts


def _files(root: Path, pattern: str, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.glob(pattern)):
        inside = resources(path.read_bytes()) if path.suffix == ".rcc" else [(path.name, None)]
        for name, data in inside:
            if name != SILENT and any(fnmatch(name, one) for one in wanted):
                yield name, path.read_bytes() if data is None else data


def resources(rcc: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in Qt's binary resource format, versions 1 to 3.

    Raises CorpusError for anything else. What is packed with Zstandard is passed over.
    """
    try:
        magic, version, tree, data, names = struct.unpack_from(">4s4I", rcc)
        if magic != b"qres" or version not in (1, 2, 3):
            raise CorpusError("This is no resource file of Qt's versions 1 to 3.")
        yield from _walk(rcc, tree, data, names, 22 if version > 1 else 14, 0)
    except (struct.error, IndexError, zlib.error, UnicodeDecodeError, RecursionError) as error:
        raise CorpusError(f"This resource file is damaged: {error}.") from error


def _walk(
    rcc: bytes, tree: int, data: int, names: int, size: int, node: int
) -> Iterator[tuple[str, bytes]]:
    at = tree + node * size
    name_at, flags = struct.unpack_from(">IH", rcc, at)
    if flags & 2:  # a folder: how many, and the first of them
        n, first = struct.unpack_from(">II", rcc, at + 6)
        for child in range(first, first + n):
            if child <= node:
                raise CorpusError("This resource file is damaged: a folder holds itself.")
            yield from _walk(rcc, tree, data, names, size, child)
        return
    (start,) = struct.unpack_from(">I", rcc, at + 10)
    (length,) = struct.unpack_from(">I", rcc, data + start)
    content = rcc[data + start + 4 : data + start + 4 + length]
    if flags & 4:
        return
    (n_letters,) = struct.unpack_from(">H", rcc, names + name_at)
    name = rcc[names + name_at + 6 : names + name_at + 6 + 2 * n_letters].decode("utf-16-be")
    yield Path(name).name, zlib.decompress(content[4:]) if flags & 1 else content
