"""RAVDESS speech and song: the same actors, so one speaker id.

S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song
(RAVDESS), PLoS ONE 13(5): e0196391, 2018. The actors' ages are not published one by one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ser.labels import LABELS
from train.corpora.utterance import Corpus, Utterance, audio_files

AUDIO_ONLY = 3
SPEECH, SONG = 1, 2
INTENSITIES = {1: "normal", 2: "strong"}


@dataclass(frozen=True)
class RavdessName:
    """The seven codes of a RAVDESS file name."""

    modality: int
    channel: int
    emotion: str
    intensity: int
    statement: int
    repetition: int
    actor: int

    @classmethod
    def parse(cls, stem: str) -> "RavdessName | None":
        """Read `03-01-05-01-02-01-12`; None for any other form or a code out of range."""
        if not re.fullmatch(r"\d\d(-\d\d){6}", stem):
            return None
        modality, channel, emotion, intensity, statement, repetition, actor = map(
            int, stem.split("-")
        )
        in_range = (
            1 <= modality <= 3
            and 1 <= channel <= 2
            and 1 <= emotion <= len(LABELS)
            and {intensity, statement, repetition} <= {1, 2}
            and 1 <= actor <= 24
        )
        if not in_range:
            return None
        name = LABELS[emotion - 1]
        return cls(modality, channel, name, intensity, statement, repetition, actor)

    @property
    def sex(self) -> str:
        """Odd actors are men, even ones women."""
        return "m" if self.actor % 2 else "f"


def parse(folder: Path, channel: int, corpus: str) -> Iterator[Utterance]:
    """Audio-only clips of one vocal channel, in `Actor_01..24/` or all in one folder."""
    for path in audio_files(folder):
        name = RavdessName.parse(path.stem)
        if name and name.modality == AUDIO_ONLY and name.channel == channel:
            speaker, intensity = f"ravdess-{name.actor:02d}", INTENSITIES[name.intensity]
            yield Utterance(path, name.emotion, speaker, name.sex, corpus, intensity=intensity)


CITATION = "Livingstone & Russo, PLoS ONE 13(5): e0196391, 2018"
LICENSE = "CC BY-NC-SA 4.0"

RAVDESS = Corpus(
    name="ravdess",
    title="RAVDESS speech",
    parse=partial(parse, channel=SPEECH, corpus="ravdess"),
    language="en",
    license=LICENSE,
    citation=CITATION,
    how_to_get="Run `python -m train prepare`.",
    example="03-01-05-02-01-01-12",
)
RAVDESS_SONG = Corpus(
    name="ravdess-song",
    title="RAVDESS song",
    parse=partial(parse, channel=SONG, corpus="ravdess-song"),
    language="en",
    license=LICENSE,
    citation=CITATION,
    how_to_get="Unpack Audio_Song_Actors_01-24.zip of https://zenodo.org/records/1188976 into "
    "{folder}.",
    example="03-02-05-02-01-01-12",
)
