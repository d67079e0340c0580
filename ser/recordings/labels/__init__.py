"""A timeline as the files that other programs read: one function a form, chosen by the suffix.

What real readers do with valid files decides how they are written; each form's comment says so.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ser.recordings.labels.captions import audacity, rttm, subrip, webvtt
from ser.recordings.labels.tables import audformat, check_parquet, csv, json, parquet
from ser.recordings.labels.tiers import eaf, textgrid
from ser.recordings.timeline import Timeline
from ser.recordings.whole_files import OutputError, check_writable, readable, write_whole

Form = Callable[[Timeline, str, Path], None]

FORMS: dict[str, Form] = {
    ".audformat.csv": audformat,
    ".csv": csv,
    ".json": json,
    ".parquet": parquet,
    ".textgrid": textgrid,
    ".eaf": eaf,
    ".txt": audacity,
    ".vtt": webvtt,
    ".srt": subrip,
    ".rttm": rttm,
}
NAMES = (".csv", ".json", ".parquet", ".TextGrid", ".txt", ".vtt", ".srt", ".rttm", ".eaf")


def form_of(path: Path) -> Form:
    """The form that a file's name asks for; OutputError where there is none."""
    for suffix, form in FORMS.items():
        if path.name.lower().endswith(suffix):
            return form
    raise OutputError(
        f"{path}: a timeline is written as {', '.join(NAMES)} or .audformat.csv, by the file's "
        "name."
    )


def check_outputs(paths: list[Path], sources: Iterable[str | os.PathLike] = ()) -> None:
    """Raise OutputError for the first file that could not be written, before the work starts.

    `sources` are files to read, which none of them may be.
    """
    sources = list(sources)
    for path in paths:
        check_writable(path, sources)
        if form_of(path) is parquet:
            check_parquet()


def write_labels(timeline: Timeline, file: str | os.PathLike, path: Path) -> None:
    """Write the timeline of the recording `file` as the name of `path` says, whole or not at all.

    Raises OutputError for a name that tells no form, and where the file cannot be written.
    """
    form = form_of(path)
    write_whole(path, lambda temporary: form(timeline, readable(file), temporary))
