"""TESS: two women, 200 words each in seven emotions.

M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS), 2020,
doi:10.5683/SP2/E8H2MF. The older talker is 64, the younger 26.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, named_files

# One official file name lacks a letter: OA_bite_neutral.
NAME = re.compile(r"(OAF?|YAF)_[a-z]+_(angry|disgust|fear|happy|neutral|ps|sad)", re.IGNORECASE)
AGES = {"OAF": 64, "YAF": 26}
EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasant surprise
    "sad": "sad",
}


def parse(folder: Path) -> Iterator[Utterance]:
    """Clips such as `OAF_back_angry`, in one folder or in one an emotion."""
    for path, name in named_files(folder, NAME):
        talker = {"OA": "OAF"}.get(name[1].upper(), name[1].upper())
        emotion, speaker = EMOTIONS[name[2].lower()], f"tess-{talker.lower()}"
        yield Utterance(path, emotion, speaker, "f", "tess", age=AGES[talker])


TESS = Corpus(
    name="tess",
    title="TESS",
    parse=parse,
    language="en",
    license="CC BY-NC-ND 4.0",
    citation="Pichora-Fuller & Dupuis, 2020, doi:10.5683/SP2/E8H2MF",
    how_to_get="Download it from https://doi.org/10.5683/SP2/E8H2MF into {folder}.",
    example="OAF_back_angry",
    no_derivatives=True,
)
