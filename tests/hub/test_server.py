"""The test Hub, driven by the real client: what other tests build on it must hold."""

import hashlib
import threading
import time

import httpx2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub.server import Hub

WEIGHTS = bytes(range(256)) * 1000
WEIGHTS_SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def api(hub):
    return HfApi()


@pytest.fixture
def model(api):
    """A model repository with one regular and one large file."""
    api.create_repo("user/model")
    save(api, {"config.json": b"{}", "model.safetensors": WEIGHTS})
    return "user/model"


def save(api, files, repo="user/model", **options):
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(repo, operations, commit_message="Save", **options)


def status_of(caught) -> int:
    return caught.value.response.status_code


def test_a_commit_of_small_and_large_files_is_what_is_read_back(hub, api, model):
    repo = hub.repo("model", "user/model")
    assert repo.files("main")["config.json"] == b"{}"
    assert repo.files("main")["model.safetensors"] == WEIGHTS
    assert repo.lfs_objects == {WEIGHTS_SHA256: WEIGHTS}
    assert [commit.title for commit in repo.commits("main")] == ["Save", "initial commit"]
    assert len(hub.seen("PUT", "/lfs-storage/*")) == 1
    info = api.model_info(model)
    assert info.sha == repo.commits()[0].id and not info.private


def test_what_has_not_changed_is_not_sent_again(hub, api, model):
    save(api, {"config.json": b"{}", "model.safetensors": WEIGHTS})
    save(api, {"copy.safetensors": WEIGHTS})
    assert len(hub.repo("model", model).commits()) == 3
    assert len(hub.seen("PUT", "/lfs-storage/*")) == 1


def test_repositories(hub, api):
    url = api.create_repo("user/data", repo_type="dataset", private=True)
    assert (url.repo_id, url.repo_type) == ("user/data", "dataset")
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("user/data", repo_type="dataset")
    assert status_of(caught) == 409
    assert api.create_repo("user/data", repo_type="dataset", exist_ok=True) == url
    assert api.dataset_info("user/data").private
    assert api.repo_exists("user/data", repo_type="dataset") and not api.repo_exists("user/data")


def test_a_commit_on_a_stale_parent_is_refused(hub, api, model):
    first = api.model_info(model).sha
    second = save(api, {"a.txt": b"a"}, parent_commit=first).oid
    with pytest.raises(HfHubHTTPError) as caught:
        save(api, {"b.txt": b"b"}, parent_commit=first)
    assert status_of(caught) == 412
    assert hub.repo("model", model).commits()[0].id == second


def test_two_publishers_race_between_upload_and_commit(hub, api, model):
    repo = hub.repo("model", model)
    parent = api.model_info(model).sha
    hub.fail(path="*/commit/*", times=1, before=lambda: repo.commit({"other.txt": b"first"}))
    with pytest.raises(HfHubHTTPError) as caught:
        save(api, {"mine.txt": b"second"}, parent_commit=parent)
    assert status_of(caught) == 412
    assert "other.txt" in repo.files() and "mine.txt" not in repo.files()


def test_files_are_downloaded_by_tag_commit_and_branch(hub, api, model, tmp_path):
    commit = api.model_info(model).sha
    api.create_tag(model, tag="v1.0")
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_tag(model, tag="v1.0")
    assert status_of(caught) == 409
    save(api, {"config.json": b"[]"})
    expected = {"v1.0": b"{}", commit: b"{}", "main": b"[]"}
    for revision, content in expected.items():
        for name, data in (("config.json", content), ("model.safetensors", WEIGHTS)):
            options = {"revision": revision, "cache_dir": tmp_path / revision}
            with open(hf_hub_download(model, name, **options), "rb") as file:
                assert file.read() == data
    references = api.list_repo_refs(model)
    assert [(tag.name, tag.target_commit) for tag in references.tags] == [("v1.0", commit)]
    assert [branch.name for branch in references.branches] == ["main"]


def test_a_cached_commit_needs_no_request(hub, api, model):
    revision = api.model_info(model).sha
    hf_hub_download(model, "config.json", revision=revision)
    hub.requests.clear()
    hub.down()
    hf_hub_download(model, "config.json", revision=revision)
    assert hub.requests == []


def test_questions_about_a_repository(hub, api, model):
    save(api, {"plots/loss.txt": b"x"})
    assert api.list_repo_files(model) == [
        ".gitattributes",
        "config.json",
        "model.safetensors",
        "plots/loss.txt",
    ]
    assert api.file_exists(model, "config.json") and not api.file_exists(model, "no.txt")
    assert api.revision_exists(model, "main") and not api.revision_exists(model, "v9")
    titles = [commit.title for commit in api.list_repo_commits(model)]
    assert titles == ["Save", "Save", "initial commit"]


def test_deleting(hub, api, model):
    api.create_commit(model, [CommitOperationDelete("config.json")], commit_message="Delete")
    assert sorted(hub.repo("model", model).files()) == [".gitattributes", "model.safetensors"]
    with pytest.raises(EntryNotFoundError):
        api.create_commit(model, [CommitOperationDelete("no.txt")], commit_message="Delete")


def test_what_is_missing_or_private_is_named_so(hub, api, model):
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(model, "no.json", token=False)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(model, "config.json", revision="v9", token=False)
    with pytest.raises(RevisionNotFoundError):
        api.model_info(model, revision="v9")
    hub.repo("model", model).private = True
    for token in (False, "hf_other"):
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download(model, "config.json", token=token)
        with pytest.raises(RepositoryNotFoundError):
            api.model_info(model, token=token)
    for token in ("hf_read", "hf_write"):
        hf_hub_download(model, "model.safetensors", token=token)


def test_who_may_write(hub, api, model):
    refused = {False: 401, "hf_wrong": 401, "hf_read": 403, "hf_other": 403}
    for token, status in refused.items():
        with pytest.raises(HfHubHTTPError) as caught:
            save(api, {"a.txt": b"a"}, token=token)
        assert status_of(caught) == status
    del hub.tokens["hf_write"]  # it has expired
    with pytest.raises(HfHubHTTPError, match="Invalid credentials"):
        api.model_info(model)


def test_a_pull_request_leaves_the_branch_alone(hub, api, model):
    made = save(api, {"config.json": b"[1]"}, create_pr=True)
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    repo = hub.repo("model", model)
    assert repo.files("main")["config.json"] == b"{}"
    assert repo.files("refs/pr/1")["config.json"] == b"[1]"


def test_a_folder_with_a_card_and_a_snapshot(hub, api, tmp_path):
    api.create_repo("user/data", repo_type="dataset")
    folder = tmp_path / "folder"
    (folder / "audio").mkdir(parents=True)
    (folder / "audio" / "a.flac").write_bytes(WEIGHTS)
    (folder / "README.md").write_text(
        "---\nlicense: cc-by-nc-sa-4.0\ntags: [speech]\n---\n# Data\n"
    )
    api.upload_folder(repo_id="user/data", folder_path=folder, repo_type="dataset")
    assert len(hub.repo("dataset", "user/data").commits()) == 2
    info = api.dataset_info("user/data")
    assert info.tags == ["speech"] and info.card_data.license == "cc-by-nc-sa-4.0"
    copy = snapshot_download("user/data", repo_type="dataset")
    with open(f"{copy}/audio/a.flac", "rb") as file:
        assert file.read() == WEIGHTS
    with pytest.raises(ValueError, match="Invalid metadata"):
        save(api, {"README.md": b"---\na: [\n---\n"}, "user/data", repo_type="dataset")


def test_removal_from_history(hub, api, model):
    repo = hub.repo("model", model)
    save(api, {"rows.jsonl": b"the visitor\n", "model.safetensors": WEIGHTS[1:]})
    save(api, {"rows.jsonl": b"nobody\n"})
    assert repo.history_contains(b"the visitor") and repo.history_contains(WEIGHTS_SHA256)
    listed = [file for file in api.list_lfs_files(model) if file.file_oid == WEIGHTS_SHA256]
    assert [file.filename for file in listed] == ["model.safetensors"]
    api.super_squash_history(model)
    assert len(repo.commits()) == 1 and not repo.history_contains(b"the visitor")
    assert repo.history_contains(WEIGHTS_SHA256), "squashing alone keeps the large file"
    assert WEIGHTS_SHA256 not in {file.file_oid for file in api.list_lfs_files(model)}
    api.permanently_delete_lfs_files(model, listed)
    assert not repo.history_contains(WEIGHTS_SHA256) and not repo.history_contains(WEIGHTS)
    assert repo.files()["model.safetensors"] == WEIGHTS[1:]


def test_deleting_large_files_rewrites_every_commit_and_a_tag_keeps_its_own(hub, api, model):
    repo = hub.repo("model", model)
    save(api, {"rows.jsonl": b"the visitor\n"})
    api.create_tag(model, tag="v1")
    before = repo.commits()[0].id
    api.permanently_delete_lfs_files(model, list(api.list_lfs_files(model)))
    assert not repo.history_contains(WEIGHTS_SHA256)
    assert all("model.safetensors" not in commit.files for commit in repo.commits("v1"))
    assert repo.commits()[0].id != before and len(repo.commits()) == 3
    save(api, {"rows.jsonl": b"nobody\n"})
    api.super_squash_history(model)
    assert repo.history_contains(b"the visitor"), "the tag still leads to it"


def test_a_space_has_variables_and_secrets(hub, api):
    api.create_repo("user/space", repo_type="space", space_sdk="gradio")
    shown = api.add_space_variable("user/space", "SER_MODEL", "user/model@v1")
    assert {key: item.value for key, item in shown.items()} == {"SER_MODEL": "user/model@v1"}
    api.add_space_secret("user/space", "HF_TOKEN", "hf_secret")
    repo = hub.repo("space", "user/space")
    assert (list(repo.variables), list(repo.secrets)) == (["SER_MODEL"], ["HF_TOKEN"])
    assert api.space_info("user/space").sha == repo.commits()[0].id


def test_a_body_cut_in_half_is_fetched_again(hub, model):
    hub.fail(cut=True, path="*model.safetensors", times=1)
    with open(hf_hub_download(model, "model.safetensors"), "rb") as file:
        assert file.read() == WEIGHTS
    assert [line.status for line in hub.seen("GET", "/cdn/*")] == [200, 200]


def test_a_commit_whose_answer_is_lost_was_made(hub, api, model):
    hub.fail(cut=True, path="*/commit/*", times=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        save(api, {"a.txt": b"a"})
    assert hub.repo("model", model).files()["a.txt"] == b"a"


@pytest.mark.parametrize("status", [401, 412, 500])
def test_a_commit_that_fails_is_not_made(hub, api, model, status):
    hub.fail(status, method="POST", path="*/commit/*", times=1)
    with pytest.raises(HfHubHTTPError) as caught:
        save(api, {"a.txt": b"a"})
    assert status_of(caught) == status
    assert "a.txt" not in hub.repo("model", model).files()
    save(api, {"a.txt": b"a"})


def test_a_hub_that_is_down_refuses_connections_and_comes_back(hub, api, model):
    api.model_info(model)
    hub.down()
    before = time.monotonic()
    with pytest.raises(httpx2.ConnectError):
        api.model_info(model)
    assert time.monotonic() - before < 1
    hub.up()
    api.model_info(model)


def test_a_hub_can_go_down_between_upload_and_commit(hub, api, model):
    hub.fail(path="*/commit/*", times=1, before=hub.down)
    with pytest.raises(httpx2.TransportError):
        save(api, {"new.npz": b"numbers"})
    repo = hub.repo("model", model)
    assert repo.history_contains(b"numbers") and "new.npz" not in repo.files()


def test_a_hanging_hub_answers_nothing_until_it_is_healed(hub, api, model):
    hub.fail(hang=True, path="*/api/models/*")
    with pytest.raises(httpx2.TimeoutException):
        api.model_info(model, timeout=0.2)
    threading.Timer(0.3, hub.heal).start()
    assert api.model_info(model, timeout=5).id == model


def test_leaving_does_not_wait_for_what_hangs(tmp_path):
    with Hub(tmp_path) as hub:
        hub.create("model", "user/model")
        hub.fail(hang=True)
        api = HfApi(endpoint=hub.url, token="hf_write")
        errors = []

        def ask():
            try:
                api.model_info("user/model")
            except httpx2.HTTPError as error:
                errors.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not hub.requests:
            time.sleep(0.01)
        before = time.monotonic()
        hub.down()
    assert time.monotonic() - before < 1
    thread.join(timeout=5)
    assert len(errors) == 1


def test_a_hub_that_is_down_gives_the_cached_file_of_a_branch(hub, model):
    path = hf_hub_download(model, "config.json")
    hub.down()
    assert hf_hub_download(model, "config.json") == path
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download(model, "model.safetensors", local_files_only=True)


def test_no_token_is_in_the_log(hub, api, model):
    hf_hub_download(model, "model.safetensors", token="hf_read")
    with pytest.raises(HfHubHTTPError):
        api.model_info(model, token="hf_unknown_token")
    log = repr(hub.requests)
    assert "Bearer ***" in log
    assert not any(token in log for token in (*hub.tokens, "hf_unknown_token"))
