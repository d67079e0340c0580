"""`--adapt` and `--voice`: the model adapted to a room, a microphone or a person."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from ser.adaptation import Adaptation, AdaptationError
from ser.cli.shared import UsageError, check_file, load_pipeline, note, output, reason_of, shown
from ser.pipeline import EmotionPipeline
from ser.recordings.folder import sound_files
from ser.recordings.whole_files import check_writable, write_whole
from ser.sound.audio import AudioError


def add_setting(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that judges one setting."""
    parser.add_argument(
        "--adapt",
        metavar="FOLDER|FILE",
        help="adapt to the recordings in a folder, all of one room and microphone, without labels; "
        "or to what --keep wrote",
    )
    parser.add_argument(
        "--voice",
        nargs="+",
        default=[],
        metavar="FILE",
        help="adapt to a person: some recordings of them speaking calmly",
    )
    parser.add_argument(
        "--keep",
        type=output,
        metavar="X.json",
        help="write down what was learnt; it holds no sound",
    )


def pipeline_in_setting(options: argparse.Namespace) -> EmotionPipeline:
    """The model that was asked for, adapted as far as that was asked for.

    Raises UsageError where nothing can be learnt, or the model cannot be adapted.
    """
    if options.adapt and options.voice:
        raise UsageError("Please adapt to a room (--adapt) or to a voice (--voice), not to both.")
    if options.keep and not (options.adapt or options.voice):
        raise UsageError("--keep needs --adapt or --voice: nothing is learnt without.")
    if options.keep:
        if options.keep.suffix != ".json":
            raise UsageError(f"--keep writes JSON: please name a .json, not {options.keep}.")
        check_writable(options.keep, options.voice)
    pipeline = load_pipeline(options.checkpoint)
    if not (options.adapt or options.voice):
        return pipeline
    try:
        heard = _heard(pipeline, options.adapt, options.voice)
        adapted = pipeline.adapted(heard, is_calm=bool(options.voice))
        learnt = adapted.adaptation
        if options.keep:
            write_whole(options.keep, learnt.save)
    except AdaptationError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{shown(error.filename)}: {error.strerror}.") from error
    if not options.quiet:
        note(f"Adapted to {learnt.n_clips} recordings, believed to {100 * learnt.weight:.0f} %.")
        if learnt.is_one_sided:
            note("That is less than usual: the model hears the same emotion in most of them.")
    return adapted


def _heard(pipeline: EmotionPipeline, source: str | None, voice: Sequence[str]):
    """What to adapt to: what was learnt before, or the answers to recordings."""
    if source and source.endswith(".json") and os.path.isfile(source):
        return Adaptation.load(source)
    if source and not os.path.isdir(source):
        raise UsageError(f"{shown(source)} is neither a folder nor a .json that --keep wrote.")
    files = sound_files(Path(source)) if source else map(check_file, voice)
    answers = []
    for file in files:
        try:
            answers.append(pipeline.predict(file))
        except (AudioError, OSError) as error:
            note(f"{shown(str(file))}: {reason_of(error)}")
    return answers
