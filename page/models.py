"""The models that may answer, each loaded when it is first asked."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import Told, expected_row
from ser.pipeline import EmotionPipeline


@dataclass(frozen=True)
class Model:
    """What a model says of itself, and how to come by its pipeline."""

    told: Told
    pipeline: Callable[[], EmotionPipeline]

    @property
    def line(self) -> str:
        """Its recipe, with its share of recognised emotions where that is measured."""
        name = self.told.config.training.get("recipe", self.told.name)
        row = expected_row(self.told.metrics)
        return f"{name} ({100 * row['ua']:.0f} % on unheard voices)" if row else name

    @property
    def foot(self) -> str:
        """Name, architecture and revision, as HTML."""
        return (
            f"<p>Model {html.escape(self.told.name)} ({self.told.config.model_name}), "
            f"revision {self.told.revision}</p>"
        )


def models(served: EmotionPipeline) -> Sequence[Model]:
    """The one that is served, then those that come with the code beside the default."""
    return [Model(served.checkpoint.told, lambda: served), *map(_beside, checkpoint.BESIDE)]


def _beside(name: str) -> Model:
    return Model(checkpoint.told(name), cache(lambda: EmotionPipeline.from_pretrained(name)))
