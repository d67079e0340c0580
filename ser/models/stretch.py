"""Features played faster or slower."""

import torch

from ser.features import DELTA_WIDTH


def read_frames(features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Interpolate (n_frames, n_features) linearly at `places` (n,), in frames."""
    below = places.long()
    above = (below + 1).clamp(max=len(features) - 1)
    return torch.lerp(features[below], features[above], (places - below).unsqueeze(1))


def stretched(features: torch.Tensor, rate: float) -> torch.Tensor:
    """The same features (n_frames, n_features) played `rate` times as fast."""
    n_read = max(DELTA_WIDTH, round(len(features) / rate))
    return read_frames(features, torch.linspace(0, len(features) - 1, n_read))
