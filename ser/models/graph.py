"""A model as a graph for ONNX Runtime: from features to logits and attention, without PyTorch."""

from pathlib import Path
from typing import NamedTuple

import numpy as np


class GraphError(RuntimeError):
    """The graph cannot be run; the message says why."""


class Answer(NamedTuple):
    """`logits` (8,), `attention` (n_frames,) of sum 1, and the clip's `embedding` (n,)."""

    logits: np.ndarray
    attention: np.ndarray
    embedding: np.ndarray


class GraphModel:
    """A graph that takes `features` (1, n_frames, n_features), with weights in files beside it.

    Activations are quantised by clip, so one clip is judged at a time: what stands beside it in a
    batch would change its answer.
    """

    def __init__(self, path: Path, n_features: int):
        import onnxruntime  # by whoever has a graph to run

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # ONNX Runtime raises classes of its own for each of its codes
            raise GraphError(str(error)) from error
        shape = [given.shape for given in self._session.get_inputs()]
        if [len(one) for one in shape] != [3] or shape[0][2] != n_features:
            raise GraphError(f"it takes {shape}, not one window of {n_features} features a frame")

    def answer(self, features: np.ndarray) -> Answer:
        """Judge one whole window of features (n_frames, n_features) float32."""
        try:
            found = self._session.run(list(Answer._fields), {"features": features[None]})
        except Exception as error:
            raise GraphError(str(error)) from error
        return Answer(*(value[0] for value in found))
