"""The command that writes the figures of README.md and docs/."""

import argparse


def add(commands: "argparse._SubParsersAction") -> None:
    """Add this room's to `python -m train`."""
    report = commands.add_parser("report", help="write the figures of README.md and docs/")
    report.add_argument("--check", action="store_true", help="only say whether it is up to date")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> None:
    from train.report import report

    report.write(check=options.check)
