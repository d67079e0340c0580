"""The random model that stands in every table: a model's own encoder under a head of chance."""

from collections.abc import Callable

import numpy as np

from ser.labels import N_LABELS
from ser.models.graph import GraphModel
from ser.pipeline import EmotionPipeline


class RandomHead:
    """Answers by a linear layer of random weights on the embeddings that a pipeline computes.

    The pipeline goes on as before; whatever it judges is judged here too, at no cost. Each member
    of an ensemble has a layer of its own, and so do its windows a vote each.
    """

    def __init__(self, pipeline: EmotionPipeline, seed: int = 0):
        self._seed = seed
        self._heard: list[list[np.ndarray]] = []
        self._weights: dict[int, np.ndarray] = {}
        for model, *_ in pipeline.checkpoint.members:
            heard: list[np.ndarray] = []
            self._heard.append(heard)
            if isinstance(model, GraphModel):
                model.answer = _spied(model.answer, heard)
            else:
                model.register_forward_hook(
                    lambda _, __, output, heard=heard: heard.append(output.embedding[0].numpy())
                )

    def answer(self) -> int:
        """The label of what the pipeline judged since this was last asked."""
        logits = np.zeros(N_LABELS)
        for number, heard in enumerate(self._heard):
            logits += np.mean(heard, axis=0, dtype=np.float64) @ self._of(number, len(heard[0]))
            heard.clear()
        return int(logits.argmax())

    def forget(self) -> None:
        """Drop what was heard since."""
        for heard in self._heard:
            heard.clear()

    def _of(self, member: int, size: int) -> np.ndarray:
        if member not in self._weights:
            rng = np.random.default_rng((self._seed, member))
            self._weights[member] = rng.standard_normal((size, N_LABELS)) / np.sqrt(size)
        return self._weights[member]


def _spied(answer: Callable, heard: list[np.ndarray]) -> Callable:
    def spied(*given: object) -> object:
        found = answer(*given)
        heard.append(found.embedding)
        return found

    return spied
