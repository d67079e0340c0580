"""/health: the model still gives its golden answer, and how much is going on."""

import json
import threading
import time
import urllib.request
from types import SimpleNamespace

import pytest

from ser.checkpoints.checkpoint import CheckpointError
from server.health import BROKEN, SILENT, Health
from server.limits import MAX_WAITING
from tests.page.app_server import running_app
from tests.schema import check


class Model:
    """A pipeline that counts how often it is asked, and answers as it is told."""

    checkpoint = SimpleNamespace(name="a", revision="b")

    def __init__(self, outcome: Exception | None = None):
        self.outcome, self.asked, self.free = outcome, 0, threading.Event()
        self.free.set()

    def check_golden(self) -> None:
        self.asked += 1
        self.free.wait(10)
        if self.outcome:
            raise self.outcome


def report(health: Health) -> tuple[int, dict]:
    return health.report(lambda: {"queue": {}})


def test_a_model_just_loaded_is_not_asked_again():
    model = Model()
    status, said = report(Health(model))
    assert (status, said["status"], said["problem"], model.asked) == (200, "ok", None, 0)
    assert said["model"] == {"name": "a", "revision": "b"} and "queue" in said


def test_it_is_asked_once_in_so_many_seconds():
    model = Model()
    health = Health(model, every_s=0.2)
    time.sleep(0.25)
    assert [report(health)[0] for _ in range(20)] == [200] * 20
    assert model.asked == 1
    time.sleep(0.25)
    report(health)
    assert model.asked == 2


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (CheckpointError("It computes something else."), "It computes something else."),
        (RuntimeError("a secret path"), BROKEN),
    ],
)
def test_another_answer_than_the_golden_one_is_503(outcome, problem):
    status, said = report(Health(Model(outcome), every_s=0))
    assert (status, said["status"], said["problem"]) == (503, "failing", problem)


def test_a_model_that_hangs_is_503_and_is_well_again_when_it_answers():
    model = Model()
    health = Health(model, every_s=0, patience_s=0.2)
    model.free.clear()
    assert report(health)[1]["problem"] == SILENT
    start_s = time.monotonic()
    assert report(health)[0] == 503  # patience is counted from the first question
    assert time.monotonic() - start_s < 0.2
    assert model.asked == 1  # and no threads pile up
    model.free.set()
    time.sleep(0.05)
    assert report(health)[0] == 200


def test_the_running_app_is_well():
    with urllib.request.urlopen(f"{running_app().url}/health", timeout=30) as answer:
        said = json.load(answer)
        assert answer.headers["cache-control"] == "no-store"
    check("health", said)
    assert said["status"] == "ok" and said["queue"] == {"waiting": 0, "most": MAX_WAITING}
    assert said["model"]["revision"] and said["checked_s_ago"] >= 0
