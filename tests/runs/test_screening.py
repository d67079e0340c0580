"""A screening judges the validation speakers alone: recipes are chosen before a test fold opens."""

import json

import numpy as np
import pytest

from tests.small_runs import TINY
from train.__main__ import main
from train.judge import evidence


@pytest.mark.parametrize("refit", [True, False])
def test_a_screening_hears_no_test_clip(small_ravdess, tmp_path, monkeypatch, refit):
    monkeypatch.setenv("SER_DATA", str(small_ravdess))
    monkeypatch.chdir(tmp_path)  # and no `workplace`: these folds are fitted in other processes
    (tmp_path / "again.toml").write_text(f"{TINY}refit = {str(refit).lower()}\n")
    arguments = ["crossval", "--recipe", "again.toml", "--folds", "1", "3", "--jobs", "1"]
    arguments += ["--runs", "runs", "--results", "results", "--screening", "--seeds", "2"]
    assert main(arguments) == 0
    runs = tmp_path / "runs/again/emobox-6fold"
    assert {path.name for path in runs.iterdir()} == {"fold-1-rehearsal", "fold-3-rehearsal"}
    folder = tmp_path / "results/again/screening-emobox-6fold-folds-1-3"
    assert not (folder / "oof.npz").exists()
    (row,) = json.loads((folder / "metrics.json").read_text())
    assert row["seeds"] == [0]
    assert (row["part"], row["protocol"], row["n_clips"]) == ("validation", folder.name, 8 * 8)
    with np.load(folder / "validation.npz") as saved:
        actors = {name.split("-")[-1] for name in saved["file"]}
    assert actors == {"03", "04", "05", "10", "07", "13", "12", "14"}
    assert evidence.quotable([], folder.parent, "any weights") == []
