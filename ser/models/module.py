"""A PyTorch model asked for one window, as it is and stretched."""

from collections.abc import Sequence

import numpy as np
import torch

from ser.models.stretch import stretched


@torch.inference_mode()
def answer_of_module(
    model: torch.nn.Module, features: np.ndarray, stretches: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (1 + n_stretches, 8) and attention (n_frames,) of features (n_frames, n_features)."""
    frames = torch.from_numpy(features)
    output = model(frames[None])
    views = [model(stretched(frames, rate)[None]).logits for rate in stretches]
    logits = torch.cat([output.logits, *views]).double()
    return logits.numpy(), output.attention[0].double().numpy()
