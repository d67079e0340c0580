"""Run `python -m ser` as a person types it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "ser"]


def run(*arguments, **options):
    command = [*COMMAND, *(a if isinstance(a, str) else str(a) for a in arguments)]
    options = {"text": True, "capture_output": True, **options}
    return subprocess.run(command, cwd=ROOT, timeout=120, **options)


def start(*arguments, **options):
    command = [*COMMAND, *(a if isinstance(a, str) else str(a) for a in arguments)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
