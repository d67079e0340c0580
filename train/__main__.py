"""From corpora to a published checkpoint and back from what visitors share."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ser import checkpoint
from ser.audio import AudioError
from ser.checkpoint import CheckpointError
from ser.process import one_thread

try:
    from train.corpora import CorpusError
    from train.recipe import Recipe, load_recipe
except ModuleNotFoundError as missing:
    sys.exit(f"error: training needs {missing.name}, the app does not: pip install -e '.[train]'")

if TYPE_CHECKING:
    from train.verify import Verified


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with a sentence on standard error when it did not."""
    options = _parser().parse_args(arguments)
    if options.run is not _fit:  # a single training is what two threads do help
        one_thread()
    try:
        options.run(options)
    except (CorpusError, CheckpointError, AudioError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _prepare(options: argparse.Namespace) -> None:
    from train import prepare

    prepare.prepare(options.url)


def _corpora(options: argparse.Namespace) -> None:
    from train.corpora import data_root
    from train.corpora.survey import report

    print(report(options.names, data_root()))


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = load_recipe(options.recipe)
    return recipe.on_corpora(options.corpora.split(",")) if options.corpora else recipe


def _fit(options: argparse.Namespace) -> None:
    from train import runs

    recipe = _recipe(options)
    folder = options.output or runs.run_folder(
        runs.RUNS / recipe.name / options.protocol, options.fold, options.seed
    )
    rows = runs.fit_run(recipe, options.protocol, options.fold, options.seed, folder, announce=True)
    _print_rows(rows)
    print(f"The run is in {folder}.")


def _crossval(options: argparse.Namespace) -> None:
    from train import runs
    from train.cores import N_WORKERS
    from train.crossval import crossval
    from train.evidence import RESULTS

    rows = crossval(
        _recipe(options),
        options.protocol,
        range(options.seeds),
        options.folds,
        options.runs or runs.RUNS,
        options.results or RESULTS,
        options.jobs or N_WORKERS,
        options.screening,
    )
    _print_rows(rows)


def _evaluate(options: argparse.Namespace) -> None:
    from train import finished

    _print_rows(finished.evaluate_run(options.run_folder))


def _recount(options: argparse.Namespace) -> None:
    from train import evidence

    for folder in options.evidence:
        _print_rows(evidence.recount(folder))


def _compare(options: argparse.Namespace) -> None:
    from train import evidence

    gain = evidence.compare(options.before, options.after, options.part)
    print(
        f"{options.after} against {options.before}, {options.part} clips of folds "
        f"{', '.join(map(str, gain.folds))}: UA {100 * gain.ua:+.1f} points "
        f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}], paired by actor"
    )


def _robustness(options: argparse.Namespace) -> None:
    from train import robustness
    from train.evidence import RESULTS

    results = options.results or RESULTS
    for row in robustness.robustness(options.run_folder, results):
        print(
            f"{row['condition']}: {100 * row['unchanged']:.1f} % of {row['n_clips']} answers stay, "
            f"UA {100 * row['ua_before']:.1f} -> {100 * row['ua_after']:.1f}"
        )


def _cross_corpus(options: argparse.Namespace) -> None:
    from train import cross_corpus
    from train.evidence import RESULTS

    corpora = options.corpora.split(",") if options.corpora else None
    results = options.results or RESULTS
    for row in cross_corpus.cross_corpus(options.run_folder, corpora, results):
        print(
            f"{row['tested_on']}, {row['n_clips']} clips of {row['n_speakers']} speakers, "
            f"{len(row['classes'])} emotions: UA {100 * row['ua']:.1f} with eight answers allowed, "
            f"{100 * row['ua_restricted']:.1f} with its own"
        )


def _keep_fold(options: argparse.Namespace) -> None:
    from train import verify
    from train.evidence import RESULTS

    _print_verified(verify.keep_fold(options.run_folder, options.results or RESULTS))


def _verify(options: argparse.Namespace) -> None:
    from train import verify
    from train.evidence import RESULTS

    for verified in verify.verify_all(options.results or RESULTS):
        _print_verified(verified)


def _print_verified(verified: "Verified") -> None:
    print(
        f"{verified.folder}: fold {verified.fold}, seed {verified.seed} is reproduced from "
        f"{verified.n_clips} clips; largest difference of a probability {verified.gap:.1e}"
    )


def _fetch_feedback(options: argparse.Namespace) -> None:
    from train import feedback

    print(f"Fetched into {feedback.fetch(options.repo)}.")


def _review_feedback(_: argparse.Namespace) -> None:
    from train import feedback

    print(f"{feedback.review()} recordings are left to review.")


def _deploy_space(options: argparse.Namespace) -> None:
    from train import deploy

    deploy.deploy(options.repo, options.model, options.feedback_repo, dry_run=options.dry_run)


def _embed(options: argparse.Namespace) -> None:
    from train import embed

    target = checkpoint.FOUNDING if options.founding else checkpoint.EMBEDDED
    embed.embed(options.run_folder, target=target, despite_licence=options.despite_licence)


def _publish(options: argparse.Namespace) -> None:
    from train.publish import PublishError, Run

    try:
        commit = Run(options.run_folder).push_to_hub(
            options.repo,
            private=options.private,
            tag=options.tag,
            create_pr=options.create_pr,
            dry_run=options.dry_run,
            force=options.force,
            despite_licence=options.despite_licence,
        )
    except PublishError as error:
        raise ValueError(error) from error
    if commit:
        print(f"{commit.commit_url}\nServe it with SER_MODEL={options.repo}@{commit.oid}")


def _report(options: argparse.Namespace) -> None:
    from train import report

    report.write(check=options.check)


def _print_rows(rows: list[dict]) -> None:
    for row in rows:
        low, high = row["ci95"]
        print(
            f"{row['recipe']} on {row['protocol']} ({row['part']}, {row['scope']}, "
            f"{row['n_clips']} clips, seeds {row['seeds']}): UA {100 * row['ua']:.1f} "
            f"[{100 * low:.1f}, {100 * high:.1f}], WA {100 * row['wa']:.1f}, "
            f"macro-F1 {100 * row['macro_f1']:.1f}, ECE {row['ece']:.3f}, NLL {row['nll']:.3f}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    prepare = commands.add_parser("prepare", help="download RAVDESS where it is not at hand")
    prepare.add_argument("--url", help="another place of the official zip")
    prepare.set_defaults(run=_prepare)

    corpora = commands.add_parser("corpora", help="what is at hand: clips, speakers, faults")
    corpora.add_argument("names", nargs="*", metavar="NAME", help="only these (all)")
    corpora.set_defaults(run=_corpora)

    fit = commands.add_parser("fit", help="train one fold")
    _add_recipe(fit)
    fit.add_argument("--fold", type=int, default=1, help="counted from 1")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--output", type=Path, help="run folder; an interrupted run there goes on")
    fit.set_defaults(run=_fit)

    crossval = commands.add_parser("crossval", help="train and test every fold")
    _add_recipe(crossval)
    crossval.add_argument("--seeds", type=int, default=1, help="how many: seeds 0 to N-1")
    crossval.add_argument("--folds", type=int, nargs="+", help="only these")
    crossval.add_argument("--runs", type=Path, help="where run folders go (runs)")
    _add_results(crossval)
    crossval.add_argument("--jobs", type=int, help="trainings at a time (one a core)")
    crossval.add_argument(
        "--screening", action="store_true", help="judge validation speakers alone, to choose"
    )
    crossval.set_defaults(run=_crossval)

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
    _add_results(robustness)
    robustness.set_defaults(run=_robustness)

    cross = commands.add_parser("cross-corpus", help="judge corpora that the run never heard")
    cross.add_argument("run_folder", metavar="RUN", type=Path)
    cross.add_argument(
        "--corpora", help="comma-separated (those of cremad,tess,emodb,emovo that it has not heard)"
    )
    _add_results(cross)
    cross.set_defaults(run=_cross_corpus)

    keep = commands.add_parser("keep-fold", help="put a fold's weights beside its evidence")
    keep.add_argument("run_folder", metavar="RUN", type=Path)
    _add_results(keep)
    keep.set_defaults(run=_keep_fold)

    verify = commands.add_parser("verify", help="make kept folds' figures again from the audio")
    _add_results(verify)
    verify.set_defaults(run=_verify)

    embed = commands.add_parser("embed", help="put a run into ser/weights")
    embed.add_argument("run_folder", metavar="RUN", type=Path)
    embed.add_argument("--founding", action="store_true", help="as the founding model beside it")
    _add_despite_licence(embed)
    embed.set_defaults(run=_embed)

    publish = commands.add_parser("publish", help="push a run to the Hub, as one commit")
    publish.add_argument("run_folder", metavar="RUN", type=Path)
    publish.add_argument("--repo", required=True, metavar="USER/NAME")
    publish.add_argument("--private", action="store_true", help="where it is a new repository")
    publish.add_argument("--tag", help="name the commit, such as v1.2.0")
    publish.add_argument("--create-pr", action="store_true", help="propose instead of committing")
    publish.add_argument("--dry-run", action="store_true", help="only say what would be pushed")
    publish.add_argument("--force", action="store_true", help="even if it is worse")
    _add_despite_licence(publish)
    publish.set_defaults(run=_publish)

    fetch = commands.add_parser("fetch-feedback", help="bring the shared recordings here")
    fetch.add_argument("--repo", required=True, metavar="USER/DATASET")
    fetch.set_defaults(run=_fetch_feedback)

    review = commands.add_parser("review-feedback", help="accept, relabel or reject each of them")
    review.set_defaults(run=_review_feedback)

    deploy = commands.add_parser("deploy-space", help="upload what a Space needs, and nothing else")
    deploy.add_argument("--repo", required=True, metavar="USER/SPACE")
    deploy.add_argument("--model", metavar="USER/NAME@REVISION", help="its variable SER_MODEL")
    deploy.add_argument(
        "--feedback-repo", metavar="USER/DATASET", help="its variable SER_FEEDBACK_REPO"
    )
    deploy.add_argument("--dry-run", action="store_true", help="only say what would be uploaded")
    deploy.set_defaults(run=_deploy_space)

    report = commands.add_parser("report", help="write README.md's figures and docs/results.md")
    report.add_argument("--check", action="store_true", help="only say whether it is up to date")
    report.set_defaults(run=_report)
    return parser


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, help="where the evidence lies (results)")


def _add_despite_licence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--despite-licence",
        action="store_true",
        help="even if a corpus that it learned from allows no derived works",
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe", default="founding", help="a name in train/recipes, or a TOML file"
    )
    parser.add_argument(
        "--corpora", help="train on these, comma-separated, instead of the recipe's own"
    )
    parser.add_argument("--protocol", default=checkpoint.PRIMARY, help="a name in train/splits.py")


if __name__ == "__main__":
    sys.exit(main())
