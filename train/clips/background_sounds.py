"""Sounds that stand behind a voice or in its place: babble, and pieces of files."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ser.sound.audio import SAMPLE_RATE, load_audio
from train.corpora import CORPORA, Utterance, data_root

BABBLE, N_BABBLING = "babble", 8  # speakers of CREMA-D, who are kept for it


def babbling(utterances: Sequence[Utterance]) -> set[str]:
    """The speakers of CREMA-D who babble: none of them is heard alone where babble is heard."""
    return set(sorted({u.speaker for u in utterances if u.corpus == "cremad"})[-N_BABBLING:])


@cache
def babblers() -> tuple[np.ndarray, ...]:
    """Clips of those speakers, waveforms at 16 kHz; none where CREMA-D is not at hand."""
    utterances = CORPORA["cremad"](data_root())
    speakers = babbling(utterances)
    chosen = sorted((u for u in utterances if u.speaker in speakers), key=lambda u: u.stem)[::4]
    return tuple(load_audio(u.path) for u in chosen)


def excerpt(path: Path, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """So many seconds from anywhere in a file, mono at 16 kHz; all of a shorter one."""
    with soundfile.SoundFile(path) as file:
        n_wanted = round(seconds * file.samplerate)
        file.seek(int(rng.integers(max(1, file.frames - n_wanted + 1))))
        samples = file.read(n_wanted, dtype="float32", always_2d=True).mean(axis=1)
        return soxr.resample(samples, file.samplerate, SAMPLE_RATE)
