"""Train, publish, serve, share, accept, retrain, publish, serve: the commands and the page."""

import io
import json

from gradio_client import Client, handle_file

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from tests.page.app_server import DESKTOP, RunningApp, chromium, start_app
from tests.page.visitor import MODEL, VOICES, listen, settings, share, status_says
from tests.small_runs import TINY, work_in
from train.__main__ import main


def test_from_a_shared_recording_to_a_new_served_model(
    small_ravdess, hub, tmp_path, monkeypatch, capsys
):
    data = tmp_path / "data"
    data.mkdir()
    (data / "ravdess").symlink_to(small_ravdess / "ravdess")
    work_in(tmp_path, data, monkeypatch)
    (tmp_path / "tiny.toml").write_text(TINY)

    def train(*arguments: str) -> str:
        status = main(list(arguments))
        said = capsys.readouterr()
        assert status == 0, said.err
        assert "hf_write" not in said.out + said.err
        return said.out

    def serving(tag: str) -> RunningApp:
        return start_app(tmp_path / tag, settings(hub) | {"SER_MODEL": f"{MODEL}@{tag}"})

    def served_revision(app: RunningApp) -> str:
        client = Client(app.url, verbose=False)
        return client.predict(handle_file(GOLDEN_CLIP), api_name="/predict")["model"]["revision"]

    train("fit", "--recipe", "tiny.toml", "--output", "run-1")
    train("publish", "run-1", "--repo", MODEL, "--tag", "v1")
    repo = hub.repo("model", MODEL)
    first = repo.commits("main")[0].id

    with serving("v1") as app, chromium() as browser:
        assert served_revision(app) == first
        page = browser.new_page(viewport=DESKTOP)
        page.goto(app.url)
        listen(page)
        share(page, "sad")
        status_says(page, "Saved")

    train("fetch-feedback", "--repo", VOICES)
    monkeypatch.setattr("sys.stdin", io.StringIO("a\n"))
    assert "0 recordings are left" in train("review-feedback")
    train("fit", "--recipe", "tiny.toml", "--corpora", "ravdess,feedback", "--output", "run-2")
    training = json.loads((tmp_path / "run-2" / "config.json").read_text())["training"]
    assert "feedback" in training["train_speakers"]
    train("publish", "run-2", "--repo", MODEL, "--tag", "v2")

    second = repo.commits("main")[0].id
    assert first != second and repo.resolve("v1").id == first
    with serving("v2") as app:
        assert served_revision(app) == second
