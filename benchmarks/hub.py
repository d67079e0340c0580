"""What the Hub costs a start, and how many recordings the queue takes while it is down.

`python -m benchmarks.hub` prints the figures and writes them to benchmarks/hub.json. The Hub is
the tests' own on loopback, so these are the costs on this side, without a network's.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from huggingface_hub import HfApi, constants

from benchmarks.serving import PORT, ROOT, cpu_name, wait_for_page
from ser.checkpoints.checkpoint import EMBEDDED, GOLDEN_CLIP
from ser.feedback import queue as sharing
from ser.feedback.dataset import FeedbackDataset
from ser.feedback.queue import Feedback
from ser.pipeline import EmotionPipeline
from tests.hub.server import Hub
from train.judge.evaluate import git_commit

RESULTS = Path(__file__).parent / "hub.json"
REPO, DATASET = "user/voice", "user/voices"
N_STARTS = 5
SHARING_S = 20.0
N_REPLAYED = 1_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Hub(Path(folder) / "hub") as hub:
        results = {
            "start_s": time_starts(hub),
            "queue": time_queue(hub, Path(folder)),
            "machine": cpu_name(),
            "git_commit": git_commit(),
        }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def time_starts(hub: Hub) -> dict[str, float]:
    """Median seconds from `python app.py` to the first page, by where the model comes from."""
    repo = hub.create("model", REPO)
    repo.commit({p.name: p.read_bytes() for p in EMBEDDED.iterdir() if p.is_file()}, "model")
    pinned = f"{REPO}@{repo.commits('main')[0].id}"
    found = {"embedded": start_s(hub, None, "a")}
    found["empty cache, over loopback"] = start_s(hub, pinned, None)
    start_s(hub, pinned, "b", n_starts=1)  # fills the cache
    found["cached pinned commit"] = start_s(hub, pinned, "b")
    hub.down()
    found["cached pinned commit, Hub down"] = start_s(hub, pinned, "b")
    found["Hub refuses connections, nothing cached"] = start_s(hub, REPO, "c")
    hub.up()
    hub.fail(hang=True)
    found["Hub never answers, nothing cached"] = start_s(hub, REPO, "d")
    hub.heal()
    return found


def start_s(hub: Hub, model: str | None, cache: str | None, n_starts: int = N_STARTS) -> float:
    """Start the app this often; `cache` names a folder that lasts, None is an empty one a start."""
    seconds = []
    for number in range(n_starts):
        home = hub.folder / f"home-{cache or f'empty-{number}'}"
        environment = {
            **os.environ,
            **hub.environment("hf_read"),
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "GRADIO_SERVER_PORT": str(PORT),
            "SER_MODEL": model or "",
        }
        start = time.perf_counter()
        app = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_page(f"http://127.0.0.1:{PORT}/")
            seconds.append(time.perf_counter() - start)
        finally:
            app.kill()
            app.wait()
    return round(float(np.median(seconds)), 2)


def time_queue(hub: Hub, folder: Path) -> dict[str, float]:
    """Shares a minute with the Hub down, and how long a replay of 1,000 takes once it is up."""
    constants.ENDPOINT = hub.url
    constants.HUGGINGFACE_CO_URL_TEMPLATE = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    constants.HF_HUB_CACHE = str(folder / "cache")
    constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_TELEMETRY = True
    os.environ["HF_TOKEN"] = "hf_write"
    sharing.MAX_AN_HOUR = sharing.MAX_QUEUE_BYTES = 10**12
    HfApi().create_repo(DATASET, repo_type="dataset", private=True)
    prediction = EmotionPipeline.from_pretrained().predict(GOLDEN_CLIP)
    hub.down()
    queue = Feedback(FeedbackDataset(DATASET), folder / "queue")
    start, n_shared = time.perf_counter(), 0
    while time.perf_counter() - start < SHARING_S:
        queue.share(prediction, "sad", "visit", "visitor")
        n_shared += 1
    a_minute = 60 * n_shared / (time.perf_counter() - start)
    replayed = Feedback(FeedbackDataset(DATASET), folder / "replayed")
    for number in range(N_REPLAYED):  # no two of them the same sound
        other = replace(prediction, waveform=prediction.waveform * (1 - 1e-4 * number))
        replayed.share(other, "sad", "visit", "visitor")
    hub.up()
    replayed.stop()
    start = time.perf_counter()
    Feedback(FeedbackDataset(DATASET), folder / "replayed").sync()
    return {
        "shares_a_minute_hub_down": round(a_minute),
        f"replay_of_{N_REPLAYED}_s": round(time.perf_counter() - start, 1),
    }


if __name__ == "__main__":
    main()
