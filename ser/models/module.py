"""A PyTorch model asked for one window, as it is and stretched."""

import os
from collections.abc import Sequence

import numpy as np
import torch

from ser.models.graph import WindowAnswer
from ser.models.stretch import stretched

# A process that was forked has none of the threads which PyTorch would wait for.
os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@torch.inference_mode()
def answer_of_module(
    model: torch.nn.Module,
    features: np.ndarray,
    stretches: Sequence[float],
    shift: np.ndarray | None = None,
) -> WindowAnswer:
    """Judge features (n_frames, n_features); `shift` (n_statistics,): see `ser.adaptation`."""
    frames = torch.from_numpy(features)
    more = () if shift is None else (None, torch.from_numpy(shift)[None])
    output = model(frames[None], *more)
    views = [model(stretched(frames, rate)[None]).logits for rate in stretches]
    logits = torch.cat([output.logits, *views]).double()
    return WindowAnswer(
        logits.numpy(),
        output.attention[0].double().numpy(),
        output.embedding[0].numpy(),
        None if output.residual is None else output.residual[0].numpy(),
        None if output.distance is None else float(output.distance[0]),
        None if output.speech is None else output.speech[0].numpy(),
    )
