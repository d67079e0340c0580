"""What visitors sent is deleted in time, whatever the clock says."""

import time

import pytest

from server.uploads import Sweep

DAY_S = 86_400.0


@pytest.fixture
def clocks(monkeypatch):
    """Seconds that have passed, and by how many somebody has set the clock."""
    told = {"passed": 0.0, "set": 0.0}
    wall, steady = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: wall() + told["passed"] + told["set"])
    monkeypatch.setattr(time, "monotonic", lambda: steady() + told["passed"])
    return told


@pytest.mark.parametrize("set_s", [-DAY_S, 0.0, DAY_S])
def test_a_clock_that_is_set_deletes_nothing_early_and_keeps_nothing(tmp_path, clocks, set_s):
    sweep = Sweep(tmp_path, 480)
    sweep.once()
    (tmp_path / "voice.wav").touch()
    sweep.once()
    clocks["set"] = set_s
    for _ in range(7):
        clocks["passed"] += 60
        sweep.once()
        assert (tmp_path / "voice.wav").exists()
    clocks["passed"] += 61
    sweep.once()
    assert not (tmp_path / "voice.wav").exists()


def test_what_a_killed_process_left_goes_by_its_age(tmp_path, clocks):
    (tmp_path / "old.wav").touch()
    clocks["passed"] = 500.0
    Sweep(tmp_path, 480).once()
    assert not (tmp_path / "old.wav").exists()


def test_what_is_sent_again_is_kept_anew(tmp_path, clocks):
    sweep = Sweep(tmp_path, 480)
    sweep.once()
    for _ in range(3):
        (tmp_path / "voice.wav").write_bytes(b"voice")
        sweep.once()
        clocks["passed"] += 300
        sweep.once()
        assert (tmp_path / "voice.wav").exists()
