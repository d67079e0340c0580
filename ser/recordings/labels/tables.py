"""Tables: CSV, Parquet, JSON, and the CSV of audformat."""

import csv as csv_module
import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from ser.labels import LABELS
from ser.recordings.timeline import Segment, Timeline
from ser.recordings.whole_files import OutputError

if TYPE_CHECKING:
    import pyarrow

COLUMNS = [
    *("file", "start_s", "end_s", "label", "confidence", "speech_share"),
    *(f"p_{name}" for name in LABELS),
    "channel",
]


class _LineFeeds:
    """A file whose rows end in a line feed, while csv believes in two characters."""

    def __init__(self, out: TextIO):
        self._out = out

    def write(self, row: str) -> None:
        self._out.write(row.removesuffix("\r\n") + "\n")


def csv_writer(out: TextIO):
    """A writer of CSV that quotes names with a line feed or a carriage return in them.

    csv quotes of the two only what ends its rows, and readers end one at either.
    """
    return csv_module.writer(_LineFeeds(out), lineterminator="\r\n")


def csv(timeline: Timeline, file: str, path: Path) -> None:
    """One row a segment: plain decimals, an empty cell for no label and for mixed channels."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv_writer(out)
        writer.writerow(COLUMNS)
        for s in timeline.segments:
            times = (f"{s.start_s:.3f}", f"{s.end_s:.3f}")
            answer = _numbers(s)
            numbers = ("" if n is None else f"{n:.6f}" for n in answer)
            label, channel = s.label or "", "" if s.channel is None else s.channel
            writer.writerow([file, *times, label, *numbers, channel])


def json(timeline: Timeline, file: str, path: Path) -> None:
    """The object of `Timeline.to_dict`, with the file's name."""
    text = json_module.dumps({"file": file, **timeline.to_dict()}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def audformat(timeline: Timeline, file: str, path: Path) -> None:
    """A segmented table of audformat, https://audeering.github.io/audformat/.

    Times have their unit: a bare 2 is two nanoseconds to it.
    """
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv_writer(out)
        writer.writerow(["file", "start", "end", "emotion", "confidence"])
        for s in timeline.segments:
            times = _timedelta(s.start_s), _timedelta(s.end_s)
            confidence = "" if s.confidence is None else f"{s.confidence:.6f}"
            writer.writerow([file, *times, s.label or "", confidence])


def _timedelta(seconds: float) -> str:
    minutes, ms = divmod(round(1e3 * seconds), 60_000)
    return f"0 days {minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def check_parquet() -> None:
    """Raise OutputError where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "Parquet files need pyarrow, which is not installed here: pip install pyarrow, or "
            "write .csv."
        ) from error


def parquet(timeline: Timeline, file: str, path: Path) -> None:
    """The columns of the CSV; numbers in float32, as half of that is a string to some readers."""
    check_parquet()
    write_parquet({name: [] for name in COLUMNS} | _columns(timeline.segments, file), path)


def write_parquet(columns: dict[str, list], path: Path | BinaryIO, embedding_size: int = 0) -> None:
    """Columns of equal length; what they hold is told by their names."""
    import pyarrow
    import pyarrow.parquet

    arrays = {
        name: pyarrow.array(values, _type(name, embedding_size)) for name, values in columns.items()
    }
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)


def _type(name: str, embedding_size: int) -> "pyarrow.DataType":
    import pyarrow

    if name == "embedding":
        return pyarrow.list_(pyarrow.float32(), embedding_size)
    if name in ("file", "label", "warnings", "error", "model"):
        return pyarrow.string()
    return pyarrow.int32() if name == "channel" else pyarrow.float32()


def _columns(segments: list[Segment], file: str) -> dict[str, list]:
    columns = {
        "file": [file] * len(segments),
        "start_s": [s.start_s for s in segments],
        "end_s": [s.end_s for s in segments],
        "label": [s.label for s in segments],
        "confidence": [s.confidence for s in segments],
        "speech_share": [s.speech_share for s in segments],
    }
    for index, name in enumerate(LABELS):
        columns[f"p_{name}"] = [_numbers(s)[2 + index] for s in segments]
    return columns | {"channel": [s.channel for s in segments]}


def _numbers(segment: Segment) -> list[float | None]:
    """Confidence, share of speech and the eight probabilities; None where there is no answer."""
    probabilities = segment.probabilities
    if probabilities is None:
        return [None, segment.speech_share, *[None] * len(LABELS)]
    return [segment.confidence, segment.speech_share, *map(float, probabilities)]
