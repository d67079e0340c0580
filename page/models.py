"""The models that may answer, each with one name, loaded when it is first asked."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from page.figures import right_at_home
from page.language import ENGLISH, Say
from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointError, Told
from ser.checkpoints.hub import HubSource
from ser.pipeline import EmotionPipeline

NAMES = {"embedded": "default", "best": "best from scratch", "founding": "founding LSTM"}


@dataclass(frozen=True)
class Model:
    """What a model says of itself, and how to come by its pipeline."""

    told: Told
    pipeline: Callable[[], EmotionPipeline]

    @property
    def name(self) -> str:
        """What the page calls it, everywhere."""
        return NAMES.get(self.told.name, self.told.name)

    def called(self, say: Say) -> str:
        """Its name in the language of a visitor; a name of the Hub is the same in all."""
        return say(self.name) if self.told.name in NAMES else self.name

    def line(self, say: Say = ENGLISH) -> str:
        """Its name, with its share of recognised emotions where that is measured."""
        right, name = right_at_home(self.told.metrics), self.called(say)
        if right is None:
            return name
        return say("{name} ({share} right)", name=name, share=say.percent(right))

    def foot(self, say: Say = ENGLISH) -> str:
        """Name, architecture and revision, as HTML."""
        line = say(
            "Model {name} ({architecture}), revision {revision}",
            name=html.escape(self.called(say)),
            architecture=self.told.config.model_name,
            revision=self.told.revision,
        )
        return f"<p>{line}</p>"


def models(served: EmotionPipeline) -> Sequence[Model]:
    """The one that is served, then those that come with the code beside it, if they are others."""
    first = Model(served.checkpoint.told, lambda: served)
    others = map(_beside, checkpoint.BESIDE)
    return [first, *(one for one in others if one.told.revision != first.told.revision)]


def _beside(name: str) -> Model:
    return Model(checkpoint.told(name), cache(lambda: EmotionPipeline.from_pretrained(name)))


def named(name: str, offered: Sequence[Model], takes_hub: bool) -> Model:
    """The model that the page calls `name`, or one of the Hub where these are taken.

    Raises ValueError with a sentence for any other, CheckpointError for one that cannot be used.
    """
    for one in offered:
        if one.name == name:
            return one
    if not takes_hub or not HubSource.parse(name):
        raise ValueError(f"There is no model of the name {name!r} here.")
    try:
        return _of_the_hub(name)
    except CheckpointError as error:
        raise ValueError(str(error)) from error


@lru_cache(2)  # they are large, and anybody may ask for them
def _of_the_hub(name: str) -> Model:
    pipeline = EmotionPipeline.from_pretrained(name)
    return Model(pipeline.checkpoint.told, lambda: pipeline)
