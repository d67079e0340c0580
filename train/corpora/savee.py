"""SAVEE: four English men.

S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition, AVSP 2009. They were
27 to 31 years old; who was how old is not published.
"""

import re
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, audio_files

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


def parse(folder: Path) -> list[Utterance]:
    """Clips such as `DC/a01`, as in the official `AudioData`, or `DC_a01`: their name in both."""
    found = []
    for path in audio_files(folder):
        name = NAME.fullmatch(path.stem)
        speaker = name and (name[1] or path.parent.name)
        if speaker in SPEAKERS:
            found.append(
                Utterance(
                    path,
                    EMOTIONS[name[2]],
                    f"savee-{speaker.lower()}",
                    "m",
                    "savee",
                    name=f"{speaker}_{name[2]}{name[3]}",
                )
            )
    return found


SAVEE = Corpus(
    name="savee",
    title="SAVEE",
    parse=parse,
    language="en",
    license="free for research, on registration",
    citation="Haq & Jackson, AVSP 2009",
    how_to_get="Register at http://kahlan.eps.surrey.ac.uk/savee/ and put AudioData into {folder}.",
)
