"""IEMOCAP: five sessions, a woman and a man in dialogue; licensed, so everyone brings their own.

C. Busso et al.: IEMOCAP: Interactive emotional dyadic motion capture database, Language Resources
and Evaluation 42(4), 2008.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from train.corpora.utterance import Corpus, Utterance, audio_files

# [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
LABELLED = re.compile(r"\[[\d.]+ - [\d.]+\]\t(Ses\d\d[FM]_\S+)\t(\w+)\t", re.MULTILINE)
EMOTIONS = {  # the label of most judges; xxx (no majority) and oth (other) are left out
    "ang": "angry",
    "hap": "happy",
    "sad": "sad",
    "neu": "neutral",
    "fea": "fearful",
    "dis": "disgust",
    "sur": "surprised",
    "fru": "frustrated",
    "exc": "excited",
}


def parse(folder: Path) -> Iterator[Utterance]:
    """Labelled turns of `Session1..5`, in the folder or in its `IEMOCAP_full_release`.

    A session is a group: both of its talkers are heard in each other's recordings.
    """
    for release in (folder, folder / "IEMOCAP_full_release"):
        for session in release.glob("Session[1-5]"):
            yield from _turns(session)


def _turns(session: Path) -> Iterator[Utterance]:
    emotions = {}
    for path in (session / "dialog" / "EmoEvaluation").glob("Ses*.txt"):
        emotions |= dict(LABELLED.findall(path.read_text(encoding="latin-1")))
    number = session.name.removeprefix("Session")
    for path in audio_files(session / "sentences" / "wav"):
        if (code := emotions.get(path.stem)) in EMOTIONS:
            sex = _talker(path.stem)
            speaker, group = f"iemocap-{number}{sex}", f"iemocap-session{number}"
            yield Utterance(path, EMOTIONS[code], speaker, sex, "iemocap", group=group)


def _talker(stem: str) -> str:
    """Sex of who speaks in `Ses01F_impro01_M000`: M, its last token's; the first F wore markers."""
    return stem.rsplit("_", 1)[1][0].lower()


IEMOCAP = Corpus(
    name="iemocap",
    title="IEMOCAP",
    parse=parse,
    language="en",
    license="licensed to each user, for research",
    citation="Busso et al., Language Resources and Evaluation 42(4), 2008",
    how_to_get="Ask for it at https://sail.usc.edu/iemocap/ and put IEMOCAP_full_release into "
    "{folder}.",
    example="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000",
)
