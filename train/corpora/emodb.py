"""EmoDB: ten actors, ten everyday sentences in German.

F. Burkhardt, A. Paeschke, M. Rolfes, W. F. Sendlmeier, B. Weiss: A database of German emotional
speech, Interspeech 2005.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, named_files

NAME = re.compile(r"(\d\d)[ab]\d\d([WLEAFTN])[a-z]?")
SPEAKERS = {  # sex, age in years
    "03": ("m", 31),
    "08": ("f", 34),
    "09": ("f", 21),
    "10": ("m", 32),
    "11": ("m", 26),
    "12": ("m", 30),
    "13": ("f", 32),
    "14": ("f", 35),
    "15": ("m", 25),
    "16": ("f", 31),
}
EMOTIONS = {
    "W": "angry",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fearful",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}


def parse(folder: Path) -> Iterator[Utterance]:
    """Clips such as `03a01Fa`: speaker, text, emotion, version."""
    for path, name in named_files(folder, NAME):
        if name[1] in SPEAKERS:
            sex, age = SPEAKERS[name[1]]
            emotion, speaker = EMOTIONS[name[2]], f"emodb-{name[1]}"
            yield Utterance(path, emotion, speaker, sex, "emodb", age=age)


EMODB = Corpus(
    name="emodb",
    title="EmoDB",
    parse=parse,
    language="de",
    license="free download, citation asked",
    citation="Burkhardt et al., Interspeech 2005",
    how_to_get="Download it from http://emodb.bilderbar.info and unpack it into {folder}.",
    example="03a01Fa",
)
