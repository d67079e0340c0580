"""What is committed for a recipe: whole or partial, counted, compared, made again from audio."""

import json

import numpy as np
import pytest

from tests.bounds import FIVE_DIGITS
from train.__main__ import main
from train.judge import evaluate, evidence, finished, metrics
from train.judge.evaluate import Predictions
from train.places import ROOT
from train.release import publish

PROTOCOL = "emobox-6fold"


def test_the_whole_protocol_has_every_clip_and_every_figure(whole):
    assert {path.name for path in whole.iterdir()} == {
        *("metrics.json", "oof.npz", "validation.npz"),
        *("confusion_matrix.png", "reliability.png", "coverage.png"),
    }
    for row in evidence.read_rows(whole):
        assert row["protocol"] == PROTOCOL and "folds" not in row
        assert (row["n_clips"], row["n_speakers"], len(row["per_fold"])) == (192, 24, 6)
        assert 0 < row["ece_floor95"] < 0.2
        assert list(row["coverage"])[:2] == ["1.0", "0.9"]
        assert row["coverage"]["1.0"] == pytest.approx(row["wa"], abs=FIVE_DIGITS)
        assert {"intended", "answer", "share"} == set(row["confusion_pairs"][0])
        assert row["n_parameters"] > 1000
    for name in ("oof.npz", "validation.npz"):
        assert len(set(Predictions.load(whole / name).files)) == 192


def test_some_folds_are_never_taken_for_the_protocol(made):
    base = made / "results" / "partial"
    assert [path.name for path in base.iterdir()] == ["emobox-6fold-folds-1-2"]
    rows = evidence.read_rows(base / "emobox-6fold-folds-1-2")
    for row in rows:
        assert (row["folds"], row["n_folds"]) == ([1, 2], 6)
        assert row["protocol"] == "emobox-6fold-folds-1-2"
    assert publish.primary_ua(rows) is None
    partial = made / "runs" / "partial" / PROTOCOL / "fold-1-seed-0"
    quoted = finished.quotable_rows(partial, made / "results")
    assert {row["scope"] for row in quoted} == {"these-weights"}


def test_all_folds_by_number_are_the_whole_protocol():
    assert evidence.protocol_name("p", [2, 1, 3, 1], 3) == "p"
    assert evidence.folds_judged([1, 2, 3], 3) == {}
    assert evidence.protocol_name("p", [3, 1], 3) == "p-folds-1-3"


def test_seeds_do_not_count_as_more_clips():
    """Three times the same answers: neither the error nor its floor changes."""
    rng = np.random.default_rng(0)
    columns = rng.dirichlet(np.full(8, 0.5), size=240)
    one = Predictions(
        np.arange(240).astype(str),
        rng.integers(8, size=240),
        columns,
        np.repeat("a", 240),
        np.repeat("f", 240),
        np.ones(240, int),
        np.zeros(240, int),
    )
    again = Predictions.join([one, Predictions(*(*evaluate._columns(one)[:6], np.ones(240, int)))])
    assert evaluate.calibration(again) == evaluate.calibration(one)


def test_recount_adds_what_an_old_row_lacks_and_changes_nothing_else(whole):
    before = evidence.read_rows(whole)
    old = [{k: v for k, v in row.items() if k not in ("ece_floor95", "coverage")} for row in before]
    (whole / "metrics.json").write_text(json.dumps(old))
    (whole / "coverage.png").unlink()
    assert main(["recount", str(whole)]) == 0
    after = evidence.read_rows(whole)
    for row, restored in zip(before, after, strict=True):
        numbers = {k for k, v in row.items() if isinstance(v, float)}
        assert {k: restored[k] for k in numbers} == pytest.approx(
            {k: row[k] for k in numbers}, abs=FIVE_DIGITS
        )
        assert {k: restored[k] for k in row.keys() - numbers - {"per_fold", "coverage"}} == {
            k: row[k] for k in row.keys() - numbers - {"per_fold", "coverage"}
        }
    assert (whole / "coverage.png").exists()


def committed():
    return sorted((ROOT / "results").glob("*/*/oof.npz"))


@pytest.mark.parametrize("path", committed(), ids=lambda path: "/".join(path.parts[-3:-1]))
def test_committed_figures_are_those_of_the_committed_answers(path):
    (row,) = (row for row in evidence.read_rows(path.parent) if row["part"] == "test")
    counted = evaluate.recount(row, Predictions.load(path))
    for name in ("ua", "wa", "macro_f1", "ece", "ece_floor95", "nll", "brier", "ci95"):
        assert row[name] == pytest.approx(counted[name], abs=FIVE_DIGITS), name
    assert (row["confusion"], row["n_clips"]) == (counted["confusion"], counted["n_clips"])


def test_recipes_are_compared_on_the_folds_they_share(made, whole, capsys):
    partial = made / "results" / "partial" / "emobox-6fold-folds-1-2"
    gain = evidence.compare(whole, partial)
    assert gain.folds == (1, 2)
    mine, theirs = (Predictions.load(folder / "oof.npz") for folder in (partial, whole))
    theirs = theirs.only(theirs.folds <= 2)
    expected = metrics.ua(mine.labels, mine.probabilities) - metrics.ua(
        theirs.labels, theirs.probabilities
    )
    assert gain.ua == pytest.approx(expected)
    assert gain.low <= gain.ua <= gain.high
    assert main(["compare", str(whole), str(partial)]) == 0
    assert "validation clips of folds 1, 2" in capsys.readouterr().out
    (whole / "oof.npz").unlink()
    with pytest.raises(ValueError, match="nothing can be paired"):
        evidence.compare(whole, partial)
