"""Weights on corpora that they never heard."""

import json

import numpy as np
import pytest
import soundfile

from ser.checkpoints.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from train.__main__ import main
from train.corpora import load_corpora
from train.judge import cross_corpus, finished
from train.release.embed import embed

PROTOCOL = "emobox-6fold"


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
