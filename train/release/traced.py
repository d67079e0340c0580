"""A PyTorch model -> its float32 graph, for any number of frames."""

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from train.release.nodes import OPSET

EXAMPLE_FRAMES, OTHER_FRAMES = 300, 97
OLDER_OPSET = 18  # of the older exporter
SAME = 1e-4  # of a logit, at another length


class _Whole(nn.Module):
    """A model that hears one whole clip; it gives what there is of its `ModelOutput`, in order."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(
        self, features: torch.Tensor, shift: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        model = self.model
        found = model(features) if shift is None else model.judged(features, None, shift)
        return tuple(part for part in found if part is not None)


def traced(model: nn.Module, scratch: Path) -> Path:
    """Write the graph into a folder: from `features` (1, n_frames, n_features) to `ModelOutput`.

    A model that says how it is `judged` without a mask takes a `shift`, too. Raises ValueError for
    one that cannot be written down, or whose graph answers otherwise for another number of frames.
    """
    path = scratch / "float32.onnx"
    features = torch.zeros(1, EXAMPLE_FRAMES, model.n_features)
    with torch.inference_mode():
        names = [name for name, part in model(features)._asdict().items() if part is not None]
    write = _write if hasattr(model, "judged") else _write_as_it_runs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporters, about themselves
            write(model, features, names, path)
        is_same = _answers_alike(model, path)
    except Exception as error:  # the exporters and ONNX Runtime have many classes of their own
        raise ValueError(f"A model of class {type(model).__name__} cannot be exported.") from error
    if not is_same:
        raise ValueError(f"Exported, a {type(model).__name__} keeps the length of its example.")
    return path


def _write(model: nn.Module, features: torch.Tensor, names: list[str], path: Path) -> None:
    torch.onnx.export(
        _Whole(model).eval(),
        (features, torch.zeros(1, model.embedding_size)),
        path,
        input_names=["features", "shift"],
        output_names=names,
        dynamic_shapes={"features": {1: torch.export.Dim.AUTO}, "shift": None},
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )


def _write_as_it_runs(
    model: nn.Module, features: torch.Tensor, names: list[str], path: Path
) -> None:
    """By the older exporter: behind an LSTM the new one keeps the example's length."""
    torch.onnx.export(
        _Whole(model).eval(),
        (features,),
        path,
        input_names=["features"],
        output_names=names,
        dynamic_axes={"features": {1: "n_frames"}, "attention": {1: "n_frames"}},
        opset_version=OLDER_OPSET,
        dynamo=False,
    )


def _answers_alike(model: nn.Module, path: Path) -> bool:
    session = onnxruntime.InferenceSession(path)
    features = np.random.default_rng(0).normal(size=(1, OTHER_FRAMES, model.n_features))
    given = {"features": features.astype(np.float32)}
    for told in session.get_inputs()[1:]:
        given[told.name] = np.zeros(told.shape, np.float32)
    logits, attention = session.run(["logits", "attention"], given)
    with torch.inference_mode():
        expected = model(torch.from_numpy(given["features"]))
    return attention.shape == expected.attention.shape and np.allclose(
        logits, expected.logits, atol=SAME * max(1.0, float(expected.logits.abs().max()))
    )
