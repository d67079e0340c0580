"""A linear model on statistics of a clip's descriptors over time."""

from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ser.models.base import ModelOutput, check_window
from ser.models.statistics import LinearHead, Standardize, saliency

QUANTILES = (0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99)
N_SEGMENTS = 5
N_SHAPE = 12  # cosines that describe a contour's course over the clip
N_CONTOUR = 64  # points of the contour, whatever the clip's length
FRAMES_A_SECOND = 100
MODULATION_EDGES_HZ = (0.3, 1.0, 2.0, 3.0, 4.5, 7.0, 11.0, 17.0, 27.0, 50.0)
MODULATION_N_FFT = 2048
SMALL = 1e-3  # before a logarithm, in standard deviations
N_OVER_FRAMES = 2 + len(QUANTILES) + 6  # values `over_frames` gives a feature
N_OVER_SLOPES = 3 + len(QUANTILES)
FEWEST_VOICED = 10


class Functionals(nn.Module):
    """Standardise > statistics over time > Linear, fitted in closed form.

    (batch, frame, feature) -> logits (batch, class) and attention (batch, frame), the saliency of
    the answer. Of each feature: moments, quantiles and trend, also of its slope and of the voiced
    frames alone (`voiced` is the column that says which; None: there is none), means of fifths of
    the clip, the course of its contour, and its modulation spectrum. After the ComParE functionals
    (B. Schuller et al., Interspeech 2016).
    """

    def __init__(self, n_features: int, n_classes: int, voiced: int | None = None):
        super().__init__()
        self.n_features = n_features
        self.voiced = voiced
        self.standardize = Standardize(n_features)
        n_each = N_OVER_FRAMES + N_OVER_SLOPES + N_SEGMENTS + N_SHAPE + len(MODULATION_EDGES_HZ) - 1
        n_statistics = 1 + n_each * n_features
        if voiced is not None:
            n_statistics += (N_OVER_FRAMES + 1) * n_features + 2
        self.embedding_size = n_statistics
        self.head = LinearHead(n_statistics, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        statistics, attention = [], []
        with torch.inference_mode(False), torch.enable_grad():
            for clip, real in zip(features, mask, strict=True):
                frames = clip[real].clone().requires_grad_()
                of_clip = self._of_clip(frames)
                weights = saliency(of_clip, frames, self.head)
                attention.append(weights.new_zeros(len(real)).masked_scatter(real, weights))
                statistics.append(of_clip.detach())
        logits, embedding = self.head(torch.stack(statistics))
        return ModelOutput(logits, torch.stack(attention), embedding)

    def statistics(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the linear head sees, before it is standardised: (batch, embedding_size)."""
        return torch.stack([self._of_clip(c[m]) for c, m in zip(features, mask, strict=True)])

    def _of_clip(self, frames: torch.Tensor) -> torch.Tensor:
        """Statistics (embedding_size,) of one clip (n_frames, n_features)."""
        values = self.standardize(frames)
        n_frames = len(values)
        slopes = (values[4:] - values[:-4]) / 4
        parts = [
            torch.log(values.new_tensor([n_frames])),
            over_frames(values),
            over_slopes(slopes),
            *(segment.mean(dim=0) for segment in values.tensor_split(N_SEGMENTS)),
            contour_shape(values),
            modulation_spectrum(values),
        ]
        if self.voiced is not None:
            parts += self._by_voicing(values, frames[:, self.voiced] > 0.5)
        return torch.cat([part.flatten() for part in parts])

    def _by_voicing(self, values: torch.Tensor, voiced: torch.Tensor) -> list[torch.Tensor]:
        n_voiced = int(voiced.sum())
        runs = 1 + int((voiced[1:] & ~voiced[:-1]).sum())
        rates = values.new_tensor(
            [FRAMES_A_SECOND * runs / len(values), np.log(1 + n_voiced / runs)]
        )
        of_voiced = over_frames(values[voiced] if n_voiced >= FEWEST_VOICED else values)
        unvoiced = values[~voiced] if n_voiced < len(values) else values
        return [of_voiced, unvoiced.mean(dim=0), rates]


def over_frames(values: torch.Tensor) -> torch.Tensor:
    """Moments, quantiles, ranges and trend of (n_frames, n): (`N_OVER_FRAMES`, n)."""
    mean = values.mean(dim=0)
    away = values - mean
    deviation = away.square().mean(dim=0).add(1e-6).sqrt()
    skewness = away.pow(3).mean(dim=0) / deviation**3
    kurtosis = away.pow(4).mean(dim=0) / deviation**4
    quantiles = _quantiles(values)
    time = torch.linspace(-1, 1, len(values), device=values.device)[:, None]
    bend = time.square() - time.square().mean()
    return torch.stack(
        [
            mean,
            torch.log(deviation + SMALL),
            *quantiles,
            skewness.sign() * torch.log1p(skewness.abs()),
            torch.log1p(kurtosis),
            quantiles[4] - quantiles[2],
            quantiles[6] - quantiles[0],
            (time * away).sum(dim=0) / time.square().sum(),
            (bend * away).sum(dim=0) / bend.square().sum(),
        ]
    )


def over_slopes(slopes: torch.Tensor) -> torch.Tensor:
    """Of the slopes (n_frames, n): (`N_OVER_SLOPES`, n)."""
    deviation = slopes.var(dim=0, correction=0).add(1e-8).sqrt()
    size = torch.log(slopes.abs().mean(dim=0) + SMALL)
    return torch.stack(
        [slopes.mean(dim=0), torch.log(deviation + SMALL), size, *_quantiles(slopes)]
    )


def contour_shape(values: torch.Tensor) -> torch.Tensor:
    """First cosine coefficients of each contour, drawn over a clip of unit length: (12, n)."""
    drawn = functional.interpolate(values.T[None], N_CONTOUR, mode="linear", align_corners=True)[0]
    return _cosines() @ drawn.T


def modulation_spectrum(values: torch.Tensor) -> torch.Tensor:
    """Log power a band of modulation frequencies, (n_bands, n)."""
    away = values - values.mean(dim=0)
    spectrum = torch.fft.rfft(away, MODULATION_N_FFT, dim=0)
    power = torch.view_as_real(spectrum).square().sum(-1) / len(values)
    return torch.log(_modulation_bands() @ power + SMALL)


def _quantiles(values: torch.Tensor) -> torch.Tensor:
    """(7, n); torch.quantile of these, from one sort, which numpy does in a third of the time."""
    order = np.argsort(values.detach().cpu().numpy(), axis=0)
    ordered = values.gather(0, torch.from_numpy(order).to(values.device))
    at = torch.tensor(QUANTILES, device=values.device) * (len(values) - 1)
    below = at.floor().long()
    above = (below + 1).clamp(max=len(values) - 1)
    return torch.lerp(ordered[below], ordered[above], (at - below)[:, None])


@cache
def _cosines() -> torch.Tensor:
    """(12, 64): orthonormal DCT-II without the constant."""
    at = np.pi / N_CONTOUR * (np.arange(N_CONTOUR) + 0.5)
    cosines = np.sqrt(2 / N_CONTOUR) * np.cos(np.arange(1, N_SHAPE + 1)[:, None] * at)
    return torch.from_numpy(cosines.astype(np.float32))


@cache
def _modulation_bands() -> torch.Tensor:
    """Mean over the bins of each band, (n_bands, n_bins)."""
    hz = np.fft.rfftfreq(MODULATION_N_FFT, 1 / FRAMES_A_SECOND)
    edges = np.array(MODULATION_EDGES_HZ)
    inside = (hz >= edges[:-1, None]) & (hz < edges[1:, None])
    return torch.from_numpy((inside / inside.sum(axis=1, keepdims=True)).astype(np.float32))
