"""A PyTorch model -> its float32 graph, for any number of frames."""

import warnings
from pathlib import Path

import torch
from torch import nn

from ser.models.base import ModelOutput
from train.release.nodes import OPSET

EXAMPLE_FRAMES = 300


class _Whole(nn.Module):
    """A model without a mask, its outputs in the order in which `ModelOutput` names them."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, features: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(part for part in self.model.judged(features, None, shift) if part is not None)


def traced(model: nn.Module, scratch: Path) -> Path:
    """Write the graph into a folder: `features` (1, n_frames, n_features) and `shift` to outputs.

    Raises ValueError for a model that does not say how it is `judged` without a mask.
    """
    if not hasattr(model, "judged"):
        raise ValueError(f"Nobody has said how {type(model).__name__} becomes a graph.")
    path = scratch / "float32.onnx"
    example = (
        torch.zeros(1, EXAMPLE_FRAMES, model.n_features),
        torch.zeros(1, model.embedding_size),
    )
    names = list(ModelOutput._fields[:5] if model.n_corpora else ModelOutput._fields[:3])
    names += ["speech"] if model.speech is not None else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            _Whole(model).eval(),
            example,
            path,
            input_names=["features", "shift"],
            output_names=names,
            dynamic_shapes={"features": {1: torch.export.Dim.AUTO}, "shift": None},
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    return path
