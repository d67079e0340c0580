"""Files elsewhere: what is found, what is read of a table, what a store that fails is asked."""

import os
from pathlib import Path

import pandas as pd
import pytest

from ser.recordings import stores
from ser.recordings.stores import StoreError, fetched, fetched_ahead, names_in_table, sounds_below
from tests.recordings.object_store import BUCKET, store  # noqa: F401


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(stores, "WAIT_S", 0.01)


def test_the_sounds_below_an_address(store):  # noqa: F811
    for name in ("b.wav", "deep/er/a.FLAC", "notes.txt", ".hidden/c.wav", "deep/.d.wav"):
        store.files.pipe_file(f"{BUCKET}/found/{name}", b"x")
    root = f"s3://{BUCKET}/found"
    assert sounds_below(root) == [f"{root}/b.wav", f"{root}/deep/er/a.FLAC"]
    assert sounds_below(f"{root}/b.wav") == [f"{root}/b.wav"]
    assert sounds_below(f"s3://{BUCKET}/nothing") == []


def test_what_is_fetched_is_there_while_it_is_needed(store, tmp_path):  # noqa: F811
    store.files.pipe_file(f"{BUCKET}/kept.wav", b"bytes")
    with fetched(f"s3://{BUCKET}/kept.wav") as path, open(path, "rb") as file:
        assert file.read() == b"bytes"
    assert not os.path.exists(path)
    with fetched("a/name on this machine.wav") as path:
        assert path == "a/name on this machine.wav"


def test_the_next_files_are_fetched_meanwhile_and_none_is_left(store, quick, tmp_path, monkeypatch):  # noqa: F811
    names = [f"s3://{BUCKET}/ahead/{n}.wav" for n in range(12)]
    for name in names:
        store.files.pipe_file(name, name.encode())
    names[5] = names[5].replace("5.wav", "none.wav")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told = []
    for name, path in fetched_ahead(names):
        try:
            told.append((name, Path(path()).read_bytes().decode()))
        except StoreError as error:
            told.append((name, str(error)))
    expected = [(name, name) for name in names]
    expected[5] = (names[5], f"{names[5]}: There is no such file.")
    assert told == expected
    assert not list(tmp_path.iterdir())


def test_a_store_that_fails_is_asked_again_within_bounds(store, quick):  # noqa: F811
    for name in ("flaky.wav", "broken.wav"):
        store.files.pipe_file(f"{BUCKET}/faults/{name}", b"bytes")
    with fetched(f"s3://{BUCKET}/faults/flaky.wav") as path, open(path, "rb") as file:
        assert file.read() == b"bytes"
    with (
        pytest.raises(StoreError, match="broken.wav: the store failed 3 times: Internal Server"),
        fetched(f"s3://{BUCKET}/faults/broken.wav"),
    ):
        pass
    assert sum("broken" in path for path in store.app.asked) == 3
    with (
        pytest.raises(StoreError, match="faults/none.wav: There is no such file"),
        fetched(f"s3://{BUCKET}/faults/none.wav"),
    ):
        pass


def test_an_address_that_nobody_can_open_is_a_sentence():
    for address in ("nothing://bucket/a.wav", "gopher://a"):
        with pytest.raises(StoreError, match=address), fetched(address):
            pass


def test_a_file_that_is_too_large_is_not_fetched(monkeypatch):
    import fsspec

    monkeypatch.setattr(stores, "MOST_BYTES", 4)
    fsspec.filesystem("memory").pipe_file("/large.wav", b"12345")
    with pytest.raises(StoreError, match="5 bytes are more"), fetched("memory://large.wav"):
        pass


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_the_names_in_a_table(kind, tmp_path):
    table, names = tmp_path / f"t.{kind}", ["a.wav", "b, and c.wav", None, "d.wav"]
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "path": names, "other": ["x"] * 4})
    if kind == "parquet":
        frame.to_parquet(table)
    else:
        frame.to_csv(table, sep="," if kind == "csv" else "\t", index=False)
    expected = ["a.wav", "b, and c.wav", f"{table}: row 3 names no file", "d.wav"]
    assert list(names_in_table(str(table))) == expected
    assert list(names_in_table(str(table), "other")) == ["x"] * 4
    with pytest.raises(StoreError, match="has no column nowhere; it has id, path, other"):
        list(names_in_table(str(table), "nowhere"))


def test_a_column_of_sounds_is_no_column_of_names(tmp_path):
    table = tmp_path / "t.parquet"
    pd.DataFrame({"audio": [{"bytes": b"x", "path": "a.wav"}]}).to_parquet(table)
    with pytest.raises(StoreError, match="the column audio holds no names, but dict"):
        list(names_in_table(str(table)))


def test_a_table_that_is_none_is_a_sentence(tmp_path):
    for name, data in [("a.parquet", b"words"), ("b.csv", b""), ("c.csv", b"one\ntwo\n")]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StoreError, match=name):
            list(names_in_table(str(tmp_path / name)))
    with pytest.raises(StoreError, match=r"none\.csv"):
        list(names_in_table(str(tmp_path / "none.csv")))


def test_a_row_that_is_too_short_and_a_blank_line(tmp_path):
    table = tmp_path / "t.csv"
    table.write_bytes(b"\xef\xbb\xbfid,file\n1,a.wav\n\n2\n3, b.wav \n")
    assert list(names_in_table(str(table))) == ["a.wav", f"{table}: row 2 names no file", "b.wav"]


def test_a_data_set_on_the_hub(hub, speech, tmp_path, monkeypatch):
    from huggingface_hub import HfApi, HfFileSystem

    HfFileSystem.clear_instance_cache()
    api = HfApi(endpoint=hub.url, token="hf_write")
    api.create_repo("user/voices", repo_type="dataset")
    for name in ("train/a.wav", "README.md"):
        api.upload_file(
            path_or_fileobj=b"bytes",
            path_in_repo=name,
            repo_id="user/voices",
            repo_type="dataset",
        )
    (found,) = sounds_below("hf://datasets/user/voices")
    assert found == "hf://datasets/user/voices/train/a.wav"
    with fetched(found) as path, open(path, "rb") as file:
        assert file.read() == b"bytes"
    HfFileSystem.clear_instance_cache()
