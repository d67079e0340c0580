"""Commands that fit."""

import argparse
from pathlib import Path

from ser.checkpoints import checkpoint
from train import places
from train.judge.commands import add_results, print_rows
from train.recipes.load import load_recipe
from train.recipes.recipe import Recipe


def add(commands: "argparse._SubParsersAction") -> None:
    """Add this room's to `python -m train`."""
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
    add_results(crossval)
    crossval.add_argument("--jobs", type=int, help="trainings at a time (one a core)")
    crossval.add_argument(
        "--screening", action="store_true", help="judge validation speakers alone, to choose"
    )
    crossval.set_defaults(run=_crossval)

    gate = commands.add_parser("gate", help="give a run's model a speech head, and measure it")
    gate.add_argument("run_folder", metavar="RUN", type=Path)
    add_results(gate)
    gate.set_defaults(run=_gate)

    left = commands.add_parser("leave-out", help="judge each corpus by weights that never heard it")
    _add_left_out(left)
    left.add_argument("--without", nargs="+", default=[], help="corpora that are never learnt")
    left.add_argument("--jobs", type=int, help="corpora judged at a time (one a core)")
    left.set_defaults(run=_leave_out)

    adapted = commands.add_parser("adaptation", help="what few clips of a left-out corpus gain")
    _add_left_out(adapted)
    adapted.set_defaults(run=_adaptation)

    theirs = commands.add_parser("shared", help="what the accepted recordings of visitors gain")
    _add_closed_form(theirs)
    theirs.set_defaults(run=_shared)


def _fit(options: argparse.Namespace) -> None:
    from train.runs import runs

    recipe = _recipe(options)
    folder = options.output or runs.run_folder(
        places.RUNS / recipe.name / options.protocol, options.fold, options.seed
    )
    rows = runs.fit_run(recipe, options.protocol, options.fold, options.seed, folder, announce=True)
    print_rows(rows)
    print(f"The run is in {folder}.")


def _crossval(options: argparse.Namespace) -> None:
    from train.cores import N_WORKERS
    from train.runs.crossval import crossval

    rows = crossval(
        _recipe(options),
        options.protocol,
        range(options.seeds),
        options.folds,
        options.runs or places.RUNS,
        options.results or places.RESULTS,
        options.jobs or N_WORKERS,
        options.screening,
    )
    print_rows(rows)


def _gate(options: argparse.Namespace) -> None:
    from train.runs.gate import fit_gate

    row = fit_gate(options.run_folder, options.results or places.RESULTS)
    for condition, kept in row["kept"].items():
        print(f"voices, {condition}: {_told(kept['all'])} kept")
    print(f"other sounds: {_told(row['refused']['all'])} refused")
    for sound, refused in row["refused"]["by_class"].items():
        print(f"  {sound}, never heard: {_told(refused)}")


def _told(share: dict) -> str:
    return f"{100 * share['share']:.1f} % of {share['n_clips']}" if share["n_clips"] else "none"


def _leave_out(options: argparse.Namespace) -> None:
    from train.cores import N_WORKERS
    from train.runs.left_out import leave_one_corpus_out

    rows = leave_one_corpus_out(
        load_recipe(options.recipe),
        options.seed,
        options.runs or places.RUNS,
        options.results or places.RESULTS,
        options.without,
        options.jobs or N_WORKERS,
    )
    for row in rows:
        print(
            f"{row['tested_on']}, {row['n_clips']} clips: UA among its emotions "
            f"{100 * row['ua_restricted']:.1f} %, with its own statistics "
            f"{100 * row['own']['ua_restricted']:.1f} %; ECE {row['ece']:.3f}"
        )


def _adaptation(options: argparse.Namespace) -> None:
    from train.runs.adaptation import adaptation

    rows = adaptation(
        load_recipe(options.recipe),
        options.seed,
        options.runs or places.RUNS,
        options.results or places.RESULTS,
    )
    for row in rows:
        print(f"{row['corpus']}, {row['n']} {row['set']}: {100 * row['gain']:+.1f} points")


def _shared(options: argparse.Namespace) -> None:
    from train.runs.shared import shared

    recipe = load_recipe(options.recipe)
    found = shared(recipe, options.seed, options.runs or places.RUNS)
    print(f"{found['n_clips']} recordings of {found['n_visits']} visits, each judged unheard")
    for name, said in (("before", "without them"), ("after", "others of them learnt")):
        figures = found[name]
        print(
            f"{said}: UA {100 * figures['ua']:.1f} %, of all {100 * figures['wa']:.1f} % are right,"
            f" ECE {figures['ece']:.3f}"
        )
    gain, low, high = (100 * value for value in found["gain_ua"])
    print(f"gain: {gain:+.1f} points of UA (95 % interval over visits {low:+.1f} to {high:+.1f})")


def _add_left_out(parser: argparse.ArgumentParser) -> None:
    _add_closed_form(parser)
    add_results(parser)


def _add_closed_form(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", required=True, help="one fitted by corpus in closed form")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="where run folders lie (runs)")


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe", default="founding", help="a name in train/recipes, or a TOML file"
    )
    parser.add_argument(
        "--corpora", help="train on these, comma-separated, instead of the recipe's own"
    )
    parser.add_argument(
        "--protocol", default=checkpoint.PRIMARY, help="a name in train/corpora/splits.py"
    )


def _recipe(options: argparse.Namespace) -> Recipe:
    recipe = load_recipe(options.recipe)
    return recipe.on_corpora(options.corpora.split(",")) if options.corpora else recipe
