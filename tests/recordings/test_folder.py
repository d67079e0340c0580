"""Many files: one row each, whatever happens on the way."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest
import soundfile

from ser.labels import LABELS
from ser.recordings import workers
from ser.recordings.folder import judge_files, sound_files, write_folder
from ser.recordings.journal import Journal
from ser.recordings.rows import COLUMNS, DIED
from ser.recordings.whole_files import OutputError
from ser.sound.audio import SAMPLE_RATE
from tests.cli.typed import run, start
from tests.recordings import killer
from train.places import ROOT

N_FILES = 60


def write(path, samples):
    soundfile.write(path, samples, SAMPLE_RATE)


@pytest.fixture(scope="module")
def folder(speech, tmp_path_factory) -> Path:
    """Sixty clips of the synthetic voice at other speeds, and bad files among them."""
    root = tmp_path_factory.mktemp("folder")
    (root / "below" / ".hidden").mkdir(parents=True)
    for number in range(N_FILES):
        positions = np.arange(0, len(speech) - 1, 0.8 + 0.4 * number / N_FILES)
        clip = np.interp(positions, np.arange(len(speech)), speech)
        write(root / ("below" if number % 2 else ".") / f"clip {number:02d}.wav", clip)
    (root / "empty.wav").write_bytes(b"")
    (root / "words, and more.wav").write_bytes(b"only words" * 20)
    write(root / "silent.flac", np.zeros(SAMPLE_RATE))
    write(root / "one.wav", np.ones(1))
    soundfile.write(root / "nan.wav", np.full(SAMPLE_RATE, np.nan), SAMPLE_RATE, subtype="FLOAT")
    half = (root / "clip 00.wav").read_bytes()
    (root / "half.wav").write_bytes(half[: len(half) // 2])
    (root / "notes.txt").write_text("no sound")
    write(root / "below" / ".hidden" / "no.wav", speech)
    return root


REASONS = {
    "empty.wav": "The file is empty",
    "words, and more.wav": "not a sound file",
    "silent.flac": "It is silent",
    "one.wav": "too short",
    "nan.wav": "not numbers",
}


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    """The rows of an undisturbed run on one worker, as bytes."""
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    assert write_folder(sound_files(folder), path, n_workers=1) == len(REASONS)
    assert [p.name for p in path.parent.iterdir()] == ["rows.csv"]
    return path.read_bytes()


def test_the_files_of_a_folder_are_its_sounds(folder):
    names = [os.path.relpath(file, folder) for file in sound_files(folder)]
    assert len(names) == N_FILES + len(REASONS) + 1 and names == sorted(names)
    assert "notes.txt" not in names and not any("hidden" in name for name in names)


def test_one_row_a_file_and_errors_are_rows(folder, table, pipeline, tmp_path):
    (tmp_path / "t.csv").write_bytes(table)
    rows = pd.read_csv(tmp_path / "t.csv")
    assert list(rows) == COLUMNS
    assert list(rows["file"]) == sound_files(folder)
    for row in rows.to_dict("records"):
        name = os.path.basename(row["file"])
        if name in REASONS:
            assert REASONS[name] in row["error"] and row["label"] != row["label"]
        else:
            assert row["error"] != row["error"]
            assert sum(row[f"p_{label}"] for label in LABELS) == pytest.approx(1, abs=1e-5)
    clip = rows[rows["file"].str.endswith("clip 00.wav")].iloc[0]
    assert clip["label"] == pipeline.predict(clip["file"]).emotion.name


def test_workers_change_nothing_and_parquet_holds_the_same(folder, table, tmp_path):
    path = tmp_path / "rows.parquet"
    write_folder(sound_files(folder), path, n_workers=2)
    (tmp_path / "t.csv").write_bytes(table)
    expected, found = polars.read_csv(tmp_path / "t.csv"), polars.read_parquet(path)
    assert list(found["file"]) == list(expected["file"])
    assert list(found["label"]) == list(expected["label"])
    assert list(found["error"]) == list(expected["error"])
    for label in LABELS:
        np.testing.assert_allclose(found[f"p_{label}"], expected[f"p_{label}"], atol=1e-6)


def test_the_iterator_keeps_the_order_and_repeats(folder):
    files = sound_files(folder)[:4]
    files = [files[2], files[0], files[2], folder / "none.wav"]
    rows = list(judge_files(files, n_workers=2, emotions=["sad", "happy"]))
    assert [row["file"] for row in rows] == [str(file) for file in files]
    assert rows[0] == rows[2] and rows[0]["label"] in ("sad", "happy")
    assert rows[3]["error"] == f"There is no file {folder / 'none.wav'}."


def lines(path) -> list:
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()][1:]


def children(pid) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def is_running(pid) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_run_that_is_killed_goes_on_where_it_was(folder, table, tmp_path):
    path, journal = tmp_path / "rows.csv", tmp_path / "rows.csv.journal"
    arguments = ("folder", folder, "--out", path, "--workers", 2)
    n_before = []
    for n_more in (7, 9):  # killed twice
        going = start(*arguments)
        try:
            wanted = len(lines(journal)) + n_more
            until(lambda wanted=wanted: len(lines(journal)) >= wanted)
            family = children(going.pid)
        finally:
            going.send_signal(signal.SIGKILL)
            going.communicate()
        assert len(family) >= 2
        until(lambda family=family: not any(map(is_running, family)), 20)
        assert not path.exists()
        n_before.append(len(lines(journal)))
    with journal.open("ab") as file:
        file.write(b'["half a li')  # as if killed in the middle of a write
    done = run(*arguments)
    assert done.returncode == 1, done.stderr
    assert f"{n_before[-1]} of {N_FILES + 6} files were done before" in done.stderr
    assert n_before[0] < n_before[1] < N_FILES
    assert path.read_bytes() == table  # nothing twice, nothing lost
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]


def test_what_was_done_is_not_judged_again_unless_the_file_is_another(folder, speech, tmp_path):
    path = tmp_path / "rows.csv"
    clips = [tmp_path / name for name in ("a.wav", "b.wav")]
    for clip in clips:
        write(clip, speech)
    files = list(map(str, clips))
    with pytest.raises(KeyboardInterrupt):
        write_folder(files, path, n_workers=1, progress=interrupt_at(2))
    journal = path.with_name("rows.csv.journal")
    assert [entry[0] for entry in lines(journal)] == files
    write(clips[1], 0.5 * speech[: SAMPLE_RATE * 2])  # another sound under the same name
    told = []
    write_folder(files, path, n_workers=1, progress=lambda done, all_: told.append((done, all_)))
    assert told == [(1, 2), (2, 2)]
    assert pd.read_csv(path)["duration_s"].tolist() == [
        round(len(speech) / SAMPLE_RATE, 3),
        2.0,
    ]


def interrupt_at(n):
    def progress(n_done, _):
        if n_done == n:
            raise KeyboardInterrupt

    return progress


def test_a_process_that_dies_is_replaced_and_its_file_named(speech, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "judge_here", killer.judge)
    files = [tmp_path / f"{name}.wav" for name in ("a", "b", "killer", "c", "killer2", "d")]
    for file in files:
        write(file, speech)
    rows = list(judge_files(files, n_workers=2))
    assert [row["file"] for row in rows] == list(map(str, files))
    assert [row["error"] for row in rows] == [None, None, DIED, None, DIED, None]


def test_a_script_without_a_guard_reads_what_to_do(speech, tmp_path):
    write(tmp_path / "a.wav", speech)
    script = tmp_path / "script.py"
    script.write_text(
        "from ser.recordings.folder import judge_files\n"
        f"print(list(judge_files([{str(tmp_path / 'a.wav')!r}], n_workers=1)))\n"
    )
    run = [sys.executable, script]
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 1
    assert '`if __name__ == "__main__":`' in done.stderr.splitlines()[-1]
    script.write_text(
        script.read_text().replace("print(", 'if __name__ == "__main__":\n    print(')
    )
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0 and "'error': None" in done.stdout


def test_two_runs_do_not_write_one_file_and_models_do_not_mix(tmp_path):
    path = tmp_path / "rows.csv"
    journal = Journal(path, {"model": "a"})
    with pytest.raises(OutputError, match="Another run"):
        Journal(path, {"model": "a"})
    journal.close()
    with pytest.raises(OutputError, match="another model"):
        Journal(path, {"model": "b"})
    Journal(path, {"model": "a"}).remove()
    journal.path.write_text("a shopping list\n")
    with pytest.raises(OutputError, match="no journal"):
        Journal(path, {"model": "a"})


def test_a_journal_belongs_to_one_run_whoever_takes_it_away(tmp_path, monkeypatch):
    first = Journal(tmp_path / "rows.csv", {"model": "a"})
    first.path.unlink()  # by somebody who thought that it was left over
    second = Journal(tmp_path / "rows.csv", {"model": "a"})
    first.remove()
    assert second.path.exists()
    lock, n_locked = fcntl.flock, []

    def lock_late(*asked):
        if not n_locked:
            second.remove()  # between the opening of the third and its lock
        n_locked.append(lock(*asked))

    monkeypatch.setattr(fcntl, "flock", lock_late)
    third = Journal(tmp_path / "rows.csv", {"model": "a"})
    monkeypatch.undo()
    with pytest.raises(OutputError, match="Another run"):
        Journal(tmp_path / "rows.csv", {"model": "a"})
    third.remove()
    assert len(n_locked) == 2 and not list(tmp_path.iterdir())


def test_a_file_that_changes_while_it_is_judged_is_judged_again(speech, tmp_path):
    clip, path = tmp_path / "a.wav", tmp_path / "rows.csv"
    write(clip, speech)
    journal = Journal(path, {"model": "a"})
    (name,) = journal.begun([str(clip)])
    write(clip, speech[:SAMPLE_RATE])
    journal.add(name, {"file": name})
    journal.close()
    assert Journal(path, {"model": "a"}).rows == {}


def test_a_list_is_not_written_over(folder, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text(f"{folder / 'clip 00.wav'}\n")
    before = names.read_bytes()
    done = run("folder", names, "--out", names)
    assert done.returncode == 2 and "is one of the files to read" in done.stderr
    clip = tmp_path / "clip.csv"
    clip.write_bytes((folder / "clip 00.wav").read_bytes())
    with pytest.raises(OutputError, match="is one of the files to read"):
        write_folder([clip], clip)
    assert names.read_bytes() == before and sorted(tmp_path.iterdir()) == [clip, names]


def test_the_command_says_what_it_cannot_do(folder, tmp_path):
    out = ("--out", tmp_path / "rows.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, sentence in [
        ((empty, *out), "There is no sound file in"),
        ((f"{folder}/*.nothing", *out), "No file matches"),
        (("https://example.org/a.wav", *out), "This is an address"),
        ((folder, "--out", tmp_path / "rows.xlsx"), "written as .csv or .parquet"),
        ((folder, "--out", tmp_path / "no" / "rows.csv"), "There is no folder"),
        ((folder, *out, "--workers", "0"), "--workers takes 1 to"),
    ]:
        done = run("folder", *arguments)
        assert done.returncode == 2 and sentence in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [empty]


def test_a_list_and_odd_names(speech, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b'caf\xe9, "a".wav')
    write(os.fsdecode(odd) if os.name != "posix" else tmp_path / "plain.wav", speech)
    os.rename(tmp_path / "plain.wav", odd)
    (tmp_path / "list.txt").write_bytes(odd + b"\r\n\n" + odd + b"\n")
    done = run("folder", tmp_path / "list.txt", "--out", tmp_path / "a.csv", "--quiet")
    assert done.returncode == 0 and done.stderr == ""
    (row,) = pd.read_csv(tmp_path / "a.csv").to_dict("records")
    assert row["file"] == f'{tmp_path}/caf\N{REPLACEMENT CHARACTER}, "a".wav'
    by_pipe = run("folder", "-", "--out", tmp_path / "b.csv", input=odd, text=False)
    assert by_pipe.returncode == 0
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_file_that_is_not_there_may_have_any_name(name, tmp_path):
    missing = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav"))
    assert write_folder([missing], tmp_path / name, n_workers=1) == 1
    read = pd.read_csv if name.endswith(".csv") else pd.read_parquet
    (row,) = read(tmp_path / name).to_dict("records")
    shown = f"{tmp_path}/caf\N{REPLACEMENT CHARACTER}.wav"
    assert (row["file"], row["error"]) == (shown, f"There is no file {shown}.")


def test_ctrl_c_stops_at_once_and_keeps_what_is_done(folder, tmp_path):
    path, journal = tmp_path / "rows.csv", tmp_path / "rows.csv.journal"
    going = start("folder", folder, "--out", path)
    try:
        until(lambda: len(lines(journal)) >= 3)
        asked = time.monotonic()
        going.send_signal(signal.SIGINT)
        _, errors = going.communicate(timeout=20)
        assert time.monotonic() - asked < 3
    finally:
        going.kill()
    assert going.returncode == 130 and errors.decode().endswith("stopped\n")
    assert not path.exists() and len(lines(journal)) >= 3
