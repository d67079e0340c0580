"""Label files, read back by the libraries of other programs."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import audformat
import audformat.utils
import duckdb
import numpy as np
import pandas as pd
import parselmouth
import polars
import praatio.textgrid
import pympi
import pysubs2
import pytest
import tgt
from parselmouth.praat import call
from pyannote.database.util import load_rttm

from ser.labels import LABELS
from ser.recordings.labels import check_outputs, form_of, tables, write_labels
from ser.recordings.timeline import Segment, Timeline
from ser.recordings.whole_files import OutputError, write_text
from tests.bounds import FLOAT32

ROOT = Path(__file__).parent.parent.parent
MODEL = {"name": "m", "revision": "r"}
HALF_MS = 0.5e-3 + 1e-9


def segment(start_s, end_s, label, channel=None):
    if label is None:  # no voice after all
        return Segment(start_s, end_s, channel, None, None, None, 0.9)
    probabilities = np.full(8, 0.02)
    probabilities[LABELS.index(label)] = 0.86
    return Segment(start_s, end_s, channel, label, probabilities, 0.86, 0.9)


ONE = Timeline(
    [
        segment(0.00001, 1.5, "happy"),
        segment(1.5, 2.0004, "sad"),
        segment(3.7, 4.1, None),
        segment(3661.25, 3661.75, "angry"),
    ],
    3662.0,
    [],
    MODEL,
)
TWO = Timeline(
    [segment(0.5, 2.0, "calm", 1), segment(1.0, 2.5, "fearful", 2), segment(3.0, 4.0, "calm", 1)],
    4.0,
    [],
    MODEL,
    [1, 2],
)
NONE = Timeline([], 4.0, ["No speech was heard."], MODEL)
TOLD = [(s.start_s, s.end_s, s.label) for s in ONE.segments if s.label]


@pytest.fixture
def write(tmp_path):
    def write_as(timeline, name, file="a talk, long.wav"):
        path = tmp_path / name
        write_labels(timeline, file, path)
        data = path.read_bytes()
        assert not data or data.endswith(b"\n") or name.endswith(".parquet")
        return path

    return write_as


def assert_told(found, expected=TOLD, within=HALF_MS):
    assert [label for *_, label in found] == [label for *_, label in expected]
    times = np.array([row[:2] for row in found], dtype=float)
    np.testing.assert_allclose(times, [row[:2] for row in expected], rtol=0, atol=within)


# --- tables -------------------------------------------------------------------------------------


def rows_of(read):
    return {
        "pandas": lambda path: pd.read_csv(path).to_dict("records"),
        "polars": lambda path: polars.read_csv(path).to_dicts(),
        "duckdb": lambda path: duckdb.sql(f"from '{path}'").df().to_dict("records"),
        "parquet pandas": lambda path: pd.read_parquet(path).to_dict("records"),
        "parquet polars": lambda path: polars.read_parquet(path).to_dicts(),
        "parquet duckdb": lambda path: duckdb.sql(f"from '{path}'").df().to_dict("records"),
    }[read]


READERS = ["pandas", "polars", "duckdb", "parquet pandas", "parquet polars", "parquet duckdb"]


@pytest.mark.parametrize("reader", READERS)
def test_tables(write, reader):
    path = write(TWO, "t.parquet" if reader.startswith("parquet") else "t.csv")
    rows = rows_of(reader)(path)
    assert list(rows[0]) == tables.COLUMNS
    for row, s in zip(rows, TWO.segments, strict=True):
        assert (row["file"], row["label"]) == ("a talk, long.wav", s.label)
        assert int(row["channel"]) == s.channel
        expected = [s.start_s, s.end_s, s.confidence, s.speech_share, *s.probabilities]
        names = ["start_s", "end_s", "confidence", "speech_share", *(f"p_{n}" for n in LABELS)]
        np.testing.assert_allclose([row[name] for name in names], expected, rtol=FLOAT32)


@pytest.mark.parametrize("reader", READERS)
def test_tables_of_nothing_and_of_no_label(write, reader):
    suffix = "parquet" if reader.startswith("parquet") else "csv"
    assert rows_of(reader)(write(NONE, f"none.{suffix}")) == []
    row = rows_of(reader)(write(ONE, f"one.{suffix}"))[2]
    for name in ("label", "confidence", *(f"p_{n}" for n in LABELS)):
        assert row[name] is None or row[name] != row[name], "an empty cell is a missing value"


@pytest.mark.parametrize("reader", READERS[:3])
def test_a_name_with_a_line_break_in_it_is_one_name(write, reader):
    for end in ("\r", "\n", "\r\n"):
        file = f"Icon{end}.wav"
        assert [row["file"] for row in rows_of(reader)(write(TWO, "t.csv", file=file))] == [
            file
        ] * 3


def test_numbers_in_a_csv_are_plain_decimals(write):
    assert "e-" not in write(ONE, "t.csv").read_text().replace("file,", "")
    assert (
        write(ONE, "t.csv").read_text().splitlines()[1].startswith('"a talk, long.wav",0.000,1.5')
    )


def test_json_is_the_one_form(write):
    read = json.loads(write(TWO, "t.json").read_text())
    assert read == {"file": "a talk, long.wav", **TWO.to_dict()}
    assert read["segments"][0]["start_ms"] == 500
    assert sum(read["segments"][0]["probabilities"].values()) == pytest.approx(1)


def test_audformat(write, tmp_path):
    path = write(ONE, "db.emotions.audformat.csv", file="talk.wav")
    expected = [s for s in ONE.segments if s.label]
    read = audformat.utils.read_csv(path)
    read = read[read["emotion"].notna()]
    assert audformat.is_segmented_index(read)
    found = [(s.total_seconds(), e.total_seconds()) for _, s, e in read.index]
    assert_told([(*times, label) for times, label in zip(found, read["emotion"], strict=True)])

    database = audformat.Database("db")
    database.schemes["emotion"] = audformat.Scheme(labels=list(LABELS))
    database.schemes["confidence"] = audformat.Scheme("float")
    database["emotions"] = audformat.Table(audformat.segmented_index(["x"], ["0s"], ["1s"]))
    for name in ("emotion", "confidence"):
        database["emotions"][name] = audformat.Column(scheme_id=name)
    database.save(tmp_path / "db", storage_format="csv")
    path.replace(tmp_path / "db" / "db.emotions.csv")
    table = audformat.Database.load(tmp_path / "db")["emotions"].get().dropna()
    ends_s = [end.total_seconds() for _, _, end in table.index]
    np.testing.assert_allclose(ends_s, [s.end_s for s in expected], atol=HALF_MS)
    assert list(table["emotion"]) == [s.label for s in expected]


# --- tiers --------------------------------------------------------------------------------------


def test_textgrid_in_praat(write):
    grid = parselmouth.read(str(write(ONE, "t.TextGrid")))
    n = int(call(grid, "Get number of intervals", 1))
    asked = [call(grid, f"Get {what} of interval", 1, 1) for what in ("start time", "label")]
    assert asked == [0, ""]
    found = []
    for i in range(1, n + 1):
        times = (call(grid, f"Get {what} time of interval", 1, i) for what in ("start", "end"))
        found.append((*times, call(grid, "Get label of interval", 1, i)))
    for one, other in zip(found, found[1:], strict=False):
        assert one[1] == other[0], "a hole"
    assert (found[0][0], found[-1][1]) == (0, ONE.duration_s)
    assert_told([row for row in found if row[2]], within=1e-6)


def test_textgrid_in_praatio_and_tgt_and_pympi(write):
    path = write(TWO, "t.TextGrid")
    by_channel = {
        f"emotion channel {channel}": [
            (s.start_s, s.end_s, s.label) for s in TWO.segments if s.channel == channel
        ]
        for channel in (1, 2)
    }
    grid = praatio.textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert {name: [tuple(e) for e in grid.getTier(name).entries] for name in grid.tierNames} == (
        by_channel
    )
    read = tgt.io.read_textgrid(path)
    assert {
        tier.name: [(i.start_time, i.end_time, i.text) for i in tier if i.text]
        for tier in read.tiers
    } == by_channel
    tiers = {tier.name: tier for tier in pympi.Praat.TextGrid(str(path)).get_tiers()}
    assert {n: [i for i in t.get_all_intervals() if i[2]] for n, t in tiers.items()} == by_channel


def test_textgrid_of_nothing_covers_all_the_time(write):
    grid = parselmouth.read(str(write(NONE, "t.textgrid")))
    assert int(call(grid, "Get number of intervals", 1)) == 1
    assert call(grid, "Get total duration") == 4.0


def test_eaf(write):
    read = pympi.Elan.Eaf(str(write(ONE, "t.eaf", file="ein schöner Tag.wav")))
    assert list(read.get_tier_names()) == ["emotion"]
    data = sorted(read.get_annotation_data_for_tier("emotion"))
    assert all(isinstance(t, int) and start < end for start, end, _ in data for t in (start, end))
    assert_told([(start / 1e3, end / 1e3, label) for start, end, label in data])
    two = pympi.Elan.Eaf(str(write(TWO, "two.eaf")))
    assert sorted(two.get_tier_names()) == ["emotion channel 1", "emotion channel 2"]
    assert list(pympi.Elan.Eaf(str(write(NONE, "none.eaf"))).get_tier_names()) == []


# --- captions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.vtt", "t.srt"])
def test_subtitles(write, name):
    events = pysubs2.load(str(write(ONE, name)))
    found = [(e.start / 1e3, e.end / 1e3, e.plaintext) for e in events]
    assert_told(found, [(start, end, f"{label}, 86 %") for start, end, label in TOLD])
    texts = [event.plaintext for event in pysubs2.load(str(write(TWO, f"two.{name[2:]}")))]
    assert texts[:2] == ["channel 1: calm, 86 %", "channel 2: fearful, 86 %"]
    assert not any(bad in text for text in texts for bad in (">", "{", "-->"))


def test_audacity(write):
    lines = write(ONE, "t.txt").read_text().split("\n")
    assert lines.pop() == ""
    found = [line.split("\t") for line in lines]
    assert_told([(float(start), float(end), label) for start, end, label in found])


@pytest.mark.parametrize("file", ["a talk.wav", "null.wav", "NA.wav"])
def test_rttm(write, file):
    (annotation,) = load_rttm(write(ONE, "t.rttm", file=file)).values()
    found = [(s.start, s.end, label) for s, _, label in annotation.itertracks(yield_label=True)]
    assert_told(found, within=2 * HALF_MS)
    both = write(TWO, "two.rttm").read_text().splitlines()
    assert [line.split()[2] for line in both] == ["1", "2", "1"]
    assert all(len(line.split()) == 10 for line in both)


# --- written whole or not at all ----------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_said_before_the_work(tmp_path):
    for path, sentence in {
        tmp_path / "missing" / "t.csv": "no folder",
        tmp_path / "t.xlsx": "by the file's name",
        tmp_path / "t": "by the file's name",
    }.items():
        with pytest.raises(OutputError, match=sentence):
            check_outputs([path])
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_outputs([tmp_path / "t.csv"])
    assert os.listdir(tmp_path) == ["t.csv"]
    assert form_of(Path("x.AUDFORMAT.CSV")) is tables.audformat


def test_a_name_may_be_as_long_as_the_disk_takes_it_and_no_longer(write, tmp_path):
    longest = "x" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4)
    assert write(ONE, f"{longest}.csv").exists()
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        check_outputs([tmp_path / f"x{longest}.csv"])


def test_what_is_read_is_never_written_over(tmp_path):
    sound, link = tmp_path / "talk.json", tmp_path / "link.csv"
    sound.write_bytes(b"a sound")
    link.symlink_to(sound)
    for path in (sound, tmp_path / "." / ".." / tmp_path.name / "talk.json", link):
        with pytest.raises(OutputError, match="is one of the files to read"):
            check_outputs([path], [tmp_path / "none.wav", sound])
    check_outputs([tmp_path / "other.json"], [sound])


def test_parquet_without_pyarrow_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(OutputError, match="pip install pyarrow"):
        check_outputs([tmp_path / "t.parquet"])


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "t.json"
    path.write_text("before\n")
    code = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path; from tests.recordings.test_labels import ONE\n"
        "from ser.recordings.labels import write_labels\n"
        f"write_labels(ONE, 'a.wav', Path({str(path)!r}))\n"
    )

    def no_more_than_100_bytes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=no_more_than_100_bytes,
    )
    assert "OutputError" in done.stderr and "could not be written: File too large" in done.stderr
    assert path.read_text() == "before\n"
    assert os.listdir(tmp_path) == ["t.json"]


def test_a_name_that_is_no_utf8_is_written_as_far_as_it_is(write):
    name = os.fsdecode(b"caf\xe9.wav")
    assert (
        pd.read_csv(write(ONE, "t.csv", file=name))["file"][0] == "caf\N{REPLACEMENT CHARACTER}.wav"
    )


def test_a_written_file_has_the_usual_rights(tmp_path):
    write_text(tmp_path / "a", "b\n")
    (tmp_path / "usual").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode
