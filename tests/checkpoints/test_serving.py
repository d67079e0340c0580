"""Which model is served: the one on the Hub, what was fetched earlier, or the embedded default."""

import json
import time

import numpy as np
import pytest

from ser.checkpoints import serving
from ser.checkpoints.checkpoint import CheckpointError
from ser.checkpoints.serving import serve
from ser.pipeline import EmotionPipeline
from tests.small_runs import make_checkpoint

REPO = "user/voice"


@pytest.fixture
def published(hub, tmp_path):
    """A repository with two commits; the first one is tagged v1."""
    repo = hub.create("model", REPO)
    for number in (1, 2):
        folder = make_checkpoint(tmp_path / f"model-{number}", seed=number)
        repo.commit({path.name: path.read_bytes() for path in folder.iterdir()}, f"model {number}")
        if number == 1:
            repo.refs["refs/tags/v1"] = repo.commits("main")[0].id
    return repo


def commits(repo) -> list[str]:
    return [commit.id for commit in repo.commits("main")]


def answers(pipeline) -> np.ndarray:
    return np.array(pipeline.golden_answer()["probabilities"])


@pytest.mark.parametrize(("revision", "number"), [("", 2), ("@main", 2), ("@v1", 1)])
def test_a_branch_or_tag_is_resolved_to_its_commit(published, tmp_path, revision, number):
    served = serve(REPO + revision)
    assert served.notice is None
    expected = EmotionPipeline.from_pretrained(tmp_path / f"model-{number}")
    np.testing.assert_array_equal(answers(served.pipeline), answers(expected))
    prediction = served.pipeline.predict(serving.checkpoint.GOLDEN_CLIP)
    assert prediction.model["name"] == REPO
    assert prediction.model["revision"] in commits(published)


def test_a_pinned_commit_needs_no_network_once_cached(hub, published):
    pinned = f"{REPO}@{commits(published)[0]}"
    serve(pinned)
    n_requests = len(hub.requests)
    hub.down()
    served = serve(pinned)
    hub.up()
    assert served.notice is None
    assert served.pipeline.checkpoint.name == REPO
    assert len(hub.requests) == n_requests


def test_the_fallback_is_the_revision_that_was_asked_for(hub, published):
    tagged = serve(f"{REPO}@v1").pipeline.checkpoint.revision
    assert serve(REPO).pipeline.checkpoint.revision != tagged
    hub.down()
    served = serve(f"{REPO}@v1")
    hub.up()
    assert served.pipeline.checkpoint.revision == tagged
    assert "fetched earlier" in served.notice


def start_s(source: str) -> tuple[float, serving.Served]:
    start = time.monotonic()
    served = serve(source)
    return time.monotonic() - start, served


@pytest.mark.parametrize("fault", ["down", "hang", "500", "cut"])
def test_a_hub_that_fails_costs_three_seconds_and_the_default_answers(hub, published, fault):
    if fault == "down":
        hub.down()
    elif fault == "hang":
        hub.fail(hang=True)
    elif fault == "500":
        hub.fail(status=500)
    else:
        hub.fail(cut=True, path="*model.safetensors")
    seconds, served = start_s(REPO)
    assert seconds < 3 + 0.5  # half a second for a busy machine
    assert served.pipeline.checkpoint.name == "embedded"
    assert REPO in served.notice and "embedded default answers" in served.notice
    hub.heal()
    if fault == "down":
        hub.up()


@pytest.mark.parametrize("fault", ["down", "hang"])
def test_a_hub_that_fails_later_leaves_the_model_fetched_earlier(hub, published, fault):
    fetched = serve(REPO).pipeline.checkpoint.revision
    hub.down() if fault == "down" else hub.fail(hang=True)
    seconds, served = start_s(REPO)
    assert seconds < 3 + 0.5
    assert served.pipeline.checkpoint.revision == fetched
    assert fetched[:8] in served.notice and "fetched earlier" in served.notice
    hub.heal()
    if fault == "down":
        hub.up()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("user/nothing", "not on the Hub, or private"),
        (f"{REPO}@v9", "v9 has no such revision"),
        (f"{REPO}@{'0' * 40}", "no such revision"),
        ("nonsense", "neither a folder nor a Hub name"),
        ("../voice", "no name of a repository"),
        ("user/voice.git", "no name of a repository"),
        ("/nonexistent/folder", "neither a folder nor a Hub name"),
    ],
)
def test_what_is_not_there_is_said(published, source, reason):
    served = serve(source)
    assert served.pipeline.checkpoint.name == "embedded"
    assert reason in served.notice


def test_a_private_repository_without_a_token(hub, published, monkeypatch):
    published.private = True
    monkeypatch.delenv("HF_TOKEN")
    served = serve(REPO)
    assert "private" in served.notice
    assert served.pipeline.checkpoint.name == "embedded"


def damage(repo, tmp_path, fault: str) -> None:
    folder = tmp_path / "model-2"
    config = json.loads((folder / "config.json").read_text())
    weights = (folder / "model.safetensors").read_bytes()
    other = make_checkpoint(tmp_path / "other", seed=9) / "model.safetensors"
    no_hop = {**config, "features": {**config["features"], "hop_length": 0}}
    changes = {
        "truncated": {"model.safetensors": weights[:-50]},
        "pickle": {"model.safetensors": None, "pytorch_model.bin": b"\x80\x04pickle"},
        "labels": {"config.json": json.dumps({**config, "labels": ["a", "b"]}).encode()},
        "version": {"config.json": json.dumps({**config, "format_version": 99}).encode()},
        "not json": {"config.json": b"{"},
        "no golden": {"config.json": json.dumps({**config, "golden": None}).encode()},
        "empty golden": {"config.json": json.dumps({**config, "golden": {}}).encode()},
        "no hop": {"config.json": json.dumps(no_hop).encode()},
        "metrics": {"metrics.json": b"[{"},
        "other weights": {"model.safetensors": other.read_bytes()},
    }
    repo.commit(changes[fault], fault)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("truncated", "does not hold the weights"),
        ("pickle", "holds no model.safetensors"),
        ("labels", "labels"),
        ("version", "format version 99"),
        ("not json", "cannot be read"),
        ("no golden", "holds no golden answer"),
        ("empty golden", "cannot give its golden answer"),
        ("no hop", "cannot give its golden answer"),
        ("metrics", "metrics.json of user/voice cannot be read"),
        ("other weights", "computes something else"),
    ],
)
def test_a_damaged_model_is_refused_and_the_last_good_one_answers(
    published, tmp_path, fault, reason
):
    good = serve(REPO).pipeline.checkpoint.revision
    damage(published, tmp_path, fault)
    served = serve(REPO)
    assert reason in served.notice
    assert served.pipeline.checkpoint.revision == good


def test_half_a_download_is_never_used_and_the_next_start_has_the_whole(hub, published):
    hub.fail(cut=True, path="*model.safetensors", times=1)
    serve(f"{REPO}@v1", budget_s=0.5)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        served = serve(f"{REPO}@v1")
        if served.notice is None:
            break
    assert served.notice is None


def test_no_token_in_what_is_said_or_logged(hub, published, caplog, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret_that_nobody_knows")
    served = serve("user/nothing")
    assert "hf_secret" not in served.notice + caplog.text


def test_the_default_needs_no_hub(hub):
    assert serve(None).notice is None
    assert serve("").notice is None
    assert hub.requests == []


def test_without_fallback_the_command_line_gets_the_reason(published):
    with pytest.raises(CheckpointError, match="no such revision"):
        EmotionPipeline.from_pretrained(f"{REPO}@v9")
