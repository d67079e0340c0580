"""The run without ffmpeg hides it and nothing else, and notices what skips there."""

import os
import shutil

import pytest

from tests import without_ffmpeg

TESTS = """
import os, shutil, pytest

@pytest.mark.parametrize("name", ["a", "b c"])
def test_needs_it(name):
    shutil.which("ffmpeg") or pytest.skip("ffmpeg is not installed")

def test_needs_a_corpus():
    pytest.skip("there is no corpus")

@pytest.mark.xfail
def test_is_known_to_fail():
    assert False

def test_all_else_is_there():
    assert shutil.which("sh") and not shutil.which("ffprobe")
    assert "SER_NO_SKIP" not in os.environ
"""


@pytest.fixture
def reasons(tmp_path, monkeypatch) -> dict[str, str]:
    monkeypatch.setenv("SER_NO_SKIP", "1")
    (tmp_path / "test_some.py").write_text(TESTS)
    status, reasons = without_ffmpeg.run_tests("-q", "-p", "no:cacheprovider", str(tmp_path))
    assert status == 0
    return {name.split("::")[-1]: why for name, why in reasons.items()}


def test_tests_run_where_ffmpeg_is_hidden(reasons):
    assert reasons == {
        "test_needs_it[a]": "ffmpeg is not installed",
        "test_needs_it[b c]": "ffmpeg is not installed",
        "test_needs_a_corpus": "there is no corpus",
    }


def test_a_list_that_differs_is_told():
    reasons = {"a": "ffmpeg is not installed", "b": "ffmpeg is not installed", "c": "no corpus"}
    assert without_ffmpeg.differences(reasons, ["a", "b", "c"], is_all_here=True) == []
    assert without_ffmpeg.differences(reasons, ["a", "b"], is_all_here=False) == []
    assert without_ffmpeg.differences(reasons, ["a", "c", "d"], is_all_here=True) == [
        "+ b was skipped: ffmpeg is not installed",
        "- d was not skipped",
    ]
    (told,) = without_ffmpeg.differences(reasons, ["a", "b"], is_all_here=True)
    assert told == "+ c was skipped: no corpus"  # nothing is missing that it may wait for


def test_the_first_program_of_a_name_is_linked(tmp_path, monkeypatch):
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        for name in ("sox", "ffprobe", place):
            shutil.copy("/bin/sh", tmp_path / place / name)
        (tmp_path / place / "readme").touch(0o644)
    (tmp_path / "links").mkdir()
    places = [tmp_path / "first", tmp_path / "nowhere", tmp_path / "second"]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, places)))
    without_ffmpeg.link_programs(tmp_path / "links")
    links = {link.name: link.readlink().parent.name for link in (tmp_path / "links").iterdir()}
    assert links == {"sox": "first", "first": "first", "second": "second"}


def test_the_list_is_sorted():
    listed = without_ffmpeg.LISTED.read_text().splitlines()
    assert listed == sorted(set(listed))
