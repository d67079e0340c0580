"""docs/api.md: every example runs as it stands, and its tables are complete."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ser.sound import errors
from server import frames, limits, live, problems
from server.api import TOO_MANY_FILES
from tests.page.app_server import ROOT, running_app, start_app
from tests.schema import SCHEMA

PAGE = (ROOT / "docs" / "api.md").read_text()
ADDRESS = "127.0.0.1:7860"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def example(language: str, word: str) -> str:
    (found,) = (text for text in examples(language) if word in text)
    return found


def run(command: list[str], app) -> str:
    assert ADDRESS in command[-1]
    command[-1] = command[-1].replace(ADDRESS, app.url.removeprefix("http://"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_example():
    printed = run([sys.executable, "-c", example("python", "gradio_client")], running_app())
    assert "'surprised'" in printed and printed.count("low-and-slow.flac") == 2


def test_the_curl_example():
    printed = run(["bash", "-euc", example("sh", "/upload")], running_app())
    assert printed.startswith("event: complete")
    (answer,) = json.loads(printed.split("data: ", 1)[1])
    assert answer["file"] == "low-and-slow.flac"


def test_the_health_example():
    assert json.loads(run(["bash", "-euc", example("sh", "/health")], running_app()))["model"]


def test_the_live_example():
    printed = run([sys.executable, "-c", example("python", "websockets")], running_app())
    assert printed.startswith("ready") and "utterance end" in printed
    assert printed.splitlines()[-1].startswith("ended")


def test_the_example_of_a_tool(tmp_path):
    with start_app(tmp_path, {"GRADIO_MCP_SERVER": "True"}) as app:
        printed = run([sys.executable, "-c", example("python", "ClientSession")], app)
    assert printed.strip() in json.loads(SCHEMA.read_text())["$defs"]["label"]["enum"]


def test_every_code_that_the_server_gives_is_on_the_page():
    told = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| `.*? \|", PAGE, re.M))))
    given = {kind.code for kind in (errors.AudioError, *errors.AudioError.__subclasses__())}
    given |= {
        one.code
        for one in (*vars(problems).values(), *vars(live).values(), TOO_MANY_FILES)
        if isinstance(one, problems.Problem)
    }
    for module in (frames, live):
        text = Path(module.__file__).read_text()
        given |= set(re.findall(r'(?:Problem|RefusedError)\(\s*(?:number,|None,)?\s*"(\w+)"', text))
    given |= set(re.findall(r'Problem\("(\w+)"', (ROOT / "server" / "uploads.py").read_text()))
    assert given <= told, given - told
    assert len(given) > 20


@pytest.mark.parametrize("form", ["prediction", "timeline", "predictions", "event", "health"])
def test_the_forms_that_the_page_names_are_in_the_schema(form):
    assert f"`{form}` |" in PAGE and form in json.loads(SCHEMA.read_text())["$defs"]


def test_the_limits_that_the_page_tells_are_those_that_hold():
    session = limits.LiveLimits()
    for told in (
        f"up to {limits.MAX_FILES} files",
        f"{limits.MAX_WAITING} requests wait",
        f"{session.ahead_s:g} s may be ahead",
        f"{session.idle_s:g} s without a frame",
        f"from {limits.RATES_HZ[0]} to {limits.RATES_HZ[-1]}",
    ):
        assert told in PAGE, told
    assert (session.n_sessions, session.longest_s, session.n_refused) == (8, 3600, 100)
