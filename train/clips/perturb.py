"""Augmentation of features, drawn anew for every batch: what is too cheap to be kept.

Every function takes its Generator; there is no global state.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ser.models.base import MIN_FRAMES
from train.checks import check_between
from train.clips.targets import Targets


@dataclass(frozen=True)
class PerturbConfig:
    """What happens to each clip of a training batch; by default nothing.

    `max_stretch`: the clip is played up to this share faster or slower, by linear interpolation
    between frames. `min_crop`: the least share of its frames that is kept, in one piece.
    SpecAugment (Park et al., arXiv:1904.08779, without its warp): each of `n_frequency_masks`
    hides up to `max_frequency_mask` neighbouring features, each of `n_time_masks` up to the share
    `max_time_mask` of the frames, both behind the clip's own mean. `noise`: Gaussian, its standard
    deviation in those of each feature over the clip. `mixup_alpha`: mixup (Zhang et al.,
    arXiv:1710.09412) with a share from Beta(alpha, alpha) a clip; partners are of one corpus, whose
    labels mean the same.
    """

    max_stretch: float = 0.0
    min_crop: float = 1.0
    n_frequency_masks: int = 0
    max_frequency_mask: int = 8
    n_time_masks: int = 0
    max_time_mask: float = 0.1
    noise: float = 0.0
    mixup_alpha: float = 0.0

    def __post_init__(self) -> None:
        check_between(
            self,
            max_stretch=(0, 0.9),
            min_crop=(0.1, 1),
            n_frequency_masks=(0, 100),
            max_frequency_mask=(1, 10_000),
            n_time_masks=(0, 100),
            max_time_mask=(0, 1),
            noise=(0, 100),
            mixup_alpha=(0, 100),
        )


def draw_frames(
    n_frames: int, config: PerturbConfig, rng: np.random.Generator
) -> torch.Tensor | None:
    """Places (n_kept,) between 0 and `n_frames` - 1 to read a clip at; None for all as they are."""
    if config.max_stretch == 0 and config.min_crop == 1:
        return None
    n_kept = max(MIN_FRAMES, round(rng.uniform(config.min_crop, 1) * n_frames))
    start = rng.integers(n_frames - n_kept + 1)
    rate = rng.uniform(1 - config.max_stretch, 1 + config.max_stretch)
    n_read = max(MIN_FRAMES, round(n_kept / rate))
    return start + torch.linspace(0, n_kept - 1, n_read)


def perturb(
    features: torch.Tensor, mask: torch.Tensor, config: PerturbConfig, rng: np.random.Generator
) -> None:
    """Add noise to a padded batch (batch, frames, features), then hide parts of it, in place."""
    if config.noise:
        _add_noise(features, mask, config.noise, rng)
    if config.n_frequency_masks or config.n_time_masks:
        _hide(features, mask, config, rng)


def _add_noise(
    features: torch.Tensor, mask: torch.Tensor, noise: float, rng: np.random.Generator
) -> None:
    mean, lengths = _means(features, mask)
    squares = features.square().sum(1, keepdim=True) / lengths
    std = (squares - mean.square()).clamp(min=0).sqrt()
    drawn = torch.from_numpy(rng.standard_normal(features.shape, dtype=np.float32))
    features += noise * std * drawn * mask.unsqueeze(2)


def _hide(
    features: torch.Tensor, mask: torch.Tensor, config: PerturbConfig, rng: np.random.Generator
) -> None:
    means, lengths = _means(features, mask)
    n_features = features.shape[2]
    for clip, mean, length in zip(features, means, lengths.int().flatten().tolist(), strict=True):
        for _ in range(config.n_frequency_masks):
            width = rng.integers(min(config.max_frequency_mask, n_features) + 1)
            start = rng.integers(n_features - width + 1)
            clip[:length, start : start + width] = mean[:, start : start + width]
        for _ in range(config.n_time_masks):
            width = rng.integers(int(config.max_time_mask * length) + 1)
            start = rng.integers(length - width + 1)
            clip[start : start + width] = mean


def _means(features: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each feature's mean over the real frames (batch, 1, features); their number (batch, 1, 1)."""
    lengths = mask.sum(1).view(-1, 1, 1).float()
    return features.sum(1, keepdim=True) / lengths, lengths  # padding is zeros


def mixup(
    features: torch.Tensor,
    mask: torch.Tensor,
    targets: Targets,
    alpha: float,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor, Targets]:
    """Lay another clip of its corpus over each clip, at a drawn share.

    A mixture is as long as the longer one of the two.
    """
    partners = np.arange(len(features))
    for corpus in np.unique(targets.corpora):
        members = np.flatnonzero(targets.corpora == corpus)
        partners[members] = rng.permutation(members)
    shares = torch.from_numpy(rng.beta(alpha, alpha, len(features)).astype(np.float32))
    mixed = torch.lerp(features[partners], features, shares.view(-1, 1, 1))
    return mixed, mask | mask[partners], targets.mixed(partners, shares)
