"""Train, publish, serve, share, accept, retrain, publish, serve: the commands and the page."""

import json
import os
import subprocess
import sys
from pathlib import Path

from app_server import DESKTOP, chromium, start_app
from conftest import TINY
from gradio_client import Client, handle_file
from hub_server import Hub
from test_sharing import listen, settings, share, status_says

from ser.checkpoint import GOLDEN_CLIP

ROOT = Path(__file__).parent.parent
MODEL, VOICES = "user/voice", "user/voices"


def test_from_a_shared_recording_to_a_new_served_model(small_ravdess, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    with Hub(tmp_path / "hub") as hub, chromium() as browser:
        environment = {
            **os.environ,
            **hub.environment("hf_write"),
            "PYTHONPATH": str(ROOT),
            "SER_DATA": str(tmp_path / "data"),
            "SER_CACHE": str(tmp_path / "features"),
        }
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "ravdess").symlink_to(small_ravdess / "ravdess")

        def train(*arguments: object, answers: str = "") -> str:
            command = [sys.executable, "-m", "train", *map(str, arguments)]
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=environment,
                input=answers,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            assert "hf_write" not in done.stdout + done.stderr
            return done.stdout

        def served_revision(tag: str) -> str:
            model = {"SER_MODEL": f"{MODEL}@{tag}"}
            app = start_app(tmp_path / f"app-{tag}", settings(hub) | model)
            try:
                client = Client(app.url, verbose=False)
                answer = client.predict(handle_file(GOLDEN_CLIP), api_name="/predict")
                return answer["model"]["revision"]
            finally:
                app.stop()

        train("fit", "--recipe", "tiny.toml", "--output", "run-1")
        train("publish", "run-1", "--repo", MODEL, "--tag", "v1")

        app = start_app(tmp_path / "app", settings(hub) | {"SER_MODEL": f"{MODEL}@v1"})
        page = browser.new_page(viewport=DESKTOP)
        page.goto(app.url)
        listen(page)
        share(page, "sad")
        status_says(page, "Saved")
        app.stop()

        train("fetch-feedback", "--repo", VOICES)
        assert "0 recordings are left" in train("review-feedback", answers="a\n")
        train("fit", "--recipe", "tiny.toml", "--corpora", "ravdess,feedback", "--output", "run-2")
        training = json.loads((tmp_path / "run-2" / "config.json").read_text())["training"]
        assert "feedback" in training["train_speakers"]
        train("publish", "run-2", "--repo", MODEL, "--tag", "v2")

        heads = [commit.id for commit in hub.repo("model", MODEL).commits("main")]
        assert served_revision("v2") == heads[0]
        assert served_revision("v1") in heads[1:]
