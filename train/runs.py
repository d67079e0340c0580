"""A run folder from start to end: fit, save, evaluate; many of them for a cross-validation.

runs/RECIPE/PROTOCOL/fold-K-seed-S/ holds config.json, model.safetensors, metrics.json,
history.csv, validation- and test-predictions.npz, training_history.png and confusion_matrix.png;
run.json, which says what the run is; and last.pt, from which an interrupted one goes on.
"""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ser import checkpoint
from ser.checkpoint import CheckpointConfig
from ser.pipeline import EmotionPipeline
from train import figures, loop
from train.corpora import Utterance, data_sha256, load_corpora
from train.data import N_WORKERS, FeatureStore, one_thread
from train.evaluate import (
    Predictions,
    git_commit,
    metrics_row,
    predict_all,
    write_rows,
)
from train.recipe import Recipe
from train.splits import Split, make_splits

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "runs"
RESULTS = ROOT / "results"
WHAT_NAME = "run.json"
PREDICTIONS_NAME = "predictions.npz"


def fit_run(
    recipe: Recipe, protocol: str, fold: int, seed: int, run: Path, announce: bool = False
) -> list[dict]:
    """Train one fold into `run` (or finish what is there) and return its metrics rows.

    Raises ValueError where `run` holds anything else than the beginning of this very run.
    """
    utterances = load_corpora(recipe.corpora)
    split = choose_fold(make_splits(protocol, utterances, seed), fold)
    _claim(run, recipe, split, seed, data_sha256(utterances))
    if (run / checkpoint.METRICS_NAME).exists():
        return json.loads((run / checkpoint.METRICS_NAME).read_text())
    store = FeatureStore(utterances, recipe.features, recipe.augment, seed)
    if announce:
        announce_cost(recipe, split, store)
    fitted = loop.fit(recipe, split, store, run, seed)
    config = CheckpointConfig(
        model_name=recipe.model_name,
        model_args=recipe.model_args,
        features=recipe.features,
        temperature=fitted.temperature,
        training={
            "recipe": recipe.name,
            "description": recipe.description,
            "corpora": list(recipe.corpora),
            "protocol": protocol,
            "fold": fold,
            "seed": seed,
            **{
                f"{part}_speakers": _public_speakers(utterances)
                for part, utterances in split.parts.items()
            },
            "best_epoch": fitted.best_epoch,
            "n_epochs": len(fitted.history),
            "minutes": round(sum(row["seconds"] for row in fitted.history) / 60, 1),
            "git_commit": git_commit(),
        },
    )
    checkpoint.save(run, fitted.model, config)
    golden = EmotionPipeline(checkpoint.load(run)).golden_answer()
    checkpoint.save_config(run, replace(config, golden=golden))
    figures.training_history(fitted.history, run / "training_history.png")
    return evaluate_run(run)


def _public_speakers(utterances: Sequence[Utterance]) -> list[str]:
    """Speaker ids as a published config.json may hold them: visitors are one anonymous name."""
    return sorted({"feedback" if u.corpus == "feedback" else u.speaker for u in utterances})


def load_run(run: Path) -> EmotionPipeline:
    """Load a finished run; ValueError where there is none, CheckpointError where it is damaged."""
    if not run.is_dir():
        raise ValueError(f"There is no run folder {run}.")
    return EmotionPipeline.from_pretrained(run)


def evaluate_run(run: Path) -> list[dict]:
    """Judge the run's validation and test clips through the pipeline; write its metrics.json."""
    pipeline = load_run(run)
    training = pipeline.checkpoint.config.training
    utterances = load_corpora(training["corpora"])
    fold, seed = training["fold"], training["seed"]
    split = choose_fold(make_splits(training["protocol"], utterances, seed), fold)
    rows, judged = [], {}
    data = data_sha256(utterances)
    for part in ("validation", "test"):
        if not split.parts[part]:
            continue
        judged[part] = predict_all(pipeline, split.parts[part], fold, seed)
        rows.append(
            metrics_row(
                judged[part],
                training["protocol"],
                training["recipe"],
                "these-weights",
                part,
                training["corpora"],
                data,
                best_epoch=training["best_epoch"],
                n_epochs=training["n_epochs"],
                minutes=training["minutes"],
            )
        )
    last = rows[-1]
    title = f"{last['recipe']}, {last['protocol']}, {last['part']}: UA {100 * last['ua']:.1f} %"
    figures.confusion_matrix(np.array(last["confusion"]), title, run / "confusion_matrix.png")
    for part, predictions in judged.items():
        predictions.save(run / f"{part}-{PREDICTIONS_NAME}")
    write_rows(run / checkpoint.METRICS_NAME, rows)
    return rows


def crossval(
    recipe: Recipe,
    protocol: str,
    seeds: Sequence[int],
    folds: Sequence[int] | None,
    runs: Path,
    results: Path,
    n_jobs: int = N_WORKERS,
) -> list[dict]:
    """Train and test every fold and seed, `n_jobs` at a time with one thread each.

    Finished folds are kept, interrupted ones go on. Writes metrics.json (one row for the
    validation clips, one for the test clips), oof.npz and confusion_matrix.png into
    `results/RECIPE/PROTOCOL`, where they are committed as evidence; not where only some `folds`
    were asked for, which are no evidence for the protocol.
    """
    utterances = load_corpora(recipe.corpora)
    jobs = []
    for seed in seeds:
        store = FeatureStore(utterances, recipe.features, recipe.augment, seed)
        splits = make_splits(protocol, utterances, seed)
        jobs += [(split.fold, seed) for split in splits if not folds or split.fold in folds]
        if seed == seeds[0]:
            announce_cost(recipe, splits[0], store, n_runs=len(jobs) * len(seeds), n_jobs=n_jobs)
        del store
    base = runs / recipe.name / protocol
    with ProcessPoolExecutor(n_jobs, get_context("spawn"), initializer=one_thread) as pool:
        futures = {
            pool.submit(fit_run, recipe, protocol, fold, seed, run_folder(base, fold, seed)): (
                fold,
                seed,
            )
            for fold, seed in jobs
        }
        for future in tqdm(as_completed(futures), "folds", len(futures)):
            row = future.result()[-1]
            fold, seed = futures[future]
            tqdm.write(f"fold {fold}, seed {seed}: {row['part']} UA {100 * row['ua']:.1f} %")
    folders = [run_folder(base, fold, seed) for fold, seed in jobs]
    out = results / recipe.name / protocol
    return _collect(recipe, protocol, folders, utterances, None if folds else out)


def _collect(
    recipe: Recipe,
    protocol: str,
    folders: Sequence[Path],
    utterances: Sequence[Utterance],
    out: Path | None,
) -> list[dict]:
    """The folds' predictions -> recipe-crossval rows; with out-of-fold probabilities in `out`."""
    data = data_sha256(utterances)
    who = {u.stem: u for u in utterances}
    trained = [json.loads((f / checkpoint.METRICS_NAME).read_text())[-1] for f in folders]
    rows = []
    for part in ("validation", "test"):
        joined = Predictions.join(
            [Predictions.load(f / f"{part}-{PREDICTIONS_NAME}", who) for f in folders]
        )
        row = metrics_row(
            joined,
            protocol,
            recipe.name,
            "recipe-crossval",
            part,
            recipe.corpora,
            data,
            best_epochs=[row["best_epoch"] for row in trained],
            minutes=round(sum(row["minutes"] for row in trained), 1),
        )
        rows.append(row)
    if out is None:
        return rows
    out.mkdir(parents=True, exist_ok=True)
    joined.save(out / "oof.npz")
    title = f"{recipe.name}, {protocol}: UA {100 * rows[-1]['ua']:.1f} %"
    figures.confusion_matrix(np.array(rows[-1]["confusion"]), title, out / "confusion_matrix.png")
    write_rows(out / checkpoint.METRICS_NAME, rows)
    return rows


def quotable_rows(run: Path, results: Path = RESULTS) -> list[dict]:
    """Every figure that may be quoted for a run's weights.

    The run's own rows (scope these-weights), then the committed cross-validations of its recipe
    (scope recipe-crossval), which say what to expect from voices it has not heard. Raises
    CheckpointError where the run does not load, ValueError where it was not evaluated.
    """
    loaded = load_run(run).checkpoint
    if not loaded.metrics:
        raise ValueError(f"{run} has no {checkpoint.METRICS_NAME}: run `python -m train evaluate`.")
    rows = list(loaded.metrics)
    for path in sorted((results / loaded.config.training["recipe"]).glob("*/metrics.json")):
        rows += json.loads(path.read_text())
    return rows


def announce_cost(
    recipe: Recipe, split: Split, store: FeatureStore, n_runs: int = 1, n_jobs: int = 1
) -> None:
    """Print what is about to be trained and how long that may take."""
    epoch_s = loop.estimate_s(recipe, split, store)
    at_most_h = epoch_s * recipe.train.max_epochs * n_runs / n_jobs / 3600
    print(
        f"{recipe.name} on {split.protocol}: {n_runs} run(s) of {len(split.train)} training clips, "
        f"about {epoch_s:.0f} s an epoch, at most {recipe.train.max_epochs} epochs: "
        f"{at_most_h:.1f} h at the most with {n_jobs} at a time.",
        file=sys.stderr,
        flush=True,
    )


def run_folder(base: Path, fold: int, seed: int) -> Path:
    """Where one fold's run lies."""
    return base / f"fold-{fold}-seed-{seed}"


def choose_fold(splits: Sequence[Split], fold: int) -> Split:
    """The fold of that number, counted from 1; ValueError where there is none."""
    for split in splits:
        if split.fold == fold:
            return split
    raise ValueError(f"{splits[0].protocol} has folds 1 to {len(splits)}, not {fold}.")


def _claim(run: Path, recipe: Recipe, split: Split, seed: int, data: str) -> None:
    """Write what the run is into its folder, or refuse a folder that holds another one."""
    run.mkdir(parents=True, exist_ok=True)
    what = {
        "recipe": asdict(recipe),
        "protocol": split.protocol,
        "fold": split.fold,
        "seed": seed,
        "data_sha256": data,
    }
    text = json.dumps(what, indent=2, default=str)
    path = run / WHAT_NAME
    if not path.exists():
        path.write_text(text)
    elif path.read_text() != text:
        raise ValueError(
            f"{run} holds a run of another recipe, split or state of the data: choose another "
            "--output, or delete it."
        )
