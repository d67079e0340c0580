"""How large committed weights may be."""

from pathlib import Path

from ser.checkpoints.config import file_names

MAX_BYTES, MAX_FILE_BYTES = 16_000_000, 10_000_000


def check_size(run: Path) -> None:
    """ValueError for weights that are too large to be committed."""
    sizes = [(run / name).stat().st_size for name in file_names(run)]
    if max(sizes) > MAX_FILE_BYTES or sum(sizes) > MAX_BYTES:
        raise ValueError(
            f"{run} is {sum(sizes) / 1e6:.1f} MB, its largest file {max(sizes) / 1e6:.1f} MB; "
            "committed weights are at most 16 MB, in files of 10 MB."
        )
