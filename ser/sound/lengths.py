"""Lengths that a header leaves open: found in the file, and told to libsndfile.

Whatever writes into a pipe, or is killed, leaves 0 or -1 where the length of the sound belongs.
libsndfile 1.2 reads such a FLAC to its end, and a WAV that says -1. To it a WAV, RF64, AIFF or AU
that says 0 is empty, an RF64 or CAF that says -1 malformed. Of an MP3 that does not count its
frames it reads as much as it guesses.
"""

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import soundfile

UNSUPPORTED = 3  # libsndfile's number for a format that it does not know
IMA_ADPCM = b"\x11\0"  # what a WAV calls it
FAR_AWAY = 2**40  # bytes
OGG_PAGE, LAST_PAGE, LARGEST_PAGE = b"OggS", 4, 27 + 255 + 255 * 255
MOST_CHUNKS = 1000  # looked through, so that no file costs much; real ones have a dozen


class _Kind(NamedTuple):
    """How a container lays out its chunks."""

    first: int  # where the first of them starts
    header: struct.Struct  # a chunk's name and size
    sound: bytes  # the name of the chunk with the sound
    preface: int  # bytes of that chunk before its first sample
    left_open: tuple[int, ...]  # sizes of that chunk that tell nothing
    even: int  # chunks start at multiples of this


_KINDS = {
    b"RIFF": _Kind(12, struct.Struct("<4sI"), b"data", 0, (0,), 2),
    b"RF64": _Kind(12, struct.Struct("<4sI"), b"data", 0, (0, -1), 2),
    b"FORM": _Kind(12, struct.Struct(">4sI"), b"SSND", 8, (8,), 2),
    b"caff": _Kind(8, struct.Struct(">4sq"), b"data", 4, (-1, 4), 1),
}


@contextmanager
def length_told(file: Path | io.BytesIO) -> Iterator["Path | io.BytesIO | _Mended | _Endless"]:
    """The file itself, or a view of it with the length in its header where that was left open."""
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        missing = _missing_length(opened)
        is_guessed = _is_mp3_without_length(opened)
        opened.seek(0)
        yield _Mended(opened, *missing) if missing else _Endless(opened) if is_guessed else file


class _Mended:
    """A file that reads as if `patch` stood at `place`: all that soundfile asks of a file."""

    def __init__(self, file: BinaryIO, place: int, patch: bytes):
        self.file, self.place, self.patch = file, place, patch
        self.seek, self.tell = file.seek, file.tell

    def read(self, n_bytes: int) -> bytes:
        start = self.file.tell()
        data = bytearray(self.file.read(n_bytes))
        first = max(start, self.place)
        last = min(start + len(data), self.place + len(self.patch))
        if first < last:
            data[first - start : last - start] = self.patch[first - self.place : last - self.place]
        return bytes(data)


class _Endless:
    """A file that seems to go on for ever, so that nobody stops before it ends.

    libsndfile guesses how long an MP3 is from its first frames and its size, and stops there.
    """

    def __init__(self, file: BinaryIO):
        self.file, self.is_at_end = file, False

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, or to an end that is far away."""
        self.is_at_end = whence == io.SEEK_END
        return FAR_AWAY if self.is_at_end else self.file.seek(place, whence)

    def tell(self) -> int:
        """Where the next byte is read."""
        return FAR_AWAY if self.is_at_end else self.file.tell()

    def read(self, n_bytes: int) -> bytes:
        """Read as many bytes, or as there are; at the far end from wherever the file stands.

        A title is looked for there, and nothing at all would count as an error.
        """
        return self.file.read(n_bytes)


def share_there(file: Path | io.BytesIO) -> float:
    """How much of the sound is there that a header promises; 1 where it is not cut off.

    A size of 2 GiB or more is no promise: so say pipes that nobody knows. Of MP4 files that were
    put end to end, whose first one alone is read, it is the share of that.
    """
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        end = opened.seek(0, io.SEEK_END)
        opened.seek(0)
        head = opened.read(12)
        kind = _KINDS.get(head[:4])
        if kind:
            chunks = islice(_chunks(opened, kind, kind.first, end), MOST_CHUNKS)
            sizes = [(start, size) for name, start, size in chunks if name == kind.sound]
        elif head[:4] == b".snd" and len(head) == 12:
            sizes = [struct.unpack(">4xII", head)]
        elif head[4:8] == b"ftyp":
            sizes = [(0, end * end // first) for first in islice(_mp4_files(opened, end), 1)]
        else:
            sizes = []
        opened.seek(0)
    start, size = sizes[0] if sizes else (0, 0)
    is_cut = 0 < end - start < size < 2**31
    return (end - start) / size if is_cut else 1.0


def lacks_its_end(file: Path | io.BytesIO) -> bool:
    """Whether it is an Ogg whose last page is not marked as such, as every encoder marks it.

    Ogg does not tell its length beforehand (RFC 3533): nothing else shows that it was cut off.
    """
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        end = opened.seek(0, io.SEEK_END)
        opened.seek(0)
        if opened.read(4) != OGG_PAGE:
            opened.seek(0)
            return False
        opened.seek(max(0, end - LARGEST_PAGE))
        tail = opened.read(LARGEST_PAGE)
        opened.seek(0)
    if OGG_PAGE not in tail:
        return False
    page = tail[tail.rfind(OGG_PAGE) :]
    n_segments = page[26] if len(page) > 26 else 0
    n_bytes = 27 + n_segments + sum(page[27 : 27 + n_segments])
    return len(page) < n_bytes or not page[5] & LAST_PAGE


def _mp4_files(file: BinaryIO, end: int) -> Iterator[int]:
    """Where further files begin behind the first one: at a box that only stands at a start."""
    at = 0
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 16:
            return
        size, name, size_64 = struct.unpack(">I4sQ", head)
        if at and name == b"ftyp":
            yield at
        size = size_64 if size == 1 else size
        if size < 8 or (at := at + size) >= end:
            return


def refuse_ima_wav(file: BinaryIO) -> None:
    """Raise soundfile.LibsndfileError for a WAV of IMA ADPCM, before libsndfile opens it.

    Of lengths that lie, libsndfile 1.2.2 writes past its memory (CVE-2026-37555).
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    kind = _KINDS.get(file.read(4))
    if kind is None or kind.sound != b"data":
        return
    for name, start, _ in islice(_chunks(file, kind, kind.first, end), MOST_CHUNKS):
        file.seek(start)
        if name == b"fmt " and file.read(2) == IMA_ADPCM:
            raise soundfile.LibsndfileError(UNSUPPORTED)


def _is_mp3_without_length(file: BinaryIO) -> bool:
    """Whether it is an MP3 whose first frame does not count the others, as that of a pipe's."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:  # a tag, whose size has seven bits a byte
        for byte in head[6:]:
            start = start << 7 | byte & 0x7F
        start += len(head)
    file.seek(start)
    frame = file.read(64)
    if len(frame) < 64 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return False
    if frame[1] & 0x06 == 0:  # AAC begins alike
        return False
    found = max(frame.find(b"Xing"), frame.find(b"Info"))  # after 13 to 38 bytes
    counts = found >= 0 and found + 8 <= len(frame) and frame[found + 7] & 1
    return not counts and b"VBRI" not in frame


def _missing_length(file: BinaryIO) -> tuple[int, bytes] | None:
    """Where the header lacks the sound's length, and what should stand there; else None."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head.startswith(b".snd") and len(head) == 12:
        return _missing_in_au(head, end)
    kind = _KINDS.get(head[:4])
    return kind and _missing_in_chunks(file, kind, end)


def _missing_in_au(head: bytes, end: int) -> tuple[int, bytes] | None:
    start, size = struct.unpack(">4xII", head)
    is_open = size == 0 or start + size >= 2**31  # libsndfile adds them in 32 bits
    return (8, b"\xff" * 4) if is_open and start < end else None  # AU's word for: not known


def _missing_in_chunks(file: BinaryIO, kind: _Kind, end: int) -> tuple[int, bytes] | None:
    size_64 = None  # where a size stands that 32 bits do not hold
    for name, start, size in islice(_chunks(file, kind, kind.first, end), MOST_CHUNKS):
        if name == b"ds64" and size >= 16:
            size_64 = start + 8
        if name == kind.sound:
            break
    else:
        return None
    place, form = start - kind.header.size + 4, kind.header.format.replace("4s", "")
    if size_64:
        place, form = size_64, "<q"
        file.seek(place)
        (size,) = struct.unpack(form, file.read(8))
    first = start + kind.preface
    if size not in kind.left_open or first >= end or _are_chunks(file, kind, first, end):
        return None
    most = 2**32 - 1 if form.endswith("I") else end
    return place, struct.pack(form, min(end - start, most))


def _chunks(file: BinaryIO, kind: _Kind, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of the contents of chunk after chunk, as far as sizes can be true."""
    size = 0
    while size >= 0 and at + kind.header.size <= end:
        file.seek(at)
        name, size = kind.header.unpack(file.read(kind.header.size))
        start = at + kind.header.size
        yield name, start, size
        at = start + size + size % kind.even


def _are_chunks(file: BinaryIO, kind: _Kind, at: int, end: int) -> bool:
    """Whether the rest of the file is further chunks, such as its title, and no samples."""
    for name, start, size in islice(_chunks(file, kind, at, end), MOST_CHUNKS):
        if size < 0 or not re.fullmatch(rb"[ -~]{4}", name):
            return False
        at = start + size
    return end - 1 <= at <= end  # the last one may lack the byte that makes it even
