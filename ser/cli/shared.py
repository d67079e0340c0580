"""What every command has: its options, its model, its exit codes, a file's name in a sentence."""

import argparse
import glob
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
from ser.recordings.whole_files import OutputError, readable
from ser.restriction import checked
from ser.sound.audio import AudioError

DONE, SOME_FAILED, UNUSABLE = 0, 1, 2
BROKEN_PIPE = 141
BAR_WIDTH = 30  # characters of a probability of 1
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
MOST_NAME_BYTES = 1 << 16  # of a line in a list of names
BYTE_ORDER_MARK, OTHER_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


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
            yield from listed(standard_input())
        elif any(letter in argument for letter in "*?[") and not os.path.lexists(argument):
            yield from sorted(glob.glob(argument, recursive=True)) or [argument]
        else:
            yield argument


def standard_input() -> BinaryIO:
    """What is piped in, as bytes; UsageError where it is closed."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed.")
    return sys.stdin.buffer


def listed(file: BinaryIO) -> Iterator[str]:
    """Names that stand one a line, as they come; UsageError for what is no list of names."""
    is_first = True
    while line := file.readline(MOST_NAME_BYTES):
        if is_first and line.startswith(OTHER_MARKS):
            raise UsageError("The list of names is in UTF-16: please save it as UTF-8.")
        if b"\0" in line or len(line) == MOST_NAME_BYTES:
            raise UsageError("This is no list of names, one a line.")
        name = (line.removeprefix(BYTE_ORDER_MARK) if is_first else line).rstrip(b"\r\n")
        is_first = False
        if name.strip():
            yield os.fsdecode(name)


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


def say(text: str) -> None:
    """Give an answer on standard output; OutputError where it cannot be written."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed.")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        raise OutputError(f"The answer could not be written: {error.strerror}.") from error


def silence() -> None:
    """Throw away what is left to write on standard output, which cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def note(text: str) -> None:
    """Say something on standard error."""
    print(text, file=sys.stderr, flush=True)


def bar(share: float) -> str:
    """A share between 0 and 1, drawn."""
    return "█" * round(BAR_WIDTH * share)


def output(text: str) -> Path:
    """A file to write, as an option's type."""
    return Path(text)
