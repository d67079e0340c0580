"""SAVEE: four English men.

S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition, AVSP 2009. They were
27 to 31 years old; who was how old is not published.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, named_files

NAME = re.compile(r"(?:(DC|JE|JK|KL)_)?(a|d|f|h|n|sa|su)(\d\d)")
SPEAKERS = ("DC", "JE", "JK", "KL")
EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}


def parse(folder: Path) -> Iterator[Utterance]:
    """Clips such as `DC/a01`, as in the official `AudioData`, or `DC_a01`: their name in both."""
    for path, found in named_files(folder, NAME):
        who, code, number = found.groups()
        who = who or path.parent.name
        if who in SPEAKERS:
            speaker, name = f"savee-{who.lower()}", f"{who}_{code}{number}"
            yield Utterance(path, EMOTIONS[code], speaker, "m", "savee", name=name)


SAVEE = Corpus(
    name="savee",
    title="SAVEE",
    parse=parse,
    language="en",
    license="free for research, on registration",
    citation="Haq & Jackson, AVSP 2009",
    how_to_get="Register at http://kahlan.eps.surrey.ac.uk/savee/ and put AudioData into {folder}.",
    example="DC/a01",
)
