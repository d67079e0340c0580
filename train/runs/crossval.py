"""A recipe on all folds and seeds of a protocol, several trainings at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from ser.checkpoints import checkpoint
from ser.process import one_thread
from train.clips.store import FeatureStore
from train.cores import N_WORKERS
from train.corpora import Utterance, data_sha256, load_corpora
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, LEFT_OUT_IN_TURN, UNREHEARSED, make_splits
from train.fit import cost
from train.judge import evidence, left_out
from train.judge.evaluate import Predictions, metrics_row, write_rows
from train.judge.finished import PREDICTIONS_NAME
from train.places import evidence_folder
from train.recipes.recipe import Recipe
from train.runs.distill import Teacher
from train.runs.folders import rehearsal_folder, run_folder
from train.runs.pretrain import Pretraining
from train.runs.runs import fit_run, rehearse, without_refit


def crossval(
    recipe: Recipe,
    protocol: str,
    seeds: Sequence[int],
    folds: Sequence[int] | None,
    runs: Path,
    results: Path,
    n_jobs: int = N_WORKERS,
    screening: bool = False,
) -> list[dict]:
    """Train and test every fold and seed, `n_jobs` at a time with one thread each.

    Finished folds are kept, interrupted ones go on. Writes metrics.json (one row for the
    validation clips, one for the test clips), every clip's probabilities and pictures into
    `results/RECIPE/PROTOCOL`, where they are committed as evidence; where only some `folds` were
    asked for, into another folder and under another name (see `train.judge.evidence`). When
    `screening`, only the first seed's rehearsals are done, and no test clip is heard: a way to
    choose between recipes. ValueError for `leave-one-corpus-out` of a recipe by corpus, whose
    choices `leave-out` nests, and for screening it, where nobody validates.
    """
    if protocol == LEAVE_ONE_CORPUS_OUT and (recipe.train.by_corpus or screening):
        raise ValueError(f"{protocol} of {recipe.name}: that is what `leave-out` is for.")
    if protocol in UNREHEARSED:
        recipe = without_refit(recipe)
    if screening:
        seeds = seeds[:1]
    for earlier in _fitted_before(recipe):
        crossval(earlier, protocol, seeds, folds, runs, results, n_jobs, screening)
    utterances = load_corpora(recipe.corpora)
    jobs = []
    for seed in seeds:
        splits = make_splits(protocol, utterances, seed)
        jobs += [(split.fold, seed) for split in splits if not folds or split.fold in folds]
        if recipe.members:
            continue  # whose features are cached by now
        store = FeatureStore(utterances, recipe.features, recipe.augment, seed)
        if seed == seeds[0]:
            n_runs = len(jobs) * (1 if screening else len(seeds) + recipe.train.refit)
            cost.announce(recipe, splits[0], store, n_runs, n_jobs)
        del store
    base = runs / recipe.name / protocol
    folders = [run_folder(base, fold, seed) for fold, seed in jobs]
    pretraining = Pretraining(recipe) if recipe.pretrain.recipe else None
    if pretraining:
        for seed in seeds:
            if not pretraining.is_fitted(seed, runs):
                pretraining.store(seed)
    with ProcessPoolExecutor(n_jobs, get_context("spawn"), initializer=one_thread) as pool:

        def finish(fit: Callable, jobs: Sequence[tuple[int, int]], folders: list[Path]) -> None:
            futures = {
                pool.submit(fit, recipe, protocol, *job, run, runs=runs): job
                for job, run in zip(jobs, folders, strict=True)
            }
            for future in tqdm(as_completed(futures), "folds", len(futures)):
                row = future.result()[-1]
                fold, seed = futures[future]
                tqdm.write(f"fold {fold}, seed {seed}: {row['part']} UA {100 * row['ua']:.1f} %")

        if pretraining:
            list(pool.map(pretraining.fit, seeds, repeat(runs)))
        if recipe.train.refit or screening:
            first = [job for job in jobs if job[1] == seeds[0]]
            rehearsals = [rehearsal_folder(base, fold) for fold, _ in first]
            finish(rehearse, first, rehearsals)
        if screening:
            name = evidence.screening(protocol)
            return _collect(recipe, name, rehearsals, utterances, results, len(splits))
        finish(fit_run, jobs, folders)
    if protocol == LEAVE_ONE_CORPUS_OUT:
        return _collect_left_out(recipe, folders, utterances, results)
    minutes = _all_minutes(recipe, protocol, jobs, runs)
    n_folds = len(splits)
    return _collect(recipe, protocol, folders, utterances, results, n_folds, all_minutes=minutes)


def _minutes(folders: Sequence[Path]) -> float:
    """How long the runs took to train, each pretraining that they start from counted once."""
    configs = [checkpoint.load(folder).config for folder in folders]
    pretrained = {
        (told["recipe"], config.training["seed"]): told["minutes"]
        for config in configs
        for part in (config, *config.members)
        if (told := part.training.get("pretraining"))
    }
    return round(sum(c.training["minutes"] for c in configs) + sum(pretrained.values()), 1)


def _all_minutes(
    recipe: Recipe, protocol: str, jobs: Sequence[tuple[int, int]], runs: Path
) -> float:
    """The same with rehearsals, and with members and teachers and theirs: of everything fitted."""
    recipes, needed = {}, [recipe]
    while needed:
        one = needed.pop()
        recipes[one.name] = one
        needed += _fitted_before(one)
    folders = []
    for one in recipes.values():
        if one.members:
            continue  # its minutes are its members'
        base = runs / one.name / protocol
        folders += [run_folder(base, fold, seed) for fold, seed in jobs]
        if one.train.refit:
            folders += [rehearsal_folder(base, fold) for fold in sorted({f for f, _ in jobs})]
    return _minutes(folders)


def _fitted_before(recipe: Recipe) -> tuple[Recipe, ...]:
    """The recipes whose runs the runs of `recipe` are made of or learn from."""
    return (*recipe.members, *([Teacher(recipe).recipe] if recipe.distill.teacher else []))


def _collect(
    recipe: Recipe,
    protocol: str,
    folders: Sequence[Path],
    utterances: Sequence[Utterance],
    results: Path,
    n_folds: int,
    **more: float,
) -> list[dict]:
    """The folds' predictions -> recipe-crossval rows, written into `results` as evidence.

    `more` is said in every row.
    """
    data = data_sha256(utterances)
    who = {u.stem: u for u in utterances}
    trained = [evidence.read_rows(folder)[-1] for folder in folders]
    folds = [row["per_fold"][0]["fold"] for row in trained]
    name = evidence.protocol_name(protocol, folds, n_folds)
    rows, judged = [], {}
    for part in dict.fromkeys(("validation", trained[0]["part"])):
        files = [f / f"{part}-{PREDICTIONS_NAME}" for f in folders]
        if recipe.train.refit and part == "validation":  # every seed has the rehearsal's
            files = list(dict(zip(folds, files, strict=True)).values())
        judged[part] = Predictions.join([Predictions.load(file, who) for file in files])
        row = metrics_row(
            judged[part],
            name,
            recipe.name,
            "recipe-crossval",
            part,
            recipe.corpora,
            data,
            best_epochs=[row["best_epoch"] for row in trained],
            minutes=_minutes(folders),
            **more,
            n_parameters=trained[0]["n_parameters"],
            **evidence.folds_judged(folds, n_folds),
        )
        rows.append(row)
    evidence.write(evidence_folder(recipe.name, results) / name, rows, judged)
    return rows


def _collect_left_out(
    recipe: Recipe, folders: Sequence[Path], utterances: Sequence[Utterance], results: Path
) -> list[dict]:
    """A row for each corpus left out, written into `results`: see `train.judge.left_out`."""
    who = {u.stem: u for u in utterances}
    rows, judged = [], []
    for folder in folders:
        training = checkpoint.load(folder).config.training
        judged.append(Predictions.load(folder / f"test-{PREDICTIONS_NAME}", who))
        corpus = LEFT_OUT_IN_TURN[training["fold"] - 1]
        clips = [u for u in utterances if u.corpus == corpus]
        rows.append(left_out.row(corpus, {"plain": judged[-1]}, training, data_sha256(clips)))
    path = evidence_folder(recipe.name, results) / LEAVE_ONE_CORPUS_OUT
    write_rows(path / checkpoint.METRICS_NAME, rows)
    Predictions.join(judged).save(path / "plain.npz")
    return rows
