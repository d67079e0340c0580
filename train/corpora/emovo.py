"""EMOVO: six actors, fourteen sentences in Italian.

G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO corpus: an Italian emotional speech
database, LREC 2014. Ages are not published.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, named_files

NAME = re.compile(r"(dis|gio|neu|pau|rab|sor|tri)-([mf])([123])-[bdln]\d")
EMOTIONS = {
    "dis": "disgust",  # disgusto
    "gio": "happy",  # gioia
    "neu": "neutral",  # neutrale
    "pau": "fearful",  # paura
    "rab": "angry",  # rabbia
    "sor": "surprised",  # sorpresa
    "tri": "sad",  # tristezza
}


def parse(folder: Path) -> Iterator[Utterance]:
    """Clips such as `dis-f1-b1`: emotion, speaker, sentence; in one folder or in one a speaker."""
    for path, name in named_files(folder, NAME):
        emotion, sex, number = name.groups()
        speaker = f"emovo-{sex}{number}"
        yield Utterance(path, EMOTIONS[emotion], speaker, sex, "emovo")


EMOVO = Corpus(
    name="emovo",
    title="EMOVO",
    parse=parse,
    language="it",
    license="research, non-commercial",
    citation="Costantini et al., LREC 2014",
    how_to_get="Download it from http://voice.fub.it/activities/corpora/emovo/ into {folder}; its "
    "stereo comes from two microphones apart, of which the louder is heard where their mean "
    "cancels. The figures here are from the louder of every file.",
    example="dis-f1-b1",
)
