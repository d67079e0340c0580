"""Parts: each whole, each file in one, whatever was written twice."""

import pandas as pd
import pytest

from ser.recordings.parts import RUN, Parts, part_name
from ser.recordings.rows import COLUMNS
from ser.recordings.whole_files import OutputError


@pytest.fixture(params=["folder", "memory"])
def parts(request, tmp_path):
    made = Parts(str(tmp_path / "out") if request.param == "folder" else f"memory://{tmp_path}")
    made.claim({"model": "a"})
    return made


def write(parts, *files, error=None):
    rows = [
        {
            **dict.fromkeys(COLUMNS),
            "file": file,
            "error": error,
            "label": None if error else "sad",
            "duration_s": 2.0,
        }
        for file in files
    ]
    parts.write(files, rows, COLUMNS, 0)


def test_a_part_that_is_written_twice_is_one(parts):
    for _ in range(2):
        write(parts, "a.wav", "b.wav")
    assert parts.names() == [part_name(["a.wav", "b.wav"])]
    tally = parts.tally({"a.wav", "b.wav"})
    assert (tally.n_judged, tally.audio_s) == (2, 4.0)


def test_a_file_in_two_parts_is_taken_out_of_one(parts):
    write(parts, "a.wav", "b.wav")
    write(parts, "b.wav", "c.wav")
    write(parts, "c.wav")
    for _ in range(2):  # the first time mends it
        tally = parts.tally({"a.wav", "b.wav", "c.wav"})
        assert (tally.n_judged, tally.audio_s) == (3, 6.0)
    rows = [row for name in parts.names() for row in parts._read(name).to_pylist()]
    assert sorted(row["file"] for row in rows) == ["a.wav", "b.wav", "c.wav"]
    assert list(rows[0]) == COLUMNS


def test_counts_add_up_and_other_files_are_not_counted(parts):
    write(parts, "a.wav", "other.wav")
    write(parts, "b.wav", error="broken")
    silent = {"file": "c.wav", "warnings": "No speech was heard."}
    parts.write(["c.wav"], [silent], COLUMNS, 0)
    tally = parts.tally({"a.wav", "b.wav", "c.wav"})
    assert (tally.n_judged, tally.n_silent, tally.n_errors) == (1, 1, 1)
    assert "other.wav" in tally.files


def test_again_takes_out_what_has_an_error(parts):
    write(parts, "a.wav")
    write(parts, "b.wav", error="broken")
    assert parts.tally({"b.wav"}, again=True).files == {"a.wav"}
    assert parts.tally({"b.wav"}).files == {"a.wav"}


def test_a_folder_of_something_else_is_refused(parts, tmp_path):
    with pytest.raises(OutputError, match="another model or other options"):
        Parts(parts.out).claim({"model": "b"})
    Parts(parts.out).claim({"model": "a"})
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(OutputError, match="not the folder of this run"):
        Parts(str(other)).check_claimed()
    pd.DataFrame({"a": [1]}).to_parquet(other / "mine.parquet")
    with pytest.raises(OutputError, match="holds other tables"):
        Parts(str(other)).claim({"model": "a"})
    assert not (other / RUN).exists()
    (tmp_path / "file").write_text("words")
    with pytest.raises(OutputError, match="cannot be a folder"):
        Parts(str(tmp_path / "file")).claim({})
    with pytest.raises(OutputError, match="nothing://"):
        Parts("nothing://bucket")


def test_a_part_that_is_damaged_is_named(parts):
    write(parts, "a.wav")
    (name,) = parts.names()
    parts._put(name, b"PAR1 words")
    with pytest.raises(OutputError, match=f"{name} is no part of this run: please remove it"):
        parts.tally(set())
