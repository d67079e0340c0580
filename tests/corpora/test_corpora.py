"""Corpora on disk, official or re-encoded: every parser."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.labels import LABELS
from tests.corpora.corpus_files import PUBLIC, touch
from train.corpora import (
    AUXILIARY,
    CORPORA,
    CorpusError,
    RavdessName,
    Utterance,
    audio_files,
    duplicate_groups,
    load_clip,
    load_corpora,
)
from train.corpora.cremad import LEFT_OUT

WITH_MANIFEST = PUBLIC[1:]


def manifest(root: Path, corpus: str) -> dict[str, dict[str, str]]:
    """Stem -> its row in a table that was not made by our parsers."""
    with (CORPORA[corpus].folder(root) / "manifest.csv").open() as file:
        return {Path(row["file"]).stem: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def parsed(corpora_root):
    """Public corpora by name, as they lie under SER_DATA."""
    return {name: load_corpora([name], corpora_root) for name in PUBLIC}


# --- RAVDESS ----------------------------------------------------------------------------------


def test_a_ravdess_name_says_seven_things():
    name = RavdessName.parse("03-01-06-02-01-02-12")
    assert name == RavdessName(3, 1, "fearful", 2, 1, 2, 12)
    assert name.sex == "f"
    assert RavdessName.parse("03-01-01-01-01-01-01").sex == "m"


def test_label_order_is_the_ravdess_code_minus_one():
    for code, label in enumerate(LABELS, start=1):
        assert RavdessName.parse(f"03-01-{code:02d}-01-01-01-01").emotion == label


@pytest.mark.parametrize(
    "stem",
    [
        "03-01-09-01-01-01-01",
        "03-01-00-01-01-01-01",
        "03-01-01-03-01-01-01",
        "03-01-01-01-01-01-25",
        "03-01-01-01-01-01",
        "3-1-1-1-1-1-1",
        "03-01-01-01-01-01-01 (1)",
        "04-01-01-01-01-01-01",
    ],
)
def test_other_names_are_no_ravdess(stem):
    assert RavdessName.parse(stem) is None


def test_only_spoken_audio_counts_whatever_the_extension(tmp_path):
    folder = tmp_path / "ravdess" / "Actor_01"
    for name in (
        "03-01-01-01-01-01-01.wav",
        "03-01-02-01-01-01-01.FLAC",
        "03-02-02-01-01-01-01.wav",  # song
        "01-01-02-01-01-01-01.wav",  # video's sound
        "03-01-03-01-01-01-01.txt",
        "notes.wav",
    ):
        touch(folder / name)
    found = load_corpora(["ravdess"], tmp_path)
    assert [u.emotion for u in found] == ["neutral", "calm"]
    assert {(u.speaker, u.sex, u.corpus) for u in found} == {("ravdess-01", "m", "ravdess")}


def test_song_and_speech_of_an_actor_share_a_speaker_id(tmp_path):
    touch(tmp_path / "ravdess" / "Actor_07" / "03-01-05-01-01-01-07.wav")
    touch(tmp_path / "ravdess_song" / "Actor_07" / "03-02-05-02-01-01-07.wav")
    touch(tmp_path / "ravdess_song" / "03-02-01-01-01-01-08.opus")  # one flat folder
    found = load_corpora(["ravdess", "ravdess-song"], tmp_path)
    assert [(u.corpus, u.speaker, u.emotion, u.intensity) for u in found] == [
        ("ravdess", "ravdess-07", "angry", "normal"),
        ("ravdess-song", "ravdess-08", "neutral", "normal"),
        ("ravdess-song", "ravdess-07", "angry", "strong"),
    ]


def test_the_real_corpus_is_what_it_is_known_to_be(ravdess):
    assert len(ravdess) == 1440
    counts = [sum(u.emotion == label for u in ravdess) for label in LABELS]
    assert counts == [96] + [192] * 7
    assert len({u.speaker for u in ravdess}) == 24
    assert duplicate_groups(ravdess) == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]


# --- CREMA-D ----------------------------------------------------------------------------------

VOTES = """"","A","D","F","H","N","S","fileName","numResponses"
"100001",1,0,0,0,3,0,"1040_ITH_SAD_XX",4
"200001",0,0,0,0,0,9,"1040_ITH_SAD_XX",9
"300001",9,0,0,0,0,0,"1040_ITH_SAD_XX",9
"102007",0,2,6,0,0,0,"1001_IEO_FEA_HI",8
"202007",0,0,0,5,0,0,"1001_IEO_FEA_HI",5
"""
DEMOGRAPHICS = """"ActorID","Age","Sex","Race","Ethnicity"
1001,51,"Male","Caucasian","Not Hispanic"
1040,42,"Female","Caucasian","Not Hispanic"
"""


def test_cremad_is_read_as_its_repository_lays_it_out(tmp_path):
    folder = tmp_path / "cremad"
    for stem in ("1001_IEO_FEA_HI", "1001_IEO_FEA_LO", "1040_ITH_SAD_X", *LEFT_OUT):
        touch(folder / "AudioWAV" / f"{stem}.wav")
        touch(folder / "AudioMP3" / f"{stem}.mp3")
    touch(folder / "VideoDemographics.csv", DEMOGRAPHICS.encode())
    touch(folder / "processedResults" / "tabulatedVotes.csv", VOTES.encode())
    high, low, misnamed = load_corpora(["cremad"], tmp_path)
    assert [u.stem for u in (high, low)] == ["1001_IEO_FEA_HI", "1001_IEO_FEA_LO"]
    assert (high.emotion, high.speaker, high.sex, high.age) == ("fearful", "cremad-1001", "m", 51)
    assert (high.intensity, low.intensity, misnamed.intensity) == ("high", "low", None)
    assert high.votes == (0, 0, 0, 0, 0, 0.75, 0.25, 0)
    assert low.votes is None
    assert (misnamed.stem, misnamed.emotion, misnamed.sex) == ("1040_ITH_SAD_XX", "sad", "f")
    assert misnamed.votes == (0.75, 0, 0, 0, 0.25, 0, 0, 0)  # nobody who saw the face counts


def test_cremad_clips_without_the_tables_are_clips_nonetheless(tmp_path):
    touch(tmp_path / "cremad" / "1001_DFA_DIS_XX.mp3")
    (found,) = load_corpora(["cremad"], tmp_path)
    assert (found.emotion, found.sex, found.age, found.votes) == ("disgust", "unknown", None, None)


def test_cremad_leaves_out_exactly_the_faulty_clips(parsed, corpora_root):
    assert set(LEFT_OUT) == set((corpora_root / "cremad" / "exclude.txt").read_text().split())
    present = {path.stem for path in audio_files(corpora_root / "cremad")}
    assert present - {u.stem for u in parsed["cremad"]} == set(LEFT_OUT)
    left_out = [path for path in audio_files(corpora_root / "cremad") if path.stem in LEFT_OUT]
    silent = [path.stem for path in left_out if not np.any(soundfile.read(path)[0].round(4))]
    assert silent == ["1076_MTI_SAD_XX"]
    clips = [Utterance(path, "sad", "x", "m", "x") for path in left_out]
    assert duplicate_groups(clips) == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
    ]


def test_what_listeners_heard_is_the_published_vote(parsed, corpora_root):
    """Where they agreed it is the table's winner; with the actor they agree on 41.6 % of clips."""
    rows = manifest(corpora_root, "cremad")
    codes = dict(
        zip("ADFHNS", ("angry", "disgust", "fearful", "happy", "neutral", "sad"), strict=True)
    )
    n_agreed = 0
    for utterance in parsed["cremad"]:
        votes = np.array(utterance.votes)
        assert votes.shape == (8,) and votes.sum() == pytest.approx(1)
        winners = {LABELS[i] for i in np.flatnonzero(votes == votes.max())}
        assert winners == {codes[c] for c in rows[utterance.stem]["voice_vote"].split(":")}
        n_agreed += winners == {utterance.emotion}
    assert n_agreed / len(parsed["cremad"]) == pytest.approx(0.416, abs=0.0005)  # as published


# --- TESS, SAVEE, EmoDB, EMOVO ----------------------------------------------------------------


def test_tess_knows_two_women_and_the_file_that_lacks_a_letter(tmp_path):
    folder = tmp_path / "tess"
    for stem in ("OAF_angry/OA_bite_neutral", "OAF_Pleasant_surprise/OAF_back_ps", "YAF_back_fear"):
        touch(folder / f"{stem}.wav")
    found = [(u.stem, u.emotion, u.speaker, u.sex, u.age) for u in load_corpora(["tess"], tmp_path)]
    assert found == [
        ("OAF_back_ps", "surprised", "tess-oaf", "f", 64),
        ("OA_bite_neutral", "neutral", "tess-oaf", "f", 64),
        ("YAF_back_fear", "fearful", "tess-yaf", "f", 26),
    ]
    assert CORPORA["tess"].no_derivatives


def test_savee_speaks_by_folder_or_by_prefix(tmp_path):
    folder = tmp_path / "savee"
    codes = {"a": "angry", "d": "disgust", "f": "fearful", "h": "happy", "n": "neutral"}
    codes |= {"sa": "sad", "su": "surprised"}
    for code in codes:
        touch(folder / "AudioData" / "DC" / f"{code}01.wav")
    touch(folder / "AudioData" / "KL" / "sa01.wav")
    touch(folder / "JE_su15.wav")
    touch(folder / "AudioData" / "XY" / "a01.wav")
    found = {u.stem: u for u in load_corpora(["savee"], tmp_path)}
    assert {stem: u.emotion for stem, u in found.items()} == {
        **{f"DC_{code}01": emotion for code, emotion in codes.items()},
        "KL_sa01": "sad",
        "JE_su15": "surprised",
    }
    assert {u.speaker for u in found.values()} == {"savee-dc", "savee-kl", "savee-je"}
    assert {(u.sex, u.age) for u in found.values()} == {("m", None)}


def test_boredom_is_a_class_of_its_own(parsed):
    others = Counter(u.emotion for u in parsed["emodb"] if u.emotion not in LABELS)
    assert others == {"boredom": 81}
    ages = {u.speaker: u.age for u in parsed["emodb"]}
    assert (ages["emodb-09"], ages["emodb-14"], len(ages)) == (21, 35, 10)


# --- IEMOCAP ----------------------------------------------------------------------------------

TURNS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes03F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-F1:\tAnger;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes03F_impro01_M000\tfru\t[2.5000, 2.5000, 2.5000]
[11.0100 - 12.3925]\tSes03F_impro01_M001\txxx\t[2.5000, 2.5000, 2.5000]
[12.0100 - 13.3925]\tSes03F_impro01_M002\toth\t[2.5000, 2.5000, 2.5000]
[13.0100 - 14.3925]\tSes03F_impro01_MXX0\texc\t[2.5000, 2.5000, 2.5000]
[14.0100 - 15.3925]\tSes03F_impro01_F009\tang\t[2.5000, 2.5000, 2.5000]
"""


@pytest.mark.parametrize("release", ["", "IEMOCAP_full_release"])
def test_iemocap_is_read_as_its_release_lays_it_out(tmp_path, release):
    session = tmp_path / "iemocap" / release / "Session3"
    evaluation = session / "dialog" / "EmoEvaluation"
    touch(evaluation / "Ses03F_impro01.txt", TURNS.encode())
    touch(evaluation / "._Ses03F_impro01.txt", b"\xb0\xff")
    one_judge = b"[1 - 2]\tSes03F_impro01_F000\tsad\t[1, 1, 1]"
    touch(evaluation / "Categorical" / "Ses03F_impro01_e1_cat.txt", one_judge)
    touch(session / "dialog" / "wav" / "Ses03F_impro01.wav")
    turns = session / "sentences" / "wav" / "Ses03F_impro01"
    for token in ("F000", "M000", "M001", "M002", "MXX0", "M099"):  # F009 was never cut out
        touch(turns / f"Ses03F_impro01_{token}.wav")
    touch(turns / "._Ses03F_impro01_F000.wav")
    found = load_corpora(["iemocap"], tmp_path)
    assert [(u.stem[-4:], u.emotion, u.speaker, u.sex) for u in found] == [
        ("F000", "neutral", "iemocap-3f", "f"),
        ("M000", "frustrated", "iemocap-3m", "m"),
        ("MXX0", "excited", "iemocap-3m", "m"),
    ]
    assert {u.group for u in found} == {"iemocap-session3"}


# --- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", WITH_MANIFEST)
def test_names_say_what_an_independent_table_says(parsed, corpora_root, corpus):
    words = {"fear": "fearful", "surprise": "surprised"}
    prefix = {"ravdess-song": "ravdess"}.get(corpus, corpus)
    rows = manifest(corpora_root, corpus)
    assert len(parsed[corpus]) == len(rows) - len(CORPORA[corpus].left_out)
    for utterance in parsed[corpus]:
        row = rows[utterance.stem]
        assert utterance.emotion == words.get(row["emotion"], row["emotion"])
        assert utterance.speaker == f"{prefix}-{row['speaker'].lower()}"
        assert utterance.sex == row["sex"]


@pytest.mark.parametrize(
    ("corpus", "n_clips", "n_men", "n_women"),
    [
        ("ravdess", 1440, 12, 12),
        ("ravdess-song", 1012, 12, 11),
        ("cremad", 7435, 48, 43),
        ("tess", 2800, 0, 2),
        ("emodb", 535, 5, 5),
        ("emovo", 588, 3, 3),
    ],
)
def test_clips_and_speakers_are_as_published(parsed, corpus, n_clips, n_men, n_women):
    assert len(parsed[corpus]) == n_clips
    sexes = Counter(sex for _, sex in {(u.speaker, u.sex) for u in parsed[corpus]})
    assert (sexes["m"], sexes["f"]) == (n_men, n_women)


def test_together_no_two_clips_share_a_name_and_no_two_people_an_id(corpora_root):
    everything = load_corpora(PUBLIC, corpora_root)
    assert len({u.stem for u in everything}) == len(everything) == 13_810
    assert {u.emotion for u in everything} == {*LABELS, "boredom"}
    # 24 RAVDESS actors, whose song is by 23 of them, and all the others
    assert len({u.speaker for u in everything}) == 24 + 91 + 2 + 10 + 6
    known = {"speaker": "sex", "stem": "corpus"}
    for one, other in known.items():
        pairs = {(getattr(u, one), getattr(u, other)) for u in everything}
        assert len(pairs) == len({first for first, _ in pairs})


@pytest.mark.parametrize(
    ("corpus", "stem"),
    [
        ("ravdess-song", "03-01-02-01-01-01-01"),  # speech
        ("cremad", "1001_DFA_ANG"),
        ("cremad", "1001_DFA_XXX_XX"),
        ("cremad", "1001_DFA_ANG_XX (1)"),
        ("cremad", "9001_DFA_ANG_XX"),
        ("tess", "OAF_back_surprise"),
        ("tess", "MAF_back_angry"),
        ("emodb", "03a01Xa"),
        ("emodb", "04a01Fa"),
        ("emovo", "ira-f1-b1"),
        ("emovo", "dis-f4-b1"),
        ("savee", "a01"),
        ("savee", "DC_x01"),
        ("iemocap", "Ses01F_impro01_F000"),
    ],
)
def test_other_names_are_no_clips(tmp_path, corpus, stem):
    touch(CORPORA[corpus].folder(tmp_path) / f"{stem}.wav")
    assert CORPORA[corpus](tmp_path) == []


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=list(CORPORA))
def test_a_corpus_says_whose_it_is_and_where_it_comes_from(tmp_path, corpus):
    assert CORPORA[corpus.name] is corpus
    assert all((corpus.title, corpus.language, corpus.license, corpus.citation))
    assert "{" not in corpus.where_from(tmp_path)
    with pytest.raises(CorpusError) as error:
        load_corpora([corpus.name], tmp_path)
    assert corpus.where_from(tmp_path) in str(error.value)
    assert "SER_DATA" in str(error.value)


def test_label_maps_know_only_the_eight_and_the_auxiliary_classes():
    from train.corpora import cremad, emodb, emovo, iemocap, savee, tess

    assert not set(AUXILIARY) & set(LABELS)
    for module in (cremad, emodb, emovo, iemocap, savee, tess):
        assert set(module.EMOTIONS.values()) <= {*LABELS, *AUXILIARY}
        assert "calm" not in module.EMOTIONS.values()  # nobody else tells it from neutral


def test_a_missing_corpus_says_what_to_do(tmp_path):
    with pytest.raises(CorpusError, match="prepare"):
        load_corpora(["ravdess"], tmp_path)
    with pytest.raises(CorpusError, match="ravdess"):
        load_corpora(["ravdes"], tmp_path)


def test_two_clips_of_one_name_that_hold_something_else_are_refused(tmp_path):
    for number, folder in enumerate(("tess", "tess/TESS")):
        touch(tmp_path / folder / "OAF_back_sad.wav", bytes([number]))
    with pytest.raises(CorpusError, match="Two clips are called OAF_back_sad") as error:
        load_corpora(["tess"], tmp_path)
    assert str(tmp_path / "tess" / "TESS") in str(error.value)


# --- what people have on their disks --------------------------------------------------------------


def small_ravdess_in(folder: Path) -> list[Path]:
    """Eight clips of one actor, no two alike."""
    paths = [folder / f"03-01-{code:02d}-01-01-01-01.wav" for code in range(1, 9)]
    for path in paths:
        touch(path, path.name.encode())
    return paths


def test_a_tree_that_holds_everything_twice_is_read_once_and_named(tmp_path, capsys):
    """As the zip of a well-known mirror unpacks."""
    clips = small_ravdess_in(tmp_path / "ravdess" / "Actor_01")
    again = tmp_path / "ravdess" / "audio_speech_actors_01-24"
    small_ravdess_in(again / "Actor_01")
    found = load_corpora(["ravdess"], tmp_path)
    assert [u.path for u in found] == clips
    said = capsys.readouterr().err
    assert f"ravdess: 8 clips lie there more than once; the copies in {again / 'Actor_01'}" in said
    assert said.count("\n") == 1


def test_what_lies_behind_links_is_read_once(tmp_path):
    clips = small_ravdess_in(tmp_path / "elsewhere" / "Actor_01")
    (tmp_path / "ravdess").mkdir()
    (tmp_path / "ravdess" / "Actor_01").symlink_to(tmp_path / "elsewhere" / "Actor_01")
    (tmp_path / "elsewhere" / "Actor_01" / "back").symlink_to(tmp_path / "ravdess")
    assert len(load_corpora(["ravdess"], tmp_path)) == len(clips)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ravdess").symlink_to(tmp_path / "elsewhere")
    assert len(load_corpora(["ravdess"], tmp_path / "data")) == len(clips)


@pytest.mark.parametrize("suffix", [".m4a", ".aiff", ".WAV", ".caf"])
def test_a_corpus_may_have_been_encoded_anew(tmp_path, suffix):
    touch(tmp_path / "emodb" / f"03a01Fa{suffix}")
    assert len(load_corpora(["emodb"], tmp_path)) == 1


def test_renamed_copies_are_named_with_what_was_expected(tmp_path):
    for name in ("f10 (2).wav", "f11 (1).wav"):
        touch(tmp_path / "emodb" / "flat" / name)
    with pytest.raises(CorpusError) as error:
        load_corpora(["emodb"], tmp_path)
    assert "2 sound files lie there, but flat/f10 (2).wav is no name" in str(error.value)
    assert "called as 03a01Fa is" in str(error.value)


def test_what_is_still_packed_is_named(tmp_path):
    for place in (tmp_path / "tess" / "TESS.zip", tmp_path / "data" / "TESS.zip"):
        touch(place)
        with pytest.raises(CorpusError, match="is still packed") as error:
            load_corpora(["tess"], tmp_path if place.parent.name == "tess" else place.parent)
        assert str(place) in str(error.value)


def test_files_that_are_no_sound_are_named(tmp_path):
    touch(tmp_path / "savee" / "AudioData" / "DC" / "a01.sph")
    with pytest.raises(CorpusError, match=r"none of them a sound: AudioData/DC/a01\.sph"):
        load_corpora(["savee"], tmp_path)


def test_a_root_that_is_the_corpus_itself_is_said(tmp_path):
    small_ravdess_in(tmp_path / "Actor_01")
    small_ravdess_in(tmp_path / "Actor_02")
    with pytest.raises(CorpusError) as error:
        load_corpora(["ravdess"], tmp_path)
    assert f"16 clips of it lie in {tmp_path}: SER_DATA is to name a folder" in str(error.value)


def test_another_name_of_the_folder_is_said(tmp_path):
    small_ravdess_in(tmp_path / "RAVDESS speech")
    with pytest.raises(CorpusError, match="rename or link that folder to ravdess") as error:
        load_corpora(["ravdess"], tmp_path)
    assert f"8 clips of it lie in {tmp_path / 'RAVDESS speech'}" in str(error.value)


def test_pointers_of_git_lfs_are_said_once(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 80000\n"
    for number, name in enumerate(("1001_DFA_ANG_XX", "1001_DFA_DIS_XX", "1001_DFA_FEA_XX")):
        touch(tmp_path / "cremad" / "AudioWAV" / f"{name}.wav", pointer % number)
    with pytest.raises(CorpusError, match="3 cremad clips are not here yet") as error:
        load_corpora(["cremad"], tmp_path)
    assert "git lfs pull" in str(error.value) and "ANG_XX.wav" in str(error.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_tables_that_a_spreadsheet_saved_anew(tmp_path, delimiter, mark):
    folder = tmp_path / "cremad"
    touch(folder / "AudioWAV" / "1001_IEO_FEA_HI.wav")
    tables = {"VideoDemographics.csv": DEMOGRAPHICS, "processedResults/tabulatedVotes.csv": VOTES}
    for name, text in tables.items():
        touch(folder / name, mark + text.replace(",", delimiter).encode())
    (found,) = load_corpora(["cremad"], tmp_path)
    assert (found.age, found.sex, found.votes) == (51, "m", (0, 0, 0, 0, 0, 0.75, 0.25, 0))


def test_a_table_that_lacks_a_column_is_named(tmp_path):
    touch(tmp_path / "cremad" / "1001_IEO_FEA_HI.wav")
    touch(tmp_path / "cremad" / "VideoDemographics.csv", b"ActorID,Age\n1001,51\n")
    with pytest.raises(CorpusError, match=r"VideoDemographics\.csv has no column 'Sex'"):
        load_corpora(["cremad"], tmp_path)


def test_a_clip_that_cannot_be_read_is_named(tmp_path):
    touch(tmp_path / "emptied.wav", b"")
    with pytest.raises(CorpusError, match=r"emptied\.wav cannot be read: The file is empty"):
        load_clip(tmp_path / "emptied.wav")
