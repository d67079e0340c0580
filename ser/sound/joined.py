"""Files put end to end: where each of them begins.

libsndfile reads the first of them and takes its end for that of the sound: of chained Ogg, FLAC,
WAV, AIFF, AU and CAF, of MP3 whose first frame counts the others, and of MP3 whose form changes.
"""

import io
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from ser.sound.errors import UnreadableAudioError
from ser.sound.mp3 import mp3_files

MOST_PIECES = 1000  # so that no file costs much
CHUNK_BYTES = 1 << 20
FLAC_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # with its first block, which has 34 bytes

Piece = tuple[int, int]  # bytes [start, stop)


class Slice:
    """Bytes [start, stop) of a file as a file of its own, without a name."""

    def __init__(self, file: BinaryIO, start: int, stop: int):
        self._file, self._start, self._stop, self._at = file, start, stop, 0

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; gives where that is."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stop - self._start}
        self._at = max(0, base[whence] + place)
        return self._at

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def read(self, n_bytes: int = -1) -> bytes:
        """Read as many bytes, or as there are."""
        n_left = max(0, self._stop - self._start - self._at)
        n_bytes = n_left if n_bytes < 0 else min(n_bytes, n_left)
        self._file.seek(self._start + self._at)
        data = self._file.read(n_bytes)
        self._at += len(data)
        return data


def pieces(file: BinaryIO) -> list[Slice]:
    """Each of the files that were put end to end; of an ordinary one, itself.

    UnreadableAudioError for more than anybody joins.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"OggS":
        starts = _ogg_streams(file, end)
    elif head[:4] == b"fLaC":
        starts = _flac_files(file)
    elif head[:4] in (b"RIFF", b"FORM"):
        starts = _chunk_files(file, end)
    elif head[:4] == b".snd":
        starts = _au_files(file, end)
    elif head[:4] == b"caff":
        starts = _caf_files(file, end)
    else:
        starts = mp3_files(file, end)
    found = [0]
    for start in starts:
        found.append(start)
        if len(found) > MOST_PIECES:
            raise UnreadableAudioError(
                f"More than {MOST_PIECES} files are joined in it: please export it anew."
            )
    return [Slice(file, *ends) for ends in zip(found, [*found[1:], end], strict=True)]


def _ogg_streams(file: BinaryIO, end: int) -> Iterator[int]:
    """Where, behind pages of sound, a page begins a stream anew (RFC 3533)."""
    at, is_begun = 0, False
    while at + 27 <= end:
        file.seek(at)
        header = file.read(27)
        if header[:4] != b"OggS":
            return
        begins = bool(header[5] & 2)
        if begins and is_begun:
            yield at
        is_begun = not begins
        at += 27 + header[26] + sum(file.read(header[26]))


def _flac_files(file: BinaryIO) -> Iterator[int]:
    """Where another FLAC begins: its first eight bytes are in no frame but by a freak of chance."""
    at, kept = 0, b""
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        for found in FLAC_START.finditer(kept + chunk):
            if start := at - len(kept) + found.start():
                yield start
        at += len(chunk)
        kept = chunk[-7:]


def _chunk_files(file: BinaryIO, end: int) -> Iterator[int]:
    """Where another WAV or AIFF begins behind one that tells its size."""
    file.seek(0)
    first = file.read(12)
    form = "<I" if first[:4] == b"RIFF" else ">I"
    at, head = 0, first
    while True:
        (size,) = struct.unpack(form, head[4:8])
        at += 8 + size + size % 2
        if at + 12 > end:
            return
        file.seek(at)
        head = file.read(12)
        if (head[:4], head[8:]) != (first[:4], first[8:]):
            return
        yield at


def _au_files(file: BinaryIO, end: int) -> Iterator[int]:
    """Where another AU begins behind one that tells its size."""
    at = 0
    while at + 12 <= end:
        file.seek(at)
        magic, start, size = struct.unpack(">4sII", file.read(12))
        if magic != b".snd" or start < 12:
            return
        if at:
            yield at
        at += start + size


def _caf_files(file: BinaryIO, end: int) -> Iterator[int]:
    """Where another CAF begins behind the chunks of the one before."""
    at = 8
    while at + 12 <= end:
        file.seek(at)
        name, size = struct.unpack(">4sq", file.read(12))
        if name == b"caff":
            yield at
            at += 8
        elif size < 0:  # to the end of the file
            return
        else:
            at += 12 + size
