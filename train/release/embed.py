"""Put a run into ser/weights, with every figure that may be quoted for it."""

import shutil
from pathlib import Path

from ser import checkpoint
from train.evaluate import write_rows
from train.evidence import RESULTS
from train.finished import load_run, quotable_rows
from train.licences import check_may_be_handed_on

MAX_BYTES = 10_000_000


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
    for name in checkpoint.FILES if run.resolve() != target.resolve() else ():
        shutil.copyfile(run / name, target / name)
    write_rows(target / checkpoint.METRICS_NAME, rows)


def check_size(run: Path) -> None:
    """ValueError for weights that are too large to be committed."""
    n_bytes = sum((run / name).stat().st_size for name in checkpoint.FILES)
    if n_bytes > MAX_BYTES:
        raise ValueError(f"{run} is {n_bytes / 1e6:.1f} MB; committed weights are at most 10 MB.")
