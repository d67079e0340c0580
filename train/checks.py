"""Slips of the pen in a recipe, named in a sentence."""

from collections.abc import Sequence
from typing import Any


def check_between(config: Any, **ranges: tuple[float, float]) -> None:
    """ValueError for a field that is not a number from the least to the largest, inclusive."""
    for name, (least, largest) in ranges.items():
        value = getattr(config, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= largest:
            raise ValueError(f"{name} is a number from {least} to {largest}, not {value!r}")


def check_one_of(config: Any, **choices: Sequence[str]) -> None:
    """ValueError for a field that is none of its choices."""
    for name, allowed in choices.items():
        value = getattr(config, name)
        if value not in allowed:
            raise ValueError(f"{name} is one of {', '.join(allowed)}, not {value!r}")


def check_switches(config: Any, *names: str) -> None:
    """ValueError for a field that is neither true nor false."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false, not {value!r}")
