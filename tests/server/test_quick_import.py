"""gradio is imported without its stubs, and is the same otherwise."""

import subprocess
import sys

import pytest

from train.places import ROOT

COUNTING = """
import sys
opened = []
sys.addaudithook(lambda event, given: event == "open" and opened.append(str(given[0])))
import {module}
import inspect, gradio
print(sum(name.endswith(".pyi") for name in opened))
print(inspect.getfile(gradio.Audio))
print([event.event_name for event in gradio.Audio.EVENTS])
"""


def told(module: str) -> list[str]:
    run = [sys.executable, "-c", COUNTING.format(module=module)]
    return subprocess.run(
        run, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def plain() -> list[str]:
    return told("gradio")


def test_no_stub_is_read_or_written(plain):
    assert int(plain[0]) > 50  # else gradio has mended it, and nothing here is needed
    assert told("server.quick_import")[0] == "0"


def test_the_app_imports_it_so(plain):
    n_stubs, *same = told("app")
    assert n_stubs == "0" and same == plain[1:]
