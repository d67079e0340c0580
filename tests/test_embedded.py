"""The embedded checkpoint does what its metrics.json says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ser import checkpoint
from ser.labels import LABELS
from train import metrics

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load()


def test_it_is_small():
    assert sum(p.stat().st_size for p in checkpoint.EMBEDDED.iterdir()) < 10_000_000


def test_it_is_founding_fitted_on_twenty_actors_and_names_the_other_four(embedded):
    training = embedded.config.training
    assert training["recipe"] == "founding"
    assert len(training["train_speakers"]) == 20
    assert len(training["validation_speakers"]) == 4
    assert not set(training["train_speakers"]) & set(training["validation_speakers"])
    assert embedded.config.golden is not None


def test_its_figures_name_what_to_expect_from_unseen_speakers(embedded):
    scopes = {(r["scope"], r["protocol"], r["part"]) for r in embedded.metrics}
    assert ("these-weights", "ship-20-4", "validation") in scopes
    assert ("recipe-crossval", "emobox-6fold", "test") in scopes


def test_the_command_line_reproduces_its_validation_figures(embedded, ravdess):
    validation = set(embedded.config.training["validation_speakers"])
    clips = [u for u in ravdess if u.speaker in validation]
    assert len(clips) == 240
    command = [sys.executable, "-m", "ser", "--json", *(str(u.path) for u in clips)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["file"] for a in answers] == [str(u.path) for u in clips]
    probabilities = np.array([list(a["probabilities"].values()) for a in answers])
    labels = np.array([LABELS.index(u.emotion) for u in clips])
    (row,) = (r for r in embedded.metrics if r["scope"] == "these-weights")
    assert metrics.ua(labels, probabilities) == pytest.approx(row["ua"], abs=0.005)
    assert metrics.wa(labels, probabilities) == pytest.approx(row["wa"], abs=0.005)
