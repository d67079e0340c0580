"""MP3 files put end to end: where each of them begins (ISO/IEC 11172-3, 13818-3)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

TAG_BYTES = 200  # of a first frame: enough for what counts the others
ID3V1_BYTES = 128
LOST_BYTES = 1 << 16  # searched for the next frame where something else stands
# By version (2.5, none, 2, 1) and layer (none, 3, 2, 1), as the header's bits number them.
RATES_HZ = ((11025, 12000, 8000), (), (22050, 24000, 16000), (44100, 48000, 32000))
KBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class _Frame(NamedTuple):
    """What a header says: the form that all frames of a file share, and the frame's length."""

    form: tuple[int, int, int, bool]  # version, layer, rate in Hz, whether it is mono
    n_bytes: int


def mp3_files(file: BinaryIO, end: int) -> Iterator[int]:
    """Where, behind the first MP3, another one begins."""
    at = 0
    while True:
        size = _bytes_told(file, at)
        at = _behind_tags(file, at + size) if size else _change(file, at, end)
        if at + 4 >= end:
            return
        file.seek(at)
        head = file.read(4)
        if head[:3] != b"ID3" and _frame(head) is None:
            return
        yield at


def _bytes_told(file: BinaryIO, at: int) -> int:
    """How many bytes the MP3 here has, a tag in front of it among them; 0 if it does not tell."""
    first = _id3_bytes(file, at)
    file.seek(at + first)
    frame = file.read(TAG_BYTES)
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    if _frame(frame[:4]) is None or not 0 <= tag <= 40 or len(frame) < tag + 16:
        return 0
    (flags,) = struct.unpack_from(">I", frame, tag + 4)
    if not flags & 2:
        return 0
    (size,) = struct.unpack_from(">I", frame, tag + 8 + (4 if flags & 1 else 0))
    return first + size if size else 0


def _change(file: BinaryIO, at: int, end: int) -> int:
    """Where frames of another form begin; the end where there are none.

    Of the same form they are one sound to libsndfile, which needs no help with them.
    """
    at += _id3_bytes(file, at)
    file.seek(at)
    first = _frame(file.read(4))
    if first is None:
        return end
    while at + 4 < end:
        frame = _frame_at(file, at)
        if frame is None:
            frame, at = _next_frame(file, _behind_tags(file, at))
            if frame is None:
                return end
        behind = _frame_at(file, at + frame.n_bytes)
        if frame.form != first.form and behind and behind.form == frame.form:
            return at
        at += frame.n_bytes
    return end


def _next_frame(file: BinaryIO, at: int) -> tuple[_Frame | None, int]:
    """The next frame with another one behind it, and where it begins."""
    at += _id3_bytes(file, at)
    file.seek(at)
    data = file.read(LOST_BYTES)
    place = data.find(b"\xff")
    while place >= 0:
        frame = _frame(data[place : place + 4])
        if frame and _frame_at(file, at + place + frame.n_bytes):
            return frame, at + place
        place = data.find(b"\xff", place + 1)
    return None, at


def _frame_at(file: BinaryIO, at: int) -> _Frame | None:
    file.seek(at)
    return _frame(file.read(4))


def _frame(head: bytes) -> _Frame | None:
    """Read the four bytes of a header; None where they are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    rate_hz = RATES_HZ[version][rate]
    per_s = 1000 * KBITS[1 if version == 3 else 2, layer][kbits - 1]
    padding = head[2] >> 1 & 1
    if layer == 1:
        n_bytes = 4 * (12 * per_s // rate_hz + padding)
    else:
        n_bytes = (72 if layer == 3 and version != 3 else 144) * per_s // rate_hz + padding
    return _Frame((version, layer, rate_hz, head[3] >> 6 == 3), n_bytes)


def _id3_bytes(file: BinaryIO, at: int) -> int:
    """Length of a tag that stands here, whose size has seven bits a byte; 0 where there is none."""
    file.seek(at)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum((byte & 0x7F) << 7 * (3 - place) for place, byte in enumerate(head[6:]))


def _behind_tags(file: BinaryIO, at: int) -> int:
    """Behind the tags that end an MP3: APE's, and ID3's first version."""
    file.seek(at)
    head = file.read(32)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        at += 32 + int.from_bytes(head[12:16], "little")
        file.seek(at)
        head = file.read(32)
    return at + ID3V1_BYTES if head[:3] == b"TAG" else at
