"""What is committed for a recipe: whole or partial, counted, compared, made again from audio."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import make_checkpoint

from ser.audio import SAMPLE_RATE
from ser.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from train import (
    cross_corpus,
    crossval,
    evaluate,
    evidence,
    finished,
    metrics,
    pictures,
    publish,
    robustness,
    runs,
    verify,
)
from train.__main__ import main
from train.corpora import load_corpora
from train.embed import embed
from train.evaluate import Predictions
from train.recipe import load_recipe
from train.report import ROOT
from train.splits import make_splits

PROTOCOL = "emobox-6fold"


def untrained_run(folder, recipe, split, weights):
    """A run folder as `fit` leaves it, seed 0; `weights` is the seed of its weights."""
    speakers = {
        f"{part}_speakers": sorted({u.speaker for u in clips})
        for part, clips in split.parts.items()
    }
    make_checkpoint(
        folder,
        weights,
        recipe=recipe,
        corpora=["ravdess"],
        protocol=split.protocol,
        fold=split.fold,
        best_epoch=1,
        n_epochs=1,
        minutes=0.1,
        **speakers,
    )
    config = json.loads((folder / "config.json").read_text())
    config["training"]["seed"] = 0
    (folder / "config.json").write_text(json.dumps(config))
    finished.evaluate_run(folder)


@pytest.fixture(scope="module")
def everything(small_ravdess, tmp_path_factory):
    """Two recipes of untrained folds: `whole` with all six, `partial` with folds 1 and 2."""
    root = tmp_path_factory.mktemp("evidence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_DATA", str(small_ravdess))
        utterances = load_corpora(["ravdess"])
        splits = make_splits(PROTOCOL, utterances, 0)
        draw = pictures.judgement
        for name, n_folds in {"whole": 6, "partial": 2}.items():
            base = root / "runs" / name / PROTOCOL
            folders = [runs.run_folder(base, split.fold, 0) for split in splits[:n_folds]]
            patch.setattr(pictures, "judgement", lambda *_: None)  # a second for each run
            for folder, split in zip(folders, splits, strict=False):
                untrained_run(folder, name, split, weights=split.fold + 10 * n_folds)
            patch.setattr(pictures, "judgement", draw)
            recipe = replace(load_recipe("founding"), name=name)
            crossval._collect(recipe, PROTOCOL, folders, utterances, root / "results", 6)
    return root


@pytest.fixture
def made(everything, small_ravdess, tmp_path, monkeypatch):
    """A copy of it that a test may change."""
    monkeypatch.setenv("SER_DATA", str(small_ravdess))
    shutil.copytree(everything, tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def whole(made):
    return made / "results" / "whole" / PROTOCOL


@pytest.fixture
def run(made):
    return made / "runs" / "whole" / PROTOCOL / "fold-1-seed-0"


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
        assert row["coverage"]["1.0"] == pytest.approx(row["wa"], abs=1e-4)
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
            {k: row[k] for k in numbers}, abs=1e-4
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
        assert row[name] == pytest.approx(counted[name], abs=1e-4), name
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


# --- from the audio ---------------------------------------------------------------------------


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


# --- other conditions -------------------------------------------------------------------------


def test_robustness_pools_the_folds_of_a_crossval(made):
    base = made / "runs" / "partial" / PROTOCOL
    rows = robustness.robustness(base, made / "results")
    assert [row["condition"] for row in rows] == list(robustness.CONDITIONS)
    path = made / "results" / "partial" / "emobox-6fold-folds-1-2" / "robustness.json"
    saved = json.loads(path.read_text())
    for row, stored in zip(rows, saved, strict=True):
        assert row.items() <= stored.items()
        assert (row["folds"], row["n_clips"], row["part"]) == ([1, 2], 64, "test")
        assert row["ua_change"] == pytest.approx(row["ua_after"] - row["ua_before"], abs=2e-5)
        assert row["ua_change_ci95"][0] <= row["ua_change"] <= row["ua_change_ci95"][1]
    before = evidence.read_rows(path.parent)[-1]
    assert rows[0]["ua_before"] == pytest.approx(before["ua"], abs=1e-4)


def test_noise_is_the_same_for_a_clip_each_time(small_ravdess, monkeypatch):
    monkeypatch.setenv("SER_DATA", str(small_ravdess))
    clip, other = load_corpora(["ravdess"])[:2]
    noisy = robustness._through(robustness.CONDITIONS["white noise 20 dB under the speech"])
    np.testing.assert_array_equal(noisy(clip)[1], noisy(clip)[1])
    assert not np.array_equal(noisy(clip)[1], noisy(other)[1])


def test_answers_that_stay_and_what_is_lost():
    labels = np.tile(np.arange(8), 2)
    who = np.repeat(["a", "b"], 8)

    def answers(values):
        return Predictions(
            who, labels, np.eye(8)[values], who, who, np.ones(16, int), np.zeros(16, int)
        )

    after = labels.copy()
    after[:4] = 7
    row = robustness.compared(answers(labels), answers(after))
    assert (row["unchanged"], row["ua_before"], row["ua_after"]) == (0.75, 1.0, 0.75)
    assert (row["ua_change"], row["ua_change_ci95"]) == (-0.25, [-0.5, 0.0])
    assert row["per_speaker"] == {
        "unchanged": {"a": 0.5, "b": 1.0},
        "ua_change": {"a": -0.5, "b": 0.0},
    }


def test_two_recipes_are_set_beside_each_other_by_actor():
    def row(name, *changes):
        people = dict(zip("xyzw", changes, strict=True))
        return {"condition": name, "per_speaker": {"ua_change": people}}

    reference = [row("a", -0.1, -0.2, -0.3, 0.0), row("b", 0.0, 0.0, 0.0, 0.0)]
    rows = [row("a", -0.2, -0.3, -0.4, -0.1), row("b", -0.3, 0.3, 0.2, -0.2), row("c", 0, 0, 0, 0)]
    found = robustness.beside(rows, reference)
    assert list(found) == ["a", "b"]
    assert found["a"]["ua_change"] == pytest.approx((-0.1, -0.1, -0.1))
    mean, low, high = found["b"]["ua_change"]
    assert mean == pytest.approx(0) and -0.3 < low < -0.1 and 0.1 < high < 0.3
    fewer = [{"condition": "a", "per_speaker": {"ua_change": {"x": 0.0}}}]
    with pytest.raises(ValueError, match="same speakers"):
        robustness.beside(fewer, reference)


def test_no_run_is_a_sentence(tmp_path, capsys):
    assert main(["robustness", str(tmp_path)]) == 1
    assert "neither a run nor a fold" in capsys.readouterr().err


def test_a_run_that_learned_from_everybody_has_nobody_to_be_asked_about(made, run, tmp_path):
    folder = tmp_path / "everybody"
    shutil.copytree(run, folder)
    config = json.loads((folder / "config.json").read_text())
    config["training"] |= {"validation_speakers": [], "test_speakers": []}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="nobody is left to judge"):
        robustness.robustness(folder, made / "results")


def test_rehearsals_of_several_seeds_are_counted_as_they_are():
    labels = np.tile(np.arange(8), 2)
    who, folds = np.repeat(["a", "b"], 8), np.repeat([1, 2], 8)
    mixed = Predictions(who, labels, np.eye(8)[labels], who, who, folds, 5 * (folds - 1))
    told = (PROTOCOL, "recipe", "recipe-crossval", "validation", ["ravdess"], "0")
    row = evaluate.metrics_row(mixed, *told)
    assert [(one["seed"], one["fold"]) for one in row["per_fold"]] == [(0, 1), (5, 2)]
    assert (row["ua"], row["ua_std_seeds"]) == (1.0, None)
    uneven = Predictions.join([mixed, mixed.only(folds == 1)])
    uneven.seeds[-8:] = 5
    row = evaluate.metrics_row(uneven, *told)
    assert row["ua_std_seeds"] is None and len(row["per_fold"]) == 3


# --- other corpora ----------------------------------------------------------------------------


@pytest.fixture
def emodb(small_ravdess, tmp_path, monkeypatch):
    """Two German speakers, three of the eight emotions, and boredom, which is none of them."""
    root = tmp_path / "corpora"
    (root / "emodb").mkdir(parents=True)
    (root / "ravdess").symlink_to(small_ravdess / "ravdess")
    rng = np.random.default_rng(0)
    for speaker in ("03", "08"):
        for code in "WTNL":
            samples = 0.1 * rng.standard_normal(SAMPLE_RATE // 2)
            soundfile.write(root / "emodb" / f"{speaker}a01{code}a.wav", samples, SAMPLE_RATE)
    monkeypatch.setenv("SER_DATA", str(root))


def test_another_corpus_is_judged_by_the_emotions_it_has(made, run, emodb, capsys):
    command = ["cross-corpus", str(run), "--corpora", "emodb"]
    assert main([*command, "--results", str(made / "results")]) == 0
    assert "emodb, 6 clips of 2 speakers, 3 emotions" in capsys.readouterr().out
    path = made / "results" / "whole" / "cross-corpus" / "metrics.json"
    (row,) = json.loads(path.read_text())
    assert (row["protocol"], row["corpora"], row["tested_on"]) == (
        "cross-corpus",
        ["ravdess"],
        "emodb",
    )
    assert row["classes"] == ["neutral", "sad", "angry"] == list(row["per_class"])
    assert row["ua"] <= row["ua_restricted"] <= 1
    assert row["weights"] == EmotionPipeline.from_pretrained(run).checkpoint.revision
    assert main([*command, "--results", str(made / "results")]) == 0
    assert len(json.loads(path.read_text())) == 1


def test_rows_on_other_corpora_are_quoted_for_their_weights_alone(made, run, emodb):
    cross_corpus.cross_corpus(run, ["emodb"], made / "results")
    other = run.parent / "fold-2-seed-0"

    def quoted(folder):
        return [r["protocol"] for r in finished.quotable_rows(folder, made / "results")]

    assert quoted(run).count("cross-corpus") == 1
    assert quoted(other).count("cross-corpus") == 0
    assert quoted(other).count(PROTOCOL) == 4  # validation and test, own and cross-validated


def test_embedded_weights_get_rows_that_came_later_once(made, run, emodb):
    weights = made / "weights"
    embed(run, made / "results", weights)
    before = json.loads((weights / "metrics.json").read_text())
    cross_corpus.cross_corpus(weights, ["emodb"], made / "results")
    for _ in range(2):
        embed(weights, made / "results", weights)
        rows = json.loads((weights / "metrics.json").read_text())
        assert [r for r in rows if r["protocol"] != "cross-corpus"] == before
        assert len(rows) == len(before) + 1


def test_a_corpus_that_was_heard_is_refused(made, run, emodb):
    with pytest.raises(ValueError, match="have heard ravdess"):
        cross_corpus.cross_corpus(run, ["ravdess"], made / "results")
    clip = load_corpora(["emodb"])[0]
    with pytest.raises(ValueError, match="emodb-03"):
        cross_corpus.check_unheard(heard_in({"train_speakers": [clip.speaker]}), "emodb", [clip])
    before = heard_in({"pretraining": {"corpora": ["emodb"], "speakers": []}})
    with pytest.raises(ValueError, match="have heard emodb"):
        cross_corpus.check_unheard(before, "emodb", [clip])


def test_the_corpora_to_judge_are_those_not_heard():
    assert cross_corpus.unheard_corpora(heard_in({})) == ["cremad", "tess", "emodb", "emovo"]
    before = {"corpora": ["ravdess", "emovo"], "teacher": {"corpora": ["cremad"], "speakers": []}}
    assert cross_corpus.unheard_corpora(heard_in(before)) == ["tess", "emodb"]


def heard_in(training):
    return CheckpointConfig(
        "crnn", {}, FeatureConfig(), training={"corpora": ["other"], **training}
    )
