"""EMOVO: six actors, fourteen sentences in Italian.

G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO corpus: an Italian emotional speech
database, LREC 2014. Ages are not published.
"""

import re
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, audio_files

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


def parse(folder: Path) -> list[Utterance]:
    """Clips such as `dis-f1-b1`: emotion, speaker, sentence; in one folder or in one a speaker."""
    found = []
    for path in audio_files(folder):
        if name := NAME.fullmatch(path.stem):
            emotion, sex, number = name.groups()
            speaker = f"emovo-{sex}{number}"
            found.append(Utterance(path, EMOTIONS[emotion], speaker, sex, "emovo", language="it"))
    return found


EMOVO = Corpus(
    name="emovo",
    title="EMOVO",
    parse=parse,
    language="it",
    license="research, non-commercial",
    citation="Costantini et al., LREC 2014",
    how_to_get="Download it from http://voice.fub.it/activities/corpora/emovo/ into {folder}; its "
    "stereo comes from two microphones apart and cancels when averaged, so keep the louder "
    "channel of each file.",
)
