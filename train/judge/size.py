"""How large committed weights may be."""

from pathlib import Path

from ser.checkpoints import checkpoint

MAX_BYTES = 10_000_000


def check_size(run: Path) -> None:
    """ValueError for weights that are too large to be committed."""
    n_bytes = sum((run / name).stat().st_size for name in checkpoint.FILES)
    if n_bytes > MAX_BYTES:
        raise ValueError(f"{run} is {n_bytes / 1e6:.1f} MB; committed weights are at most 10 MB.")
