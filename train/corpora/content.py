"""Clips by what their files hold: identical files, and one hash of all the data."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from train.corpora.utterance import Utterance

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


def duplicate_groups(utterances: Iterable[Utterance]) -> list[list[str]]:
    """Stems of clips whose files hold the same bytes of sound, a list for each group.

    Two encodings of one recording are not found.
    """
    by_size = defaultdict(list)
    for utterance in utterances:
        by_size[utterance.path.stat().st_size].append(utterance)
    by_hash = defaultdict(list)
    for same_size in by_size.values():
        for utterance in same_size if len(same_size) > 1 else ():
            by_hash[sound_hash(utterance.path)].append(utterance.stem)
    return sorted(sorted(stems) for stems in by_hash.values() if len(stems) > 1)


def data_sha256(utterances: Iterable[Utterance]) -> str:
    """One hash for the content and names of all clips, for metrics.json."""
    lines = sorted(f"{u.stem} {content_hash(u.path)}" for u in utterances)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
