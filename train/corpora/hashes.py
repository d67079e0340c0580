"""Files by what they hold."""

import hashlib
from pathlib import Path

OGG_HEADER_BYTES = 27  # the last of them counts the segment sizes that follow


def content_hash(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sound_hash(path: Path) -> str:
    """sha256 of a file but for what an Ogg encoder draws at random: one sound has one hash."""
    data = path.read_bytes()
    return hashlib.sha256(_ogg_packets(data) or data).hexdigest()


def _ogg_packets(data: bytes) -> bytes:
    """An Ogg file without its page headers (RFC 3533), which hold the serial; empty for others."""
    packets, start = b"", 0
    while data.startswith(b"OggS", start) and start + OGG_HEADER_BYTES <= len(data):
        first_size = start + OGG_HEADER_BYTES
        body = first_size + data[first_size - 1]
        end = body + sum(data[first_size:body])
        packets, start = packets + data[body:end], end
    return packets
