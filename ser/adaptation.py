"""What the clips of one room, microphone or voice have in common, learnt without labels.

Each clip leaves a residual: what of its statistics the model's own answer does not explain. The
residuals' mean tells how this setting lies from what the model learnt; it is taken from the
statistics of the clips judged next, n / (n + k) of it after n clips. Since answers are accounted
for, clips that are all angry do not make anger the new normal; and since that goes only so far,
clips whose answers are all alike are believed less.
"""

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

FORMAT = "speech emotion adaptation, 1"
DIGITS = 6
VARIED = 0.5  # nats between the answers to clips, from which on they are believed as k says
STEEPNESS = 3
LEAST = 0.2  # weight of clips that are all answered alike
SMALLEST = 1e-12  # of a probability, before its logarithm


class AdaptationError(ValueError):
    """The adaptation cannot be learnt or used; the message says why."""


@dataclass(frozen=True)
class Adaptation:
    """`shift` (n_statistics,) is taken from a clip's statistics; learnt from `n_clips` clips.

    `weight`, 0 to 1, says how far the clips were believed, `revision` of which model they are. No
    sound is kept. `Setting` learns it.
    """

    n_clips: int
    weight: float
    revision: str
    shift: np.ndarray = field(repr=False)
    is_one_sided: bool = False  # believed less, because the clips were answered alike

    def told(self) -> dict:
        """What an answer says of it."""
        return {
            "clips": self.n_clips,
            "weight": round(self.weight, 4),
            "one_sided": self.is_one_sided,
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
            "one_sided": self.is_one_sided,
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
            is_one_sided = bool(saved.get("one_sided", False))
            return cls(n_clips, weight, str(saved["model"]), shift, is_one_sided)
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise AdaptationError(f"{path} holds no adaptation: {error}") from error


class Setting:
    """What clips of one setting say, as they come from any thread; only sums are kept.

    `is_calm`: they are known to be calm, so that they are answered alike says nothing.
    """

    def __init__(self, is_calm: bool = False) -> None:
        self.is_calm = is_calm
        self.n_clips = 0
        self._residuals: np.ndarray | float = 0.0
        self._answers: np.ndarray | float = 0.0
        self._entropies = 0.0
        self._lock = threading.Lock()

    def hear(self, residual: np.ndarray | None, probabilities: np.ndarray) -> None:
        """Take one clip's residual (n_statistics,) and answer (8,).

        Without a residual, a clip without speech, it says nothing.
        """
        if residual is None:
            return
        with self._lock:
            self._residuals = self._residuals + residual.astype(np.float64)
            self._answers = self._answers + probabilities
            self._entropies += entropy(probabilities)
            self.n_clips += 1

    def learnt(self, k: float, revision: str) -> Adaptation:
        """All clips, believed as far as n / (n + `k`), and less where they were answered alike.

        Raises AdaptationError where there is none.
        """
        if not self.n_clips:
            raise AdaptationError("Nothing was heard to adapt to: no clip holds speech.")
        by_number = self.n_clips / (self.n_clips + k)
        weight = by_number if self.is_calm else min(by_number, self._most())
        shift = weight * self._residuals / self.n_clips
        return Adaptation(
            self.n_clips, weight, revision, shift.astype(np.float32), weight < by_number
        )

    def _most(self) -> float:
        """The largest weight, by how far the answers differ from one another.

        Their Jensen-Shannon divergence (J. Lin, IEEE Trans. Information Theory 37(1), 1991) is 0
        where all are alike, and for two clips at most log 2.
        """
        divergence = entropy(self._answers / self.n_clips) - self._entropies / self.n_clips
        return LEAST + (1 - LEAST) * min(1.0, max(0.0, divergence) / VARIED) ** STEEPNESS


def entropy(probabilities: np.ndarray) -> float:
    """In nats, of (8,)."""
    return float(-(probabilities * np.log(np.maximum(probabilities, SMALLEST))).sum())
