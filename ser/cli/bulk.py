"""`ser bulk SOURCE --out DIR`: many hours, on all cores of a machine or of a Ray cluster.

Rows go into a folder of Parquet parts. A run that was stopped or killed goes on where it was when
it is started again. Needs pip install 'speech-emotion[scale]'.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import redirect_stdout

from ser.cli.folder import MOST_FILES, MOST_WORKERS, at_most
from ser.cli.progress import FilesProgress
from ser.cli.shared import DONE, SOME_FAILED, UsageError, add_options, listed, note, shown
from ser.recordings.bulk import BulkError, bulk
from ser.recordings.folder import SUFFIXES, sound_files
from ser.recordings.parts import Tally
from ser.recordings.stores import (
    PATH_COLUMNS,
    StoreError,
    is_address,
    names_in_table,
    opened,
    sounds_below,
    tried,
)

TABLES, LISTS = (".csv", ".tsv", ".parquet"), (".txt", ".lst")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="ser bulk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a folder, a .txt with one name a line, a .csv, .tsv or .parquet with a column of "
        "names, or an address such as s3://bucket/prefix or hf://datasets/user/name",
    )
    made.add_argument(
        "--out", required=True, metavar="DIR", help="a folder or address for the Parquet parts"
    )
    made.add_argument(
        "--segments",
        action="store_true",
        help="recordings of up to three hours: a row an utterance",
    )
    made.add_argument(
        "--embedding", action="store_true", help="what the last layer sees of each clip, too"
    )
    made.add_argument(
        "--column", help=f"the column of names in a table; default: {', '.join(PATH_COLUMNS)}"
    )
    made.add_argument(
        "--again", action="store_true", help="judge again what has an error from an earlier run"
    )
    made.add_argument("--workers", type=int, metavar="N", help="default: one a core")
    made.add_argument(
        "--address", metavar="A", help="a Ray cluster, such as ray://head:10001; default: none"
    )
    add_options(made)
    return made


def main(arguments: list[str]) -> int:
    """Write a row for each file; 1 when one of them could not be judged."""
    options = parser().parse_intermixed_args(arguments)
    if options.workers is not None and options.workers < 1:
        raise UsageError("--workers takes 1 or more.")
    if options.workers and options.workers > MOST_WORKERS and not options.address:
        raise UsageError(f"--workers takes 1 to {MOST_WORKERS} on this machine.")
    if options.segments and options.embedding:
        raise UsageError("--embedding is of clips: please leave it out with --segments.")
    try:
        files = at_most(MOST_FILES, _files(options.sources, options.column))
    except StoreError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{shown(error.filename)}: {error.strerror}.") from error
    if not files:
        inside = " Sounds inside of tables are not read." * any(map(is_address, options.sources))
        named = ", ".join(map(shown, options.sources))
        raise UsageError(f"There is no sound file in {named}.{inside}")
    start_s, progress = time.monotonic(), FilesProgress(options.quiet)

    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # Ray prints there
            tally = bulk(
                files,
                options.out,
                options.checkpoint,
                options.emotions,
                options.workers,
                progress.tell,
                options.embedding,
                options.segments,
                options.address,
                options.again,
            )
    except BulkError as error:
        raise UsageError(str(error)) from error
    finally:
        if progress:
            progress.end()
    if not options.quiet:
        note(f"written: {shown(options.out)}, {_told(tally, time.monotonic() - start_s)}")
    return SOME_FAILED if tally.n_errors else DONE


def _told(tally: Tally, spent_s: float) -> str:
    """Counts that add up to the input."""
    counts = f"{tally.n_judged} judged + {tally.n_silent} without speech + {tally.n_errors} errors"
    rate = tally.new_audio_s / 3600 / (spent_s / 60)
    return (
        f"{len(tally.wanted)} files = {counts}; {tally.audio_s / 3600:.2f} hours of audio, "
        f"{tally.new_audio_s / 3600:.2f} of them now: {rate:.2f} hours a minute"
    )


def _files(sources: list[str], column: str | None) -> Iterator[str]:
    for source in sources:
        suffix = os.path.splitext(source)[1].lower()
        if suffix in TABLES:
            yield from names_in_table(source, column)
        elif suffix in LISTS:
            store, path = opened(source)
            with tried(source, lambda store=store, path=path: store.open(path, "rb")) as names:
                yield from listed(names)
        elif is_address(source):
            yield from sounds_below(source)
        elif os.path.isdir(source):
            yield from sound_files(source)
        elif suffix in SUFFIXES and os.path.isfile(source):
            yield source
        else:
            raise UsageError(
                f"{shown(source)} is no folder, no list (.txt), no table (.csv, .tsv, .parquet), "
                "no sound file and no address."
            )
