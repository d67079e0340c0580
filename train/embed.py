"""Put a run into ser/weights, with every figure that may be quoted for it."""

import json
import shutil
from pathlib import Path

from ser import checkpoint
from ser.pipeline import EmotionPipeline
from train.evaluate import write_rows
from train.runs import RESULTS

MAX_BYTES = 10_000_000


def embed(run: Path, results: Path = RESULTS, target: Path = checkpoint.EMBEDDED) -> None:
    """Make `run` the embedded default.

    metrics.json becomes the run's own rows (scope these-weights) followed by the committed
    cross-validations of its recipe (scope recipe-crossval), which say what to expect from voices
    it has not heard. Raises CheckpointError for a run that does not load or gets another golden
    answer, ValueError for one that was not evaluated or is too large.
    """
    loaded = EmotionPipeline.from_pretrained(run).checkpoint
    if not loaded.metrics:
        raise ValueError(f"{run} has no {checkpoint.METRICS_NAME}: run `python -m train evaluate`.")
    n_bytes = sum((run / name).stat().st_size for name in checkpoint.FILES)
    if n_bytes > MAX_BYTES:
        raise ValueError(f"{run} is {n_bytes / 1e6:.1f} MB; embedded is at most 10 MB.")
    rows = list(loaded.metrics)
    for path in sorted((results / loaded.config.training["recipe"]).glob("*/metrics.json")):
        rows += json.loads(path.read_text())
    target.mkdir(parents=True, exist_ok=True)
    for name in checkpoint.FILES:
        shutil.copyfile(run / name, target / name)
    write_rows(target / checkpoint.METRICS_NAME, rows)
