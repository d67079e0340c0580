"""A committed fold, made again from the audio."""

import json

import numpy as np
import pytest

from tests.small_runs import untrained_run
from train.__main__ import main
from train.corpora import load_corpora
from train.corpora.splits import make_splits
from train.judge import evidence, verify
from train.judge.evaluate import Predictions
from train.places import ROOT

PROTOCOL = "emobox-6fold"


def verify_command(made):
    return main(["verify", "--results", str(made / "results")])


def test_kept_weights_reproduce_their_fold_from_the_audio(made, run, whole, capsys):
    assert main(["keep-fold", str(run), "--results", str(made / "results")]) == 0
    assert {p.name for p in (whole / "fold-weights").iterdir()} == {
        "config.json",
        "model.safetensors",
    }
    assert verify_command(made) == 0
    assert "fold 1, seed 0 is reproduced from 32 clips" in capsys.readouterr().out


def test_other_probabilities_are_noticed(made, run, whole, capsys):
    verify.keep_fold(run, made / "results")
    stored = Predictions.load(whole / "oof.npz")
    clip = np.flatnonzero(stored.folds == 1)[5]
    stored.probabilities[clip] += [0.002, -0.002, 0, 0, 0, 0, 0, 0]
    stored.save(whole / "oof.npz")
    assert verify_command(made) == 1
    assert f"1 of 32 clips are not reproduced; those of {stored.files[clip]}" in (
        capsys.readouterr().err
    )


def test_another_figure_is_noticed(made, run, whole, capsys):
    verify.keep_fold(run, made / "results")
    rows = evidence.read_rows(whole)
    rows[-1]["per_fold"][0]["nll"] += 0.002
    (whole / "metrics.json").write_text(json.dumps(rows))
    assert verify_command(made) == 1
    assert "nll of fold 1, seed 0" in capsys.readouterr().err


def test_weights_that_do_not_reproduce_are_not_kept(made, run, whole):
    split = make_splits(PROTOCOL, load_corpora(["ravdess"]), 0)[0]
    untrained_run(run, "whole", split, weights=99)
    with pytest.raises(ValueError, match="not reproduced"):
        verify.keep_fold(run, made / "results")
    assert not (whole / "fold-weights").exists()


def test_nothing_to_verify_is_a_failure(made, capsys):
    assert verify_command(made) == 1
    assert "keep-fold" in capsys.readouterr().err


@pytest.mark.slow
def test_committed_fold_weights_reproduce_their_rows(ravdess):
    del ravdess
    assert verify.verify_all(ROOT / "results")
