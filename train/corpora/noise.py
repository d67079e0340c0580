"""Background sounds: a folder beside the corpora."""

from pathlib import Path

from train.corpora.utterance import CorpusError, audio_files
from train.places import data_root

NOISE = "noise"  # the folder


def noise_files() -> list[Path]:
    """The clips of noise, by name; CorpusError where there are none."""
    folder = data_root() / NOISE
    if files := sorted(audio_files(folder)):
        return files
    raise CorpusError(
        f"No clips of noise in {folder}: put sound files of any background there, or leave "
        '"clips" out of the recipe\'s backgrounds.'
    )
