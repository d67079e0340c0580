"""Tables of the stress report and of lengths, from rows that nobody measured."""

import json

import pytest

from train.judge.faults import FAULTS_NAME
from train.judge.lengths import LENGTHS_NAME
from train.judge.stress import STRESS_NAME
from train.report.lengths import length_lines
from train.report.recording_faults import fault_lines
from train.report.stress import stress_lines


def write(results, protocol, name, rows):
    path = results / "default" / protocol / name
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"recipe": "default", "protocol": protocol}
    path.write_text(json.dumps([{**about, **row} for row in rows]))


def changed(corpus, stays, passed, **more):
    figures = {"unchanged": stays, "ua_before": 0.5, "ua_after": 0.47}
    return {
        "corpus": corpus,
        "name": "gain +2 dB",
        "family": "small changes",
        "n_clips": 300,
        "bounds": {"unchanged": 0.95},
        **figures,
        "passed": passed,
        "random": {**figures, "unchanged": 0.2, "passed": False},
        **more,
    }


@pytest.fixture
def text(tmp_path):
    missing = {"name": "AMR", "n_clips": 0, "passed": None, "reason": "no encoder", "bounds": {}}
    write(
        tmp_path,
        "emobox-6fold",
        STRESS_NAME,
        [
            changed("ravdess", 0.961, True),
            {"corpus": "ravdess", "family": "telephones and codecs", **missing},
            {
                "corpus": None,
                "family": "other sounds",
                "name": "music",
                "n_clips": 100,
                "bounds": {"refused": 0.95},
                "refused": 0.8,
                "passed": False,
                "random": {"refused": 0.8, "passed": False},
            },
        ],
    )
    speakers = {
        "corpus": "cremad",
        "family": "speakers",
        "name": "tenth percentile of accuracy",
        "n_clips": 7442,
        "value": 0.71,
        "worst": "cremad-1001",
        "bounds": {"share": 0.6},
        "passed": True,
        "random": {"value": 0.1, "worst": "cremad-1002", "passed": False},
    }
    write(
        tmp_path,
        "leave-one-corpus-out",
        STRESS_NAME,
        [changed("cremad", 0.904, False, measured_rt60_s=0.41), speakers],
    )
    return "\n".join(stress_lines(tmp_path, []))


def test_the_count_is_of_tests_with_a_verdict(text):
    assert "**2 of 4 tests passed**" in text
    assert "model 0 of 4." in text
    assert "79 % of 615" in text and "never be set beside" in text


def test_a_failed_test_is_bold_and_the_random_model_stands_beside(text):
    (line,) = (line for line in text.splitlines() if line.startswith("| gain +2 dB"))
    assert line.endswith("| 96.1, -3.0 | **90.4, -3.0** | 20.0, -3.0; 0 of 2 passed |")
    assert "95 % of answers stay" in line
    assert "RAVDESS speech, `emobox-6fold`" in text and "CREMA-D, left out" in text
    assert "| music | 95 % refused | **80.0** | 80.0; 0 of 1 passed |" in text
    assert "| 60 % of the mean or more | 71.0 (cremad-1001) | 0 of 1 passed |" in text


def test_what_was_not_measured_is_said_with_its_reason(text):
    assert "| AMR | no bound | – | – |" in text
    assert "telephones and codecs, AMR: no encoder." in text


def length(corpus, name, seconds, ua, n_clips=100):
    row = {"corpus": corpus, "length": name, "length_s": seconds, "n_clips": n_clips}
    if not n_clips:
        return row
    sure = {"certainty": "sure", "share": 0.25, "right": 0.8}
    return row | {
        "ua": ua,
        "ua_whole": 0.6,
        "ece": 0.1,
        "stays": 0.5,
        "no_answer": 0.02,
        "certainty": [sure],
    }


def test_lengths_are_told_by_corpus_and_as_a_mean(tmp_path):
    for protocol, corpus, loss in (
        ("emobox-6fold", "ravdess", 0.0),
        ("leave-one-corpus-out", "tess", 0.02),
    ):
        rows = [
            length(corpus, "whole clip", None, 0.6),
            length(corpus, "first 0.5 s", 0.5, 0.3 - loss),
            length(corpus, "first 1 s", 1.0, 0.57 - loss),
            length(corpus, "first 3 s", 3.0, 0.0, n_clips=0),
            length(corpus, "joined, 5 s", 5.0, 0.4),
        ]
        write(tmp_path, protocol, LENGTHS_NAME, rows)
    text = "\n".join(length_lines(tmp_path, []))
    assert "| first 0.5 s | 30.0 (60.0, 100) | 28.0 (60.0, 100) |" in text
    assert "| first 0.5 s | -31.0 | 50.0 | 2.0 | 0.100 | – | – | 25.0, 80.0 |" in text
    assert "| first 3 s | – | – |" in text
    assert "From 1 s of speech on, the mean UA lies within 5 points" in text


def test_faults_of_all_folds_stand_before_those_of_one(tmp_path):
    def rows(kept, **folds):
        return [{"corpus": "ravdess", "fault": "hum", "kept": kept, "n_clips": 48, **folds}]

    write(tmp_path, "emobox-6fold", FAULTS_NAME, rows(40, folds=[1, 2]))
    write(tmp_path, "emobox-6fold-folds-1", FAULTS_NAME, rows(30, fold=1))
    text = "\n".join(fault_lines(tmp_path, []))
    assert "| hum | 40 of 48 |" in text and "folds 1 2 of `emobox-6fold`" in text
    (tmp_path / "default" / "emobox-6fold" / FAULTS_NAME).unlink()
    assert "fold 1 of" in "\n".join(fault_lines(tmp_path, []))
