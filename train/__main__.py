"""From corpora to a published checkpoint and back from what visitors share."""

import argparse
import sys

from ser.checkpoints.checkpoint import CheckpointError
from ser.process import one_thread
from ser.sound.errors import AudioError

try:
    import train.corpora.commands
    import train.judge.commands
    import train.release.commands
    import train.report.commands
    import train.runs.commands
    from train.corpora import CorpusError
except ModuleNotFoundError as missing:
    sys.exit(f"error: training needs {missing.name}, the app does not: pip install -e '.[train]'")

ROOMS = (train.corpora, train.runs, train.judge, train.report, train.release)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with a sentence on standard error when it did not."""
    options = _parser().parse_args(arguments)
    if options.command != "fit":  # a single training is what two threads do help
        one_thread()
    try:
        options.run(options)
    except (CorpusError, CheckpointError, AudioError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for room in ROOMS:
        room.commands.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
