"""`ser` and `python -m ser`: clips, or a command: `timeline`, `live`, `folder` or `bulk`."""

import signal
import sys
from importlib import import_module

COMMANDS = ("timeline", "live", "folder", "bulk")


def main(arguments: list[str] | None = None) -> int:
    """Do what was typed; the exit code, see docs/using.md."""
    arguments = sys.argv[1:] if arguments is None else arguments
    is_asked = False

    def stop(*_) -> None:
        nonlocal is_asked
        is_asked = True
        raise KeyboardInterrupt

    before = {kind: signal.signal(kind, stop) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _run(arguments)
    except (KeyboardInterrupt, Exception):
        if not is_asked:  # a library that is loaded just then makes an error of its own of it
            raise
        print("stopped", file=sys.stderr)
        return 130
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _run(arguments: list[str]) -> int:
    from ser.checkpoints.checkpoint import CheckpointError
    from ser.cli import shared
    from ser.native_lines import bound_native_lines
    from ser.recordings.whole_files import OutputError
    from ser.sound.audio import AudioError

    bound_native_lines(most=0)  # a sentence of ours tells what is wrong
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")  # an emoji on a console that has none
    is_command = bool(arguments) and arguments[0] in COMMANDS
    command = import_module(f"ser.cli.{arguments[0] if is_command else 'clips'}")
    try:
        return command.main(arguments[1:] if is_command else arguments)
    except (shared.UsageError, OutputError, AudioError) as error:
        shared.note(f"error: {error}")
        return shared.UNUSABLE
    except CheckpointError as error:
        shared.note(f"error: {error}")
        return shared.SOME_FAILED
    except BrokenPipeError:  # whoever read the answers wants no more
        shared.silence()
        return shared.BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
