"""`ser folder DIR --out results.csv`: many files, one row each, on all cores.

A run that was stopped or killed goes on where it was when it is started again.
"""

import argparse
import os
from collections.abc import Iterator
from itertools import islice

from ser.cli.progress import FilesProgress
from ser.cli.shared import (
    DONE,
    SOME_FAILED,
    UsageError,
    add_options,
    check_file,
    files_of,
    listed,
    note,
    output,
    shown,
)
from ser.recordings.folder import SUFFIXES, check_table, sound_files, write_folder
from ser.recordings.workers import WorkersError

MOST_FILES = 10_000_000
MOST_WORKERS = 8 * (os.cpu_count() or 1)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="ser folder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "sources",
        nargs="+",
        metavar="DIR|PATTERN|LIST",
        help="a folder with all below it, a quoted pattern, a .txt with one name a line, or - for "
        "such a list on standard input",
    )
    made.add_argument(
        "--out", required=True, type=output, metavar="X", help="a .csv or .parquet to write"
    )
    made.add_argument(
        "--embedding",
        action="store_true",
        help="what the last layer sees of each clip, too: a column of lists in Parquet, columns "
        "e_0, e_1 and so on in CSV",
    )
    made.add_argument("--workers", type=int, metavar="N", help="processes; default: one a core")
    add_options(made)
    return made


def main(arguments: list[str]) -> int:
    """Write a row for each file; 1 when one of them could not be judged."""
    options = parser().parse_intermixed_args(arguments)
    if options.workers is not None and not 1 <= options.workers <= MOST_WORKERS:
        raise UsageError(f"--workers takes 1 to {MOST_WORKERS} on this machine.")
    check_table(options.out, options.sources)
    try:
        files = at_most(MOST_FILES, _files(options.sources))
    except OSError as error:
        raise UsageError(f"{shown(error.filename)}: {error.strerror}.") from error
    if not files:
        named = ("standard input" if name == "-" else shown(name) for name in options.sources)
        raise UsageError(f"There is no sound file in {', '.join(named)}.")
    progress = FilesProgress(options.quiet)

    try:
        n_failed = write_folder(
            files,
            options.out,
            options.checkpoint,
            options.emotions,
            options.workers,
            progress.tell,
            options.embedding,
        )
    except WorkersError as error:
        raise UsageError(str(error)) from error
    progress.end()
    if not options.quiet:
        failed = f", {n_failed} of which could not be judged" if n_failed else ""
        note(f"written: {options.out}, {len(files)} files{failed}")
    return SOME_FAILED if n_failed else DONE


def at_most(n: int, names: Iterator[str]) -> list[str]:
    """Each name once, in their order; UsageError for a list without an end."""
    found = list(dict.fromkeys(islice(names, n)))
    if next(names, None) is not None:
        raise UsageError(f"More than {n:,} files: please judge them in parts.")
    return found


def _files(sources: list[str]) -> Iterator[str]:
    for source in sources:
        if os.path.isdir(source):
            yield from sound_files(source)
        elif (
            source != "-"
            and os.path.splitext(source)[1].lower() not in SUFFIXES
            and os.path.isfile(source)
        ):
            with open(source, "rb") as names:
                yield from listed(names)
        else:
            names = files_of([source])
            yield from names if source == "-" else map(check_file, names)
