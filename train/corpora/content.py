"""Clips by what their files hold: identical files, and one hash of all the data."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from train.corpora.hashes import content_hash, sound_hash
from train.corpora.utterance import Utterance


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
