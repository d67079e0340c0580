"""Whatever goes wrong, as a code that programs can rely on and a sentence for people."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gradio as gr

from ser.restriction import checked
from ser.sound.errors import AudioError, CancelledError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """What went wrong. Codes never change; sentences may."""

    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The JSON object that stands where an answer would."""
        return {"code": self.code, "message": self.message}

    def told(self) -> gr.Error:
        """The same for Gradio, which gives the title to programs, too."""
        return gr.Error(self.message, title=self.code, print_exception=False)


class ProblemError(Exception):
    """Carries a problem to where it is told."""

    def __init__(self, problem: Problem):
        super().__init__(problem.message)
        self.problem = problem


NOTHING_SENT = Problem("nothing_sent", "Please record or choose a sound first.")
GONE = Problem("gone", "This recording has been deleted by now: please send it again.")
CANCELLED = Problem("cancelled", "This was cancelled: please send it again to have it judged.")
INTERNAL = Problem(
    "internal", "Something went wrong on our side: please try again, or try another recording."
)
NO_ROOM = Problem(
    "no_room", "There is no room on our side for it now: please try again in some minutes."
)
MALFORMED = Problem(
    "malformed",
    "The parameters cannot be read: please send them as docs/api.md shows, each file as the path "
    "that its upload gave, in the form of a gradio.FileData.",
)
FULL = {errno.ENOSPC, errno.EDQUOT}  # of a disk


def chosen(emotions: object) -> tuple[str, ...] | None:
    """Read a list of emotions to judge among, None for all; raise ProblemError for any other."""
    if not emotions:
        return None
    if not isinstance(emotions, list) or not all(isinstance(name, str) for name in emotions):
        raise ProblemError(Problem("emotions", 'Emotions are a list, as ["happy", "sad"].'))
    try:
        return checked(emotions)
    except ValueError as error:
        raise ProblemError(Problem("emotions", str(error))) from error


def switched(value: object) -> bool:
    """Read a switch, off where nothing was sent; raise ProblemError for anything but a bool."""
    if value is not None and not isinstance(value, bool):
        raise ProblemError(Problem("embedding", "embedding is true or false."))
    return bool(value)


def problem(error: Exception) -> Problem:
    """Say what an exception means to whoever sent the sound; what nobody foresaw is logged."""
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, FileNotFoundError):
        return GONE
    if isinstance(error, CancelledError):
        return CANCELLED
    if isinstance(error, OSError) and error.errno in FULL:
        LOG.error("The disk is full: %s", error)
        return NO_ROOM
    if isinstance(error, AudioError):
        return Problem(error.code, str(error))
    LOG.error("A recording could not be judged", exc_info=error)
    return INTERNAL


@contextmanager
def told() -> Iterator[None]:
    """Raise a gr.Error with code and sentence, whatever went wrong."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise problem(error).told() from error
