"""A model as a graph for ONNX Runtime: from features to logits and attention, without PyTorch."""

from pathlib import Path
from typing import NamedTuple

import numpy as np


class GraphError(RuntimeError):
    """The graph cannot be run; the message says why."""


class Answer(NamedTuple):
    """`logits` (8,), `attention` (n_frames,) of sum 1, and the clip's `embedding` (n,).

    Of models that can be adapted, also `residual` (n,) and `distance` (), of those with a speech
    head `speech` (2,): see `ModelOutput`.
    """

    logits: np.ndarray
    attention: np.ndarray
    embedding: np.ndarray
    residual: np.ndarray | None = None
    distance: np.ndarray | None = None
    speech: np.ndarray | None = None


class WindowAnswer(NamedTuple):
    """Of one window and of it stretched: `logits` (1 + n_stretches, 8) float64.

    `attention` (n_frames,) of sum 1, `embedding` (n,), `residual` (n,), `distance` and `speech`
    (2,) of the window as it is; the last three are None where a model has none.
    """

    logits: np.ndarray
    attention: np.ndarray
    embedding: np.ndarray
    residual: np.ndarray | None
    distance: float | None
    speech: np.ndarray | None = None


class GraphModel:
    """A graph that takes `features` (1, n_frames, n_features), with weights in files beside it.

    The files are read at once. By itself, ONNX Runtime maps them, and ends the process with SIGBUS
    where somebody writes another model over them.

    Activations are quantised by clip, so one clip is judged at a time: what stands beside it in a
    batch would change its answer.
    """

    def __init__(self, path: Path, n_features: int):
        import onnxruntime  # by whoever has a graph to run

        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        try:
            weights = {file.name: file.read_bytes() for file in path.parent.glob("*.safetensors")}
            options.add_external_initializers_from_files_in_memory(
                list(weights), list(weights.values()), [len(data) for data in weights.values()]
            )
            self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # ONNX Runtime raises classes of its own for each of its codes
            raise GraphError(str(error)) from error
        shapes = {given.name: given.shape for given in self._session.get_inputs()}
        features, shift = shapes.pop("features", ()), shapes.pop("shift", None)
        if shapes or len(features) != 3 or features[2] != n_features:
            raise GraphError(f"it does not take one window of {n_features} features a frame")
        self._no_shift = None if shift is None else np.zeros(shift, np.float32)
        outputs = {given.name: given.shape for given in self._session.get_outputs()}
        self._outputs = list(outputs)
        if not {"logits", "attention", "embedding"} <= set(self._outputs) <= set(Answer._fields):
            raise GraphError(f"it gives {', '.join(self._outputs)}")
        self.embedding_size: int = outputs["embedding"][-1]

    def answer(self, features: np.ndarray, shift: np.ndarray | None = None) -> Answer:
        """Judge one whole window of features (n_frames, n_features) float32.

        `shift` (n,) is taken from its statistics: see `ser.adaptation`.
        """
        given = {"features": features[None]}
        if self._no_shift is not None:
            given["shift"] = self._no_shift if shift is None else shift[None]
        try:
            found = self._session.run(self._outputs, given)
        except Exception as error:
            raise GraphError(str(error)) from error
        return Answer(**{k: value[0] for k, value in zip(self._outputs, found, strict=True)})
