"""CREMA-D: 91 actors, twelve sentences, and what listeners heard in each clip.

H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced
Emotional Multimodal Actors Dataset, IEEE Transactions on Affective Computing 5(4), 2014.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from ser.labels import LABELS
from train.corpora.utterance import Corpus, CorpusError, Utterance, audio_files

NAME = re.compile(r"(10\d\d)_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX)")
EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
BALLOT = {code[0]: emotion for code, emotion in EMOTIONS.items()}  # A, D, F, H, N, S
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high"}
SEXES = {"Male": "m", "Female": "f"}
HEARD_ONLY = "1"  # how the keys of tabulatedVotes.csv begin where listeners saw no face

LEFT_OUT = {
    "1076_MTI_SAD_XX": "digital silence",
    **dict.fromkeys(("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"), "one file under two emotions"),
    **dict.fromkeys(("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"), "one file under two emotions"),
    **dict.fromkeys(("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"), "one file under two emotions"),
}


def parse(folder: Path) -> Iterator[Utterance]:
    """Clips of `AudioWAV/`, or of the folder itself where there is no such.

    Age and sex are those of `VideoDemographics.csv`, None and "unknown" without it; for votes see
    `listener_votes`. The acted emotion is the label, whatever listeners heard. One file lacks its
    last letter, 1040_ITH_SAD_X, and is called as the tables call it.
    """
    actors = _actors(folder / "VideoDemographics.csv")
    votes = listener_votes(folder)
    recordings = folder / "AudioWAV"  # the same clips lie beside it as AudioMP3
    for path in audio_files(recordings if recordings.is_dir() else folder):
        stem = f"{path.stem}X" if path.stem.endswith("_X") else path.stem
        name = NAME.fullmatch(stem)
        if not name or stem in LEFT_OUT:
            continue
        actor, emotion, level = name.groups()
        age, sex = actors.get(actor, (None, "unknown"))
        yield Utterance(
            path,
            EMOTIONS[emotion],
            f"cremad-{actor}",
            sex,
            "cremad",
            age=age,
            intensity=INTENSITIES.get(level),
            votes=votes.get(stem),
            name=stem,
        )


def listener_votes(folder: Path) -> dict[str, tuple[float, ...]]:
    """Stem -> shares (8,) over `LABELS` of those who heard the clip without seeing it.

    From the official `processedResults/tabulatedVotes.csv`, else from a `manifest.csv` with
    columns `audio_votes_A` to `audio_votes_S`; empty where there is neither.
    """
    official = folder / "processedResults" / "tabulatedVotes.csv"
    rows = _rows(official, "", "fileName", *BALLOT) or _rows(folder / "manifest.csv", "file")
    votes = {}
    for row in rows:
        if "fileName" not in row:
            stem, counts = Path(row["file"]).stem, {c: row[f"audio_votes_{c}"] for c in BALLOT}
        elif row[""].startswith(HEARD_ONLY):
            stem, counts = row["fileName"], {code: row[code] for code in BALLOT}
        else:
            continue
        votes[stem] = _shares({BALLOT[code]: int(n) for code, n in counts.items()})
    return votes


def _shares(counts: dict[str, int]) -> tuple[float, ...]:
    total = sum(counts.values())
    return tuple(counts.get(label, 0) / total for label in LABELS)


def _actors(path: Path) -> dict[str, tuple[int, str]]:
    """Actor -> (age in years, sex)."""
    return {
        row["ActorID"]: (int(row["Age"]), SEXES[row["Sex"]])
        for row in _rows(path, "ActorID", "Age", "Sex")
    }


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    """Rows of a table, also of one that a spreadsheet has saved anew: with a byte-order mark, or ;.

    CorpusError where it lacks a column.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:
        head = file.readline()
        file.seek(0)
        rows = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
        if missing := [name for name in columns if name not in (rows.fieldnames or ())]:
            raise CorpusError(f"{path} has no column {missing[0]!r}: please fetch it anew.")
        return list(rows)


CREMAD = Corpus(
    name="cremad",
    title="CREMA-D",
    parse=parse,
    language="en",
    license="ODbL 1.0, its contents DbCL 1.0",
    citation="Cao et al., IEEE Transactions on Affective Computing 5(4), 2014",
    how_to_get="Clone https://github.com/CheyneyComputerScience/CREMA-D with git-lfs to {folder}; "
    "AudioWAV, VideoDemographics.csv and processedResults/tabulatedVotes.csv are read.",
    example="1001_DFA_ANG_XX",
    left_out=LEFT_OUT,
)
