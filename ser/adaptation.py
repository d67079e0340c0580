"""What the clips of one room, microphone or voice have in common, learnt without labels.

Each clip leaves a residual: what of its statistics the model's own answer does not explain. The
residuals' mean tells how this setting lies from what the model learnt; it is taken from the
statistics of the clips judged next, n / (n + k) of it after n clips. Since answers are accounted
for, clips that are all angry do not make anger the new normal.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

FORMAT = "speech emotion adaptation, 1"
DIGITS = 6


class AdaptationError(ValueError):
    """The adaptation cannot be learnt or used; the message says why."""


@dataclass(frozen=True)
class Adaptation:
    """`shift` (n_statistics,) is taken from a clip's statistics; learnt from `n_clips` clips.

    `weight`, 0 to 1, says how far the clips were believed, `revision` of which model they are. No
    sound is kept.
    """

    n_clips: int
    weight: float
    revision: str
    shift: np.ndarray = field(repr=False)

    @classmethod
    def learn(cls, residuals: Sequence[np.ndarray], k: float, revision: str) -> "Adaptation":
        """From the residual (n_statistics,) of each clip, believed as far as n / (n + `k`).

        Raises AdaptationError where there is none.
        """
        if not len(residuals):
            raise AdaptationError("Nothing was heard to adapt to: no clip holds speech.")
        weight = len(residuals) / (len(residuals) + k)
        shift = weight * np.mean(residuals, axis=0, dtype=np.float64)
        return cls(len(residuals), weight, revision, shift.astype(np.float32))

    def told(self) -> dict:
        """What an answer says of it."""
        return {
            "clips": self.n_clips,
            "weight": round(self.weight, 4),
            "size": round(float(np.sqrt(np.mean(np.square(self.shift)))), 4),
        }

    def save(self, path: str | os.PathLike) -> None:
        """Write it as JSON."""
        shift = [float(f"{value:.{DIGITS}g}") for value in self.shift]
        saved = {
            "format": FORMAT,
            "model": self.revision,
            "clips": self.n_clips,
            "weight": self.weight,
            "shift": shift,
        }
        Path(path).write_text(json.dumps(saved) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Adaptation":
        """Read what `save` wrote; AdaptationError for anything else."""
        try:
            saved = json.loads(Path(path).read_text())
            if saved["format"] != FORMAT:
                raise ValueError(f"its format is {saved['format']!r}")
            shift = np.array(saved["shift"], dtype=np.float32)
            n_clips, weight = int(saved["clips"]), float(saved["weight"])
            if shift.ndim != 1 or not np.isfinite(shift).all() or not 0 <= weight <= 1:
                raise ValueError("its numbers are out of range")
            return cls(n_clips, weight, str(saved["model"]), shift)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise AdaptationError(f"{path} holds no adaptation: {error}") from error
