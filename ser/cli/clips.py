"""`ser CLIP ...`: what each recording seems to express."""

import argparse
import json
from importlib.metadata import PackageNotFoundError, version

from ser.cli.setting import add_setting, pipeline_in_setting
from ser.cli.shared import (
    DONE,
    SOME_FAILED,
    UsageError,
    add_options,
    bar,
    files_of,
    note,
    reason_of,
    say,
    shown,
    why_not,
)
from ser.labels import EMOTIONS
from ser.prediction import Prediction
from ser.recordings.whole_files import readable
from ser.sound.audio import AudioError

EPILOG = """commands:
  ser timeline FILE    a long recording: each utterance with its time
  ser live -           a stream of raw samples, or the microphone
  ser folder DIR       many files, one row each
  ser bulk SOURCE      many hours, from disks and stores, on one machine or many
Each has its own --help."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="ser",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "files",
        nargs="*",
        metavar="CLIP",
        help="a sound file, a quoted pattern, or - for one name a line on standard input",
    )
    made.add_argument("--json", action="store_true", help="one JSON object a line")
    made.add_argument(
        "--embedding", action="store_true", help="with --json: what the last layer sees, too"
    )
    made.add_argument("--version", action="store_true", help="the version and the model")
    add_options(made)
    add_setting(made)
    return made


def main(arguments: list[str]) -> int:
    """Judge every file; 1 when one of them could not be, with a line on standard error."""
    made = parser()
    n_typed = arguments.index("--") if "--" in arguments else len(arguments)
    options = made.parse_intermixed_args(arguments[:n_typed])
    options.files += arguments[n_typed + 1 :]  # argparse itself would take those for options
    if not options.files and not options.version:
        made.error("please name a sound file")
    if options.embedding and not options.json:
        made.error("--embedding needs --json: the table has no room for it")
    pipeline = pipeline_in_setting(options)
    if options.version:
        say(
            f"speech-emotion {_version()}, model {pipeline.checkpoint.name}, "
            f"revision {pipeline.checkpoint.revision}"
        )
        return DONE
    status, n_files = DONE, 0
    for n_files, file in enumerate(files_of(options.files), 1):  # noqa: B007
        if reason := why_not(file):
            note(f"{shown(file)}: {reason}")
            status = SOME_FAILED
            continue
        try:
            prediction = pipeline.predict(file)
        except (AudioError, OSError) as error:
            note(f"{shown(file)}: {reason_of(error)}")
            status = SOME_FAILED
            continue
        if options.emotions:
            prediction = prediction.restricted(options.emotions)
        if options.json:
            answer = {"file": readable(file), **prediction.to_dict(options.embedding)}
            say(json.dumps(answer))
        else:
            say(_table(shown(file), prediction, options.quiet))
    if not n_files:
        raise UsageError("There is no name in the list on standard input.")
    return status


def _version() -> str:
    try:
        return version("speech-emotion")
    except PackageNotFoundError:  # run from its folder, not installed
        return "(not installed)"


def _table(file: str, prediction: Prediction, is_quiet: bool) -> str:
    if (best := prediction.emotion) is None:
        warnings = [] if is_quiet else [f"  warning: {text}" for text in prediction.warnings]
        return "\n".join(
            [f"{file}: {prediction.reason} ({prediction.duration_s:.1f} s)", *warnings]
        )
    lines = [
        f"{file}: {best.emoji} {best.name}, {100 * prediction.probabilities[best.index]:.0f} % "
        f"({prediction.duration_s:.1f} s, judged in {prediction.timings_ms['total']:.0f} ms)"
    ]
    for emotion in EMOTIONS:
        p = prediction.probabilities[emotion.index]
        lines.append(f"  {emotion.name:<10}{100 * p:5.1f} %  {bar(p)}".rstrip())
    if not is_quiet:
        lines += [f"  {prediction.certainty}"] if prediction.certainty else []
        lines += [f"  warning: {warning}" for warning in prediction.warnings]
    return "\n".join(lines)
