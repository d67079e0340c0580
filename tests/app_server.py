"""`python app.py` in a process of its own, for the tests that talk to it."""

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
START_S = 60.0  # on a busy machine


@dataclass(frozen=True)
class RunningApp:
    """Where it answers, and where Gradio keeps what it was sent."""

    url: str
    folder: Path
    process: subprocess.Popen


@cache
def running_app(delete_after_s: float = 600.0) -> RunningApp:
    """Start the app once for all tests that want the same one; it ends with the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.TemporaryDirectory(prefix="ser-app-")
    atexit.register(folder.cleanup)
    log = Path(folder.name) / "log.txt"
    settings = {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(Path(folder.name) / "gradio"),
        "SER_DELETE_AFTER_S": str(delete_after_s),
        "no_proxy": "127.0.0.1",
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    atexit.register(_stop, process)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_S
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The app did not start:\n{log.read_text()}")
        time.sleep(0.2)
    return RunningApp(url, Path(folder.name) / "gradio", process)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/config", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
