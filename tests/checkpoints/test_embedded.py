"""The embedded checkpoints do what their metrics.json says."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import BESIDE, EMBEDDED
from ser.labels import LABELS
from ser.pipeline import GOLDEN_TOLERANCE, EmotionPipeline
from ser.process import keep_memory
from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.bounds import FIVE_DIGITS
from train.judge import metrics
from train.judge.size import check_size

ROOT = Path(__file__).parent.parent.parent
MOST_MS = 50  # of a clip of 3.7 s, on one core


@pytest.fixture(scope="module")
def best():
    return EmotionPipeline.from_pretrained()


@pytest.fixture(scope="module")
def founding():
    return checkpoint.load("founding")


@pytest.mark.numeric
@pytest.mark.parametrize("folder", [EMBEDDED, *BESIDE.values()])
def test_they_are_small_and_prove_themselves(folder):
    check_size(folder)
    assert checkpoint.load(folder).config.golden is not None
    EmotionPipeline.from_pretrained(folder)


@pytest.mark.parametrize("folder", [EMBEDDED, *BESIDE.values()])
def test_their_figures_name_what_to_expect_from_unseen_speakers(folder):
    told = {(r["scope"], r["protocol"], r["part"]) for r in checkpoint.load(folder).metrics}
    assert ("recipe-crossval", "emobox-6fold", "test") in told


def test_the_default_is_the_best_recipe_fitted_on_all_actors(best):
    training = best.checkpoint.config.training
    assert training["recipe"] == "whisper_base_world"
    actors = [name for name in training["train_speakers"] if name.startswith("ravdess-")]
    assert actors == [f"ravdess-{actor:02d}" for actor in range(1, 25)]
    own = {r["protocol"] for r in best.checkpoint.metrics if r["scope"] == "these-weights"}
    assert own == {"cross-corpus"}  # no RAVDESS actor is left to judge them


def test_founding_is_fitted_on_twenty_actors_and_names_the_other_four(founding):
    training = founding.config.training
    assert training["recipe"] == "founding"
    assert len(training["train_speakers"]) == 20
    assert len(training["validation_speakers"]) == 4
    assert not set(training["train_speakers"]) & set(training["validation_speakers"])


@pytest.mark.numeric
def test_loudness_does_not_decide(best, speech):
    loud, quiet = (best.predict((SAMPLE_RATE, gain * speech)) for gain in (1.0, 10 ** (-30 / 20)))
    # The same sound but for roundings, which 8 bits may turn.
    np.testing.assert_allclose(quiet.probabilities, loud.probabilities, atol=bounds.EIGHT_BITS)


def test_an_answer_takes_a_moment(best, speech):
    """Twice the allowance, for the machine may be busy; benchmarks/ has the exact figure."""
    clip = (SAMPLE_RATE, np.resize(speech, int(3.7 * SAMPLE_RATE)))
    keep_memory()  # as the app does
    best.predict(clip)
    times_ms = []
    for _ in range(7):
        start = time.perf_counter()
        best.predict(clip)
        times_ms.append(1e3 * (time.perf_counter() - start))
    assert min(times_ms) < 2 * MOST_MS


def test_the_default_is_faster_than_best(best, speech):
    """Asked in turn, so that it holds on any machine; benchmarks/ has the ratio."""
    clip = (SAMPLE_RATE, np.resize(speech, int(3.7 * SAMPLE_RATE)))
    asked = {None: best, "best": EmotionPipeline.from_pretrained("best")}
    least_ms = {
        name: min(pipeline.predict(clip).timings_ms["total"] for _ in range(5))
        for name, pipeline in asked.items()
    }
    assert least_ms[None] < least_ms["best"]


def test_the_command_line_reproduces_foundings_validation_figures(founding, ravdess):
    validation = set(founding.config.training["validation_speakers"])
    clips = [u for u in ravdess if u.speaker in validation]
    assert len(clips) == 240
    command = [sys.executable, "-m", "ser", "--checkpoint", "founding", "--json"]
    command += [str(u.path) for u in clips]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["file"] for a in answers] == [str(u.path) for u in clips]
    probabilities = np.array([list(a["probabilities"].values()) for a in answers])
    labels = np.array([LABELS.index(u.emotion) for u in clips])
    (row,) = (r for r in founding.metrics if r["protocol"] == "ship-20-4")
    # Where the best two lie so close, another machine may give the other.
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    may_turn = first - second < 2 * GOLDEN_TOLERANCE
    of_ua = (may_turn / np.bincount(labels)[labels]).sum() / len(LABELS) + FIVE_DIGITS
    of_wa = may_turn.mean() + FIVE_DIGITS
    assert metrics.ua(labels, probabilities) == pytest.approx(row["ua"], abs=of_ua)
    assert metrics.wa(labels, probabilities) == pytest.approx(row["wa"], abs=of_wa)
