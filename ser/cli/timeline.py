"""`ser timeline FILE`: a recording of up to three hours, each utterance with its time."""

import argparse
import json
from collections.abc import Iterator

from ser.cli.progress import Progress
from ser.cli.setting import add_setting, pipeline_in_setting
from ser.cli.shared import (
    DONE,
    SOME_FAILED,
    UNUSABLE,
    UsageError,
    add_options,
    bar,
    check_file,
    note,
    output,
    reason_of,
    say,
)
from ser.labels import EMOTIONS
from ser.recordings.labels import NAMES, check_outputs, write_labels
from ser.recordings.reading import clock
from ser.recordings.timeline import Timeline, timeline
from ser.recordings.whole_files import OutputError, readable
from ser.sound.audio import AudioError


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="ser timeline", description=__doc__)
    made.add_argument("file", metavar="FILE", help="a sound file")
    made.add_argument(
        "--out",
        action="append",
        default=[],
        type=output,
        metavar="X",
        help=f"write a file, by its name {', '.join(NAMES)} or .audformat.csv; may be repeated",
    )
    made.add_argument("--json", action="store_true", help="a JSON object instead of the table")
    add_options(made)
    add_setting(made)
    return made


def main(arguments: list[str]) -> int:
    """Print a table, and write the files that were asked for."""
    options = parser().parse_args(arguments)
    if options.file == "-":
        raise UsageError("A timeline is made of a file. For samples from a pipe: ser live -")
    check_file(options.file)
    check_outputs(options.out, [options.file, *options.voice, *filter(None, [options.adapt])])
    pipeline = pipeline_in_setting(options)
    progress, name = Progress(options.quiet), readable(options.file)

    def tell(heard_s: float, total_s: float | None) -> None:
        total = "" if total_s is None else f" of {clock(total_s)}"
        progress.tell(f"{name}: {clock(heard_s)}{total}", heard_s, total_s)

    try:
        found = timeline(pipeline, options.file, progress=tell, emotions=options.emotions)
    except (AudioError, OSError) as error:
        progress.end()
        note(f"{name}: {reason_of(error)}")
        return SOME_FAILED
    progress.end()
    status = DONE
    for path in options.out:  # before the table, whose reader may leave
        try:
            write_labels(found, options.file, path)
        except OutputError as error:
            note(f"error: {error}")
            status = UNUSABLE
            continue
        if not options.quiet:
            note(f"written: {path}")
    if options.json:
        say(json.dumps({"file": name, **found.to_dict()}))
    else:
        say("\n".join(_table(name, found)))
    return status


def _table(file: str, found: Timeline) -> Iterator[str]:
    yield f"{file}: {clock(found.duration_s)}, speech {clock(found.speech_s)}"
    for s in found.segments:
        channel = "" if s.channel is None else f"  channel {s.channel}"
        label = f"{s.label:<10}{100 * s.confidence:3.0f} %" if s.label else "no speech"
        yield f"  {_time(s.start_s)}  {_time(s.end_s)}{channel}  {label}"
    if any(segment.label for segment in found.segments):
        yield "share of the time of speech:"
        for emotion in EMOTIONS:
            share = found.shares()[emotion.name]
            yield f"  {emotion.name:<10}{100 * share:5.1f} %  {bar(share)}".rstrip()
    yield from (f"  warning: {warning}" for warning in found.warnings)


def _time(seconds: float) -> str:
    tenths = round(10 * seconds)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
