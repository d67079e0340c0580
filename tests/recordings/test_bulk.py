"""Many hours on a real Ray: what `folder` gives, whatever happens on the way."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser.labels import LABELS
from ser.recordings import bulk as run_of
from ser.recordings.bulk import BulkError, bulk
from ser.recordings.bulk_worker import SEGMENT_COLUMNS, rows_of_timeline
from ser.recordings.folder import sound_files, write_folder
from ser.recordings.rows import DIED
from ser.recordings.timeline import timeline
from ser.sound.audio import SAMPLE_RATE
from tests.cli.typed import ROOT, run, start
from tests.recordings import bulk_faults
from tests.recordings.object_store import BUCKET, store  # noqa: F401
from tests.recordings.test_folder import children, is_running, until

pytest.importorskip("ray")

N_CLIPS = 24
N_WORKERS = 2


@pytest.fixture(scope="module")
def ray(request):
    """A Ray of two processors, whose workers know the object store if it is there; its address."""
    import ray

    with suppress(pytest.skip.Exception):
        request.getfixturevalue("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_AUTH_MODE", raising=False)  # Ray sets it, and `patch` takes it back
        patch.setenv("RAY_AUTH_TOKEN", "0" * 64)
        ray.init(
            "local",
            num_cpus=N_WORKERS,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=run_of.STORE_BYTES,
        )
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture(scope="module")
def clips(speech, tmp_path_factory) -> Path:
    """The synthetic voice at other speeds, and files that are none."""
    root = tmp_path_factory.mktemp("clips")
    for number in range(N_CLIPS):
        positions = np.arange(0, len(speech) - 1, 0.8 + 0.4 * number / N_CLIPS)
        clip = np.interp(positions, np.arange(len(speech)), speech)
        soundfile.write(root / f"clip {number:02d}.wav", clip, SAMPLE_RATE)
    (root / "empty.wav").write_bytes(b"")
    (root / "words.wav").write_bytes(b"only words" * 20)
    rain = 0.05 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE)
    soundfile.write(root / "rain.flac", rain, SAMPLE_RATE)
    return root


@pytest.fixture(scope="module")
def table(clips, tmp_path_factory) -> pd.DataFrame:
    """What `ser folder` writes of them."""
    path = tmp_path_factory.mktemp("table") / "rows.parquet"
    assert write_folder(sound_files(clips), path, n_workers=1) == 2
    return pd.read_parquet(path)


def rows_in(out) -> pd.DataFrame:
    """All rows below a folder as a reader of Parquet folders sees them, by file."""
    return pd.read_parquet(out).sort_values("file", ignore_index=True)


def children_of_ray(name: str) -> list[int]:
    """Workers of any Ray that this process started."""
    family, found = [os.getpid()], []
    while family:
        family = [child for pid in family for child in children(pid)]
        for pid in family:
            if name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_a_worker_that_is_killed_changes_nothing(ray, clips, table, tmp_path, monkeypatch):
    monkeypatch.setattr(run_of, "Worker", bulk_faults.Slow)
    out, killed, told = tmp_path / "out", [], []

    def progress(n_done, n_files):
        told.append((n_done, n_files))
        if n_done and not killed:
            killed.append(children_of_ray("ray::Slow")[0])
            os.kill(killed[0], signal.SIGKILL)

    tally = bulk(sound_files(clips), out, n_workers=N_WORKERS, progress=progress)
    assert killed and not is_running(killed[0])
    assert told[0] == (0, len(table)) and told[-1] == (len(table), len(table))
    pd.testing.assert_frame_equal(rows_in(out), table)
    assert (tally.n_judged, tally.n_silent, tally.n_errors) == (N_CLIPS, 1, 2)
    assert tally.audio_s == tally.new_audio_s == pytest.approx(table["duration_s"].sum())


def test_a_file_that_kills_its_worker_is_a_row(ray, clips, table, tmp_path, monkeypatch):
    monkeypatch.setattr(run_of, "Worker", bulk_faults.Killed)
    monkeypatch.setattr(run_of, "N_TRIES", 1)
    monkeypatch.setattr(run_of, "PARTS_A_WORKER", 2)
    killer = tmp_path / "killer.wav"
    killer.write_bytes((clips / "clip 00.wav").read_bytes())
    files = [*sound_files(clips)[:7], killer]
    tally = bulk(files, tmp_path / "out", n_workers=N_WORKERS)
    assert (tally.n_judged, tally.n_errors) == (7, 1)
    found = rows_in(tmp_path / "out")
    assert found["error"].dropna().tolist() == [DIED]
    expected = table[table["file"].isin(map(str, files))].reset_index(drop=True)
    left = found[found["error"].isna()].reset_index(drop=True)
    pd.testing.assert_frame_equal(left, expected, check_dtype=False)
    monkeypatch.undo()
    again = bulk(files, tmp_path / "out", n_workers=N_WORKERS, again=True)  # it was innocent
    assert (again.n_judged, again.n_errors, again.new_audio_s > 0) == (8, 0, True)


def test_a_store_with_keys_that_fail(ray, store, clips, table, tmp_path):  # noqa: F811
    root = f"s3://{BUCKET}/clips"
    for file in sorted(clips.iterdir())[:6]:
        store.files.pipe_file(f"{BUCKET}/clips/{file.name}", file.read_bytes())
    good = (clips / "clip 00.wav").read_bytes()
    store.files.pipe_file(f"{BUCKET}/clips/flaky.wav", good)
    store.files.pipe_file(f"{BUCKET}/clips/broken.wav", good)
    names = tmp_path / "names.csv"
    pd.DataFrame(
        {"path": [f"{root}/none.wav", None, str(clips / "clip 01.wav"), "no path at all"]}
    ).to_csv(names, index=False)
    odd = tmp_path / "odd.txt"
    odd.write_bytes(b"caf\xe9.wav\n")
    arguments = (root, names, odd, "--out", f"s3://{BUCKET}/rows", "--workers", 2, "--address", ray)
    done = run("bulk", *arguments)
    assert done.returncode == 1 and not done.stdout
    assert "13 files = 8 judged + 0 without speech + 5 errors; " in done.stderr, done.stderr
    parts = store.files.glob(f"{BUCKET}/rows/*.parquet")
    found = pd.concat(pd.read_parquet(store.files.open(part)) for part in parts)
    found = found.set_index("file")
    assert len(found) == 13 and found.index.is_unique
    errors = found["error"].dropna()
    broken = f"{root}/broken.wav"
    assert errors[broken] == f"{broken}: the store failed 3 times: Internal Server Error"
    assert errors[f"{root}/none.wav"] == f"{root}/none.wav: There is no such file."
    assert "caf\N{REPLACEMENT CHARACTER}.wav" in errors
    assert errors["no path at all"] == "There is no file no path at all."
    assert f"{names}: row 2 names no file" in errors
    expected = table.set_index("file").loc[str(clips / "clip 00.wav")]
    for name in (f"{root}/clip 00.wav", f"{root}/flaky.wav"):
        pd.testing.assert_series_equal(found.loc[name], expected, check_names=False)
    again = run("bulk", *arguments)
    assert "13 of 13 files were done before" in again.stderr
    assert store.files.glob(f"{BUCKET}/rows/*.parquet") == parts


def test_a_disk_that_fills_ends_the_run_which_then_goes_on(
    ray, clips, table, tmp_path, monkeypatch
):
    files, out = sound_files(clips), tmp_path / "out"
    bulk(files[:4], out, n_workers=1)
    monkeypatch.setattr(run_of, "Worker", bulk_faults.Full)
    with pytest.raises(BulkError, match=r"out/part-\w+.parquet could not be written: File too"):
        bulk(files, out, n_workers=1)
    assert len(rows_in(out)) == 4 and not list(out.glob(".ser-*"))
    monkeypatch.undo()
    bulk(files, out, n_workers=N_WORKERS)
    pd.testing.assert_frame_equal(rows_in(out), table)


def test_a_model_that_does_not_load_on_a_node_stops_the_run(ray, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(run_of, "Worker", bulk_faults.Elsewhere)
    with pytest.raises(BulkError, match=rf"^On {os.uname().nodename}: .*/not/on/this/node"):
        bulk(sound_files(clips), tmp_path / "out", n_workers=1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["_run.json"]


def test_segments_are_those_of_timeline(ray, clips, turns, pipeline, tmp_path):
    talk, silent = tmp_path / "talk.wav", tmp_path / "silent.wav"
    soundfile.write(talk, turns.samples, SAMPLE_RATE)
    soundfile.write(silent, np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    files = [talk, silent, clips / "rain.flac"]
    tally = bulk(files, tmp_path / "out", n_workers=1, segments=True)
    assert (tally.n_judged, tally.n_silent, tally.n_errors) == (1, 1, 1)
    found = rows_in(tmp_path / "out")
    assert list(found) == SEGMENT_COLUMNS
    expected = pd.DataFrame(rows_of_timeline(timeline(pipeline, talk), str(talk)))
    spoken = found[found["file"] == str(talk)].sort_values("start_s", ignore_index=True)
    assert spoken["label"].tolist() == expected["label"].tolist() and len(spoken) == 4
    for name in ("start_s", "end_s", "duration_s", *(f"p_{label}" for label in LABELS)):
        np.testing.assert_allclose(spoken[name], expected[name], atol=1e-5)
    rain, mute = found[found["file"] != str(talk)].to_dict("records")
    assert "No speech" in rain["warnings"] and pd.isna(rain["error"])
    assert "It is silent" in mute["error"] and np.isnan(mute["start_s"])


# --- as a person types it, with a Ray of its own ------------------------------------------------


def parts_of(out: Path) -> list[str]:
    return [path.name for path in out.glob("part-*.parquet")]


def test_a_run_that_is_killed_goes_on_where_it_was(clips, table, tmp_path):
    out = tmp_path / "out"
    arguments = ("bulk", clips, "--out", out, "--workers", N_WORKERS)
    going = start(*arguments)
    try:
        until(lambda: len(parts_of(out)) >= 3, 120)
        family = children(going.pid)
    finally:
        going.kill()
        going.communicate()
    assert family
    until(lambda: not any(map(is_running, family)), 60)
    n_before = len(rows_in(out))
    assert 3 <= n_before < len(table)
    done = run(*arguments)
    assert done.returncode == 1 and not done.stdout, done.stderr
    assert re.match(rf"\d+ of {len(table)} files were done before", done.stderr)
    assert f"{len(table)} files = {N_CLIPS} judged + 1 without speech + 2 errors" in done.stderr
    pd.testing.assert_frame_equal(rows_in(out), table)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_and_keeps_what_is_done(kind, ray, clips, tmp_path):
    out = tmp_path / "out"
    going = start(
        *("bulk", clips, "--out", out, "--workers", 1, "--address", ray), start_new_session=True
    )
    try:
        until(lambda: parts_of(out), 120)
        os.killpg(going.pid, kind)  # as a terminal does
        _, errors = going.communicate(timeout=60)
    finally:
        going.kill()
    assert going.returncode == 130 and errors.decode().endswith("stopped\n")
    assert len(rows_in(out)) < N_CLIPS and "Traceback" not in errors.decode()


def test_where_ray_is_not_installed_there_is_a_sentence(clips, tmp_path):
    without = "import sys; sys.modules['ray'] = None; from ser.__main__ import main; "
    typed = f"sys.exit(main(['bulk', {str(clips)!r}, '--out', {str(tmp_path / 'out')!r}]))"
    command = [sys.executable, "-c", without + typed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.endswith("pip install 'speech-emotion[scale]'.\n")
    assert "Traceback" not in done.stderr
