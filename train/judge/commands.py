"""Commands that make figures from answers."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from train.places import RESULTS

if TYPE_CHECKING:
    from train.judge.verify import Verified


def add(commands: "argparse._SubParsersAction") -> None:
    """Add this room's to `python -m train`."""
    evaluate = commands.add_parser("evaluate", help="judge a run's clips anew from their files")
    evaluate.add_argument("run_folder", metavar="RUN", type=Path)
    evaluate.set_defaults(run=_evaluate)

    recount = commands.add_parser("recount", help="figures anew from saved predictions")
    recount.add_argument("evidence", metavar="RESULTS/RECIPE/PROTOCOL", type=Path, nargs="+")
    recount.set_defaults(run=_recount)

    compare = commands.add_parser("compare", help="gain of one recipe over another, by actor")
    compare.add_argument("before", metavar="RESULTS/RECIPE/PROTOCOL", type=Path)
    compare.add_argument("after", metavar="RESULTS/RECIPE/PROTOCOL", type=Path)
    compare.add_argument("--part", choices=["validation", "test"], default="validation")
    compare.set_defaults(run=_compare)

    robustness = commands.add_parser("robustness", help="answers to louder, noisier, duller clips")
    robustness.add_argument(
        "run_folder", metavar="RUN", type=Path, help="or a cross-validation, runs/RECIPE/PROTOCOL"
    )
    add_results(robustness)
    robustness.set_defaults(run=_robustness)

    faulty = commands.add_parser("faults", help="answers to clips with hum, pauses, clicks")
    faulty.add_argument("run_folder", metavar="RUN", type=Path)
    add_results(faulty)
    faulty.set_defaults(run=_faults)

    stress = commands.add_parser("stress", help="small changes, noise, lines, rooms; sex, speakers")
    _add_unheard(stress)
    stress.set_defaults(run=_stress)

    lengths = commands.add_parser("lengths", help="accuracy by length of speech")
    _add_unheard(lengths)
    lengths.set_defaults(run=_lengths)

    cross = commands.add_parser("cross-corpus", help="judge corpora that the run never heard")
    cross.add_argument("run_folder", metavar="RUN", type=Path)
    cross.add_argument(
        "--corpora", help="comma-separated (those of cremad,tess,emodb,emovo that it has not heard)"
    )
    add_results(cross)
    cross.set_defaults(run=_cross_corpus)

    keep = commands.add_parser("keep-fold", help="put a fold's weights beside its evidence")
    keep.add_argument("run_folder", metavar="RUN", type=Path)
    add_results(keep)
    keep.set_defaults(run=_keep_fold)

    verify = commands.add_parser("verify", help="make kept folds' figures again from the audio")
    add_results(verify)
    verify.set_defaults(run=_verify)


def _evaluate(options: argparse.Namespace) -> None:
    from train.judge import finished

    print_rows(finished.evaluate_run(options.run_folder))


def _recount(options: argparse.Namespace) -> None:
    from train.judge import evidence

    for folder in options.evidence:
        print_rows(evidence.recount(folder))


def _compare(options: argparse.Namespace) -> None:
    from train.judge import evidence

    gain = evidence.compare(options.before, options.after, options.part)
    print(
        f"{options.after} against {options.before}, {options.part} clips of folds "
        f"{', '.join(map(str, gain.folds))}: UA {100 * gain.ua:+.1f} points "
        f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}], paired by actor"
    )


def _robustness(options: argparse.Namespace) -> None:
    from train.judge import robustness

    results = options.results or RESULTS
    for row in robustness.robustness(options.run_folder, results):
        print(
            f"{row['condition']}: {100 * row['unchanged']:.1f} % of {row['n_clips']} answers stay, "
            f"UA {100 * row['ua_before']:.1f} -> {100 * row['ua_after']:.1f}"
        )


def _faults(options: argparse.Namespace) -> None:
    from train.judge import faults

    for row in faults.faults(options.run_folder, options.results or RESULTS):
        print(f"{row['corpus']}, {row['fault']}: {row['kept']} of {row['n_clips']} answers stay")


def _add_unheard(parser: argparse.ArgumentParser) -> None:
    """A run or the runs of a protocol, and how many clips they are asked about."""
    parser.add_argument(
        "run_folder",
        metavar="RUN",
        type=Path,
        help="or the runs of a protocol, runs/RECIPE/PROTOCOL",
    )
    parser.add_argument("--clips", type=int, help="of each corpus, at most (300)")
    add_results(parser)


def _stress(options: argparse.Namespace) -> None:
    from train.judge import stress

    n_clips = stress.N_CLIPS if options.clips is None else options.clips
    rows = stress.stress(options.run_folder, n_clips, options.results or RESULTS)
    for row in rows:
        passed = {True: "passed", False: "FAILED", None: "no verdict"}[row["passed"]]
        print(f"{row['corpus'] or 'all'}, {row['family']}, {row['name']}: {passed}")
    judged = [row["passed"] for row in rows if row["passed"] is not None]
    print(f"{sum(judged)} of {len(judged)} tests passed")


def _lengths(options: argparse.Namespace) -> None:
    from train.judge import lengths

    n_clips = lengths.N_CLIPS if options.clips is None else options.clips
    for row in lengths.lengths(options.run_folder, n_clips, options.results or RESULTS):
        said = f"{row['corpus']}, {row['length']}: {row['n_clips']} clips"
        print(said + (f", UA {100 * row['ua']:.1f}" if row["n_clips"] else ""))


def _cross_corpus(options: argparse.Namespace) -> None:
    from train.judge import cross_corpus

    corpora = options.corpora.split(",") if options.corpora else None
    results = options.results or RESULTS
    for row in cross_corpus.cross_corpus(options.run_folder, corpora, results):
        print(
            f"{row['tested_on']}, {row['n_clips']} clips of {row['n_speakers']} speakers, "
            f"{len(row['classes'])} emotions: UA {100 * row['ua']:.1f} with eight answers allowed, "
            f"{100 * row['ua_restricted']:.1f} with its own"
        )


def _keep_fold(options: argparse.Namespace) -> None:
    from train.judge import verify

    _print_verified(verify.keep_fold(options.run_folder, options.results or RESULTS))


def _verify(options: argparse.Namespace) -> None:
    from train.judge import verify

    for verified in verify.verify_all(options.results or RESULTS):
        _print_verified(verified)


def _print_verified(verified: "Verified") -> None:
    print(
        f"{verified.folder}: fold {verified.fold}, seed {verified.seed} is reproduced from "
        f"{verified.n_clips} clips; largest difference of a probability {verified.gap:.1e}"
    )


def print_rows(rows: list[dict]) -> None:
    """Print the main figures of metrics rows, a line each."""
    for row in rows:
        interval = ", ".join(f"{100 * bound:.1f}" for bound in row["ci95"] or ())
        about = row.get("tested_on", row["part"])
        print(
            f"{row['recipe']} on {row['protocol']} ({about}, {row['scope']}, "
            f"{row['n_clips']} clips, seeds {row['seeds']}): UA {100 * row['ua']:.1f} "
            f"[{interval}], WA {100 * row['wa']:.1f}, "
            f"macro-F1 {100 * row['macro_f1']:.1f}, ECE {row['ece']:.3f}, NLL {row['nll']:.3f}"
        )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where evidence lies."""
    parser.add_argument("--results", type=Path, help="where the evidence lies (results)")
