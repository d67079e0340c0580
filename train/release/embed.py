"""Put a run into ser/weights, with every figure that may be quoted for it."""

import shutil
from pathlib import Path

from ser.checkpoints import checkpoint
from train.judge.evaluate import write_rows
from train.judge.finished import load_run, quotable_rows
from train.judge.size import check_size
from train.places import RESULTS
from train.release.licences import check_may_be_handed_on


def embed(
    run: Path,
    results: Path = RESULTS,
    target: Path = checkpoint.EMBEDDED,
    despite_licence: bool = False,
) -> None:
    """Make `run` the embedded default; `target` itself only gets its figures anew.

    Raises CheckpointError for a run that does not load or gets another golden answer, ValueError
    for one that was not evaluated, is too large, or learned from a corpus whose licence allows no
    derived works (unless `despite_licence`).
    """
    if not despite_licence:
        check_may_be_handed_on(load_run(run).checkpoint.config)
    rows = quotable_rows(run, results)
    check_size(run)
    target.mkdir(parents=True, exist_ok=True)
    if run.resolve() != target.resolve():
        for name in checkpoint.file_names(target):
            (target / name).unlink(missing_ok=True)
        for name in checkpoint.file_names(run):
            shutil.copyfile(run / name, target / name)
    write_rows(target / checkpoint.METRICS_NAME, rows)
