"""What every command has: its options, its model, its exit codes, a file's name in a sentence."""

import argparse
import glob
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
from ser.recordings.whole_files import readable
from ser.restriction import checked
from ser.sound.audio import AudioError

DONE, SOME_FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
BROKEN_PIPE = 141
BAR_WIDTH = 30  # characters of a probability of 1
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class UsageError(ValueError):
    """The command cannot be done as it was typed; the message says why."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    parser.add_argument("--checkpoint", help="a folder or user/repo[@revision]; default: embedded")
    parser.add_argument(
        "--emotions",
        type=_emotions,
        metavar="A,B,...",
        help=f"judge among these only, of {', '.join(LABELS)}",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress and no notes")


def _emotions(text: str) -> tuple[str, ...]:
    try:
        return checked(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def load_pipeline(checkpoint: str | None) -> EmotionPipeline:
    """Load the model, on one thread; CheckpointError where it cannot be used."""
    one_thread()
    keep_memory()
    return EmotionPipeline.from_pretrained(checkpoint)


def files_of(arguments: list[str]) -> Iterator[str]:
    """Files by name, by a quoted pattern, or `-` for one a line on standard input.

    A name that stands for no file comes out as it is; `why_not` tells what is wrong with it.
    """
    for argument in arguments:
        if argument == "-":
            yield from listed(sys.stdin.buffer.read())
        elif any(letter in argument for letter in "*?[") and not os.path.lexists(argument):
            yield from sorted(glob.glob(argument, recursive=True)) or [argument]
        else:
            yield argument


def listed(data: bytes) -> list[str]:
    """Names that stand one a line."""
    return [os.fsdecode(line.rstrip(b"\r")) for line in data.split(b"\n") if line.strip()]


def why_not(file: str) -> str | None:
    """Tell in a sentence why a name is no file to judge; None if it may be one."""
    if ADDRESS.match(file):
        return "This is an address: please download the file first, and name it here."
    if os.path.isdir(file):
        return f"This is a folder: `ser folder {shown(file)} --out results.csv` judges its files."
    if not os.path.lexists(file) and any(letter in file for letter in "*?["):
        return "No file matches this pattern."
    if not os.path.exists(file):
        return "There is no such file."
    return None


def check_file(file: str) -> str:
    """A name that may be judged; UsageError with the reason for any other."""
    if reason := why_not(file):
        raise UsageError(f"{shown(file)}: {reason}")
    return file


def shown(file: str) -> str:
    """A name on a terminal: without line breaks, and what else may lead the eye astray."""
    return "".join(one if one.isprintable() else "?" for one in readable(file))


def reason_of(error: Exception) -> str:
    """What to say of a file that could not be judged."""
    if isinstance(error, AudioError):
        return str(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def note(text: str) -> None:
    """Say something on standard error."""
    print(text, file=sys.stderr, flush=True)


def bar(share: float) -> str:
    """A share between 0 and 1, drawn."""
    return "█" * round(BAR_WIDTH * share)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM stop a command as Ctrl-C does."""

    def stop(*_) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def output(text: str) -> Path:
    """A file to write, as an option's type."""
    return Path(text)
