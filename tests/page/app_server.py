"""`python app.py` in a process of its own, and a browser, for the tests that talk to it."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import soundfile
import soxr
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
SCREENSHOTS = ROOT / "screenshots"
START_S, ANSWER_S = 60.0, 20.0  # on a busy machine
DESKTOP = {"width": 1280, "height": 900}
MICROPHONE_HZ = 48_000
PHONE = {"width": 390, "height": 844}
SWITCHES = [
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]

expect.set_options(timeout=1000 * ANSWER_S)


@dataclass(frozen=True)
class RunningApp:
    """Where it answers, where Gradio keeps what it was sent, and what it printed."""

    url: str
    folder: Path
    log: Path
    process: subprocess.Popen

    def __enter__(self) -> "RunningApp":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


@cache
def running_app(delete_after_s: float = 600.0) -> RunningApp:
    """Start the app once for all tests that want the same one; it ends with the tests."""
    folder = tempfile.TemporaryDirectory(prefix="ser-app-")
    atexit.register(folder.cleanup)
    app = start_app(Path(folder.name), {"SER_DELETE_AFTER_S": str(delete_after_s)})
    atexit.register(app.stop)
    return app


def start_app(folder: Path, settings: dict[str, str]) -> RunningApp:
    """Start the app with these environment variables, wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    environment = {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "SER_DELETE_AFTER_S": "600",
        "SER_MODEL": "",
        "SER_FEEDBACK_REPO": "",
        "SER_FEEDBACK_DIR": str(folder / "feedback"),
        "no_proxy": "127.0.0.1",
    }
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | environment | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    app = RunningApp(f"http://127.0.0.1:{port}", folder / "gradio", log, process)
    deadline = time.monotonic() + START_S
    while not _answers(app.url):
        if process.poll() is not None or time.monotonic() > deadline:
            app.kill()
            raise RuntimeError(f"The app did not start:\n{log.read_text()}")
        time.sleep(0.2)
    return app


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/config", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def chromium(*switches: str) -> Iterator[Browser]:
    """Open a headless Chromium; without one the test is skipped."""
    path = shutil.which("chromium")
    if not path:
        pytest.skip("chromium is not installed")
    SCREENSHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*SWITCHES, *switches])
        yield browser
        browser.close()


@contextmanager
def chromium_that_hears(clip: Path, folder: Path) -> Iterator[Browser]:
    """The same with a microphone that plays a sound file again and again; `folder` is scratch."""
    spoken = folder / "spoken.wav"
    samples, rate_hz = soundfile.read(clip)
    soundfile.write(spoken, soxr.resample(samples, rate_hz, MICROPHONE_HZ), MICROPHONE_HZ)
    with chromium(f"--use-file-for-fake-audio-capture={spoken}") as browser:
        yield browser


def choose(page: Page, path: Path, part: str = "clip") -> None:
    """Choose a sound file in a part of the page."""
    page.locator(f"#{part} input[type=file]").set_input_files(path)
