"""Requests that no client would send: the test Hub refuses them, and tells."""

import contextlib
import hashlib
import http.client
import json
import time

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.hub.server import Hub

WEIGHTS = bytes(range(256)) * 1000
WEIGHTS_SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def model(hub):
    """A model repository with a large file."""
    api = HfApi()
    api.create_repo("user/model")
    operations = [CommitOperationAdd("model.safetensors", WEIGHTS)]
    api.create_commit("user/model", operations, commit_message="Save")
    return "user/model"


def raw(hub, method, path, body=b"", timeout=5, **headers):
    """A request made by hand, with the headers of the client unless others (or None) are given."""
    usual = {"User_Agent": "unknown/None; hf_hub/2.4.0", "Authorization": "Bearer hf_write"}
    sent = {k.replace("_", "-"): v for k, v in {**usual, **headers}.items() if v}
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, body, sent)
        return connection.getresponse().status


def raw_commit(hub, repo, lines, **options):
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    headers = {"Content_Type": "application/x-ndjson", **options}
    return raw(hub, "POST", f"/api/models/{repo}/commit/main", body, **headers)


HEADER = {"key": "header", "value": {"summary": "Save", "description": ""}}
FILE = {"key": "file", "value": {"path": "a.txt", "content": "YQ==", "encoding": "base64"}}
LARGE = {"path": "a.npz", "algo": "sha256", "oid": WEIGHTS_SHA256, "size": 3}


def test_a_hanging_commit_is_never_made_once_the_client_has_gone(hub, model):
    hub.fail(hang=True, path="*/commit/*")
    with pytest.raises(TimeoutError):
        raw_commit(hub, model, [HEADER, FILE], timeout=0.2)
    time.sleep(0.2)
    hub.heal()
    assert "a.txt" not in hub.repo("model", model).files()
    assert raw_commit(hub, model, [HEADER, FILE]) == 200
    assert "a.txt" in hub.repo("model", model).files()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([FILE, HEADER], "not the header"),
        ([HEADER], "without operations"),
        ([HEADER, {**FILE, "value": {**FILE["value"], "content": "not base64"}}], "base64"),
        ([HEADER, {**FILE, "value": {**FILE["value"], "path": "a.npz"}}], "belongs in LFS"),
        ([HEADER, {**FILE, "value": {**FILE["value"], "path": "../a.txt"}}], "path"),
        ([HEADER, {"key": "lfsFile", "value": LARGE}], "size is not that of the upload"),
        ([HEADER, {"key": "file", "value": {"path": "a.txt"}}], "fields"),
        ([{**HEADER, "value": {**HEADER["value"], "parentCommit": "main"}}, FILE], "parentCommit"),
    ],
)
def test_a_malformed_commit_is_a_violation(hub, model, lines, message):
    assert raw_commit(hub, model, lines) == 400
    assert len(hub.violations) == 1 and message in hub.violations[0]
    hub.violations.clear()
    assert len(hub.repo("model", model).commits()) == 2


def test_other_malformed_requests_are_violations(hub, model):
    assert raw(hub, "GET", "/api/whoami-v3") == 501
    assert raw(hub, "GET", f"/api/models/{model}", User_Agent="curl") == 400
    assert raw(hub, "GET", f"/api/models/{model}", Authorization="hf_write") == 400
    assert raw(hub, "GET", f"/api/models/{model}?full=1") == 400
    assert raw(hub, "GET", f"/api/models/{model}?token=hf_write") == 400
    assert raw(hub, "POST", "/api/repos/create", b'{"name": 3}', Content_Type="application/json")
    assert raw(hub, "PUT", f"/lfs-storage/{WEIGHTS_SHA256}", b"x") == 400
    assert len(hub.violations) == 8  # the token in an address is one of its own
    assert "hf_write" not in repr(hub.violations) + repr(hub.requests)
    hub.violations.clear()


def test_a_large_file_must_be_what_was_announced(hub, model):
    repo = hub.repo("model", model)
    announced = hashlib.sha256(b"announced").hexdigest()
    path = f"/lfs-storage/{announced}?ticket={hub.ticket(repo, announced, 9)}"
    for body in (b"short", b"other one"):
        assert raw(hub, "PUT", path, body, Authorization=None) == 400
    assert len(hub.violations) == 2 and announced not in repo.lfs_objects
    hub.violations.clear()


def test_a_violation_fails_the_test_that_made_it(tmp_path):
    with pytest.raises(AssertionError, match="unknown route"), Hub(tmp_path) as hub:
        raw(hub, "GET", "/api/nothing")
