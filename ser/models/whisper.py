"""The first layers of Whisper's encoder, cut short, under a linear head of our own."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ser.models.base import ModelOutput, at_frame_rate, check_window
from ser.models.statistics import LinearHead

MAX_STEPS = 750  # of 20 ms: 15 s, the longest window
FRAMES_A_STEP = 2
SMALL = 1e-10  # before a root
EVEN = 1e-6  # evidence that every step has, so that it always adds up to something


class CutEncoder(nn.Module):
    """Two convolutions over time > positions > the first `n_layers` blocks of a Transformer.

    (batch, frame, mel band) -> the states (batch, step, size) after the convolutions and after each
    block. As Whisper's (arXiv:2212.04356), but for the filling up to 30 s: a clip of its own length
    costs a tenth, and the positions after it are not needed.
    """

    def __init__(self, n_mels: int, size: int, n_heads: int, n_layers: int):
        super().__init__()
        self.conv1 = nn.Conv1d(n_mels, size, 3, padding=1)
        self.conv2 = nn.Conv1d(size, size, 3, stride=FRAMES_A_STEP, padding=1)
        self.positions = nn.Parameter(torch.zeros(MAX_STEPS, size))
        self.blocks = nn.ModuleList(Block(size, n_heads) for _ in range(n_layers))

    def forward(self, mel: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        """States of log-mel (batch, frame, band), whose real frames `mask` tells."""
        real = mask[:, :, None].to(mel)
        hidden = functional.gelu(_convolved(self.conv1, mel * real)) * real
        hidden = functional.gelu(_convolved(self.conv2, hidden))
        hidden = hidden + self.positions[: hidden.shape[1]]
        states, real_steps = [hidden], mask[:, ::FRAMES_A_STEP]
        for block in self.blocks:
            states.append(block(states[-1], real_steps))
        return states


def _convolved(conv: nn.Conv1d, values: torch.Tensor) -> torch.Tensor:
    """A convolution three wide as one matrix product, (batch, frame, channel) -> the same.

    So it can be quantised as the other products are; ONNX Runtime's own is slower in 8 bits.
    """
    stride = conv.stride[0]
    padded = functional.pad(values, (0, 0, 1, 1))
    n_steps = (values.shape[1] - 1) // stride + 1
    taps = [padded[:, tap : tap + stride * (n_steps - 1) + 1 : stride] for tap in range(3)]
    return functional.linear(
        torch.cat(taps, dim=2), conv.weight.transpose(1, 2).flatten(1), conv.bias
    )


class Block(nn.Module):
    """LayerNorm > self-attention, added > LayerNorm > Linear > GELU > Linear, added."""

    def __init__(self, size: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.query, self.value, self.out = (nn.Linear(size, size) for _ in range(3))
        self.key = nn.Linear(size, size, bias=False)
        self.fc1, self.fc2 = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(batch, step, size) -> the same; steps where `mask` is False are not looked at."""
        seen = self.norm1(hidden)
        query, key, value = (
            layer(seen).unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        hidden = hidden + self.out(attended.transpose(1, 2).flatten(2))
        return hidden + self.fc2(functional.gelu(self.fc1(self.norm2(hidden))))


class WhisperStatistics(nn.Module):
    """Whisper's encoder, cut short > mean and deviation over time of some states > Linear.

    (batch, frame, mel band) -> logits (batch, class) and attention (batch, frame): each frame's
    share in what speaks for the winning class. The encoder stands still, with weights from
    `train.fit.whisper`; the head is fitted in closed form. Features of kind `whisper`. `layers`
    name the states: 0 is that of the convolutions, n that after the nth block.
    """

    is_frozen = True  # so that training keeps what it found in a clip

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        size: int = 512,
        n_heads: int = 8,
        layers: Sequence[int] = (1, 2, 3),
    ):
        super().__init__()
        self.n_features = n_features
        self.layers = tuple(layers)
        self.encoder = CutEncoder(n_features, size, n_heads, max(layers))
        self.encoder.requires_grad_(False)
        self.embedding_size = 2 * size * len(self.layers)
        self.head = LinearHead(self.embedding_size, n_classes)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        return self.judged(features, check_window(features, mask, self.n_features))

    def judged(self, features: torch.Tensor, mask: torch.Tensor) -> ModelOutput:
        """Judge windows that were checked: what becomes a graph."""
        states, real = self._states(features, mask)
        statistics = _over_time(states, real)
        logits, embedding = self.head(statistics)
        weights = self._evidence(states, real, statistics, logits).float()
        weights = at_frame_rate(weights[:, :, None], mask.shape[1] + 1, FRAMES_A_STEP)[:, :, 0]
        weights = weights[:, : mask.shape[1]] * mask
        return ModelOutput(logits, weights / weights.sum(dim=1, keepdim=True), embedding)

    def statistics(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the linear head sees, before it is standardised: (batch, embedding_size)."""
        return _over_time(*self._states(features, mask))

    def _states(
        self, features: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The chosen states side by side, (batch, step, channel), and which steps are real."""
        states = self.encoder(features, mask)
        return torch.cat([states[layer] for layer in self.layers], dim=2), mask[:, ::FRAMES_A_STEP]

    def _evidence(
        self,
        states: torch.Tensor,
        real: torch.Tensor,
        statistics: torch.Tensor,
        logits: torch.Tensor,
    ) -> torch.Tensor:
        """How much each step (batch, step) speaks for the winning class, 0 or more.

        The winner's lead over the mean of the classes is a sum over steps: of each one's value, by
        the weights of the means, and of its squared distance from the mean, by those of the
        deviations. What a step adds above the least that any adds is its evidence.
        """
        weight = self.head.classify.weight - self.head.classify.weight.mean(dim=0)
        deviation = (self.head.norm.running_var + self.head.norm.eps).sqrt()
        by_mean, by_spread = (weight / deviation)[logits.argmax(dim=1)].chunk(2, dim=1)
        mean, spread = statistics.chunk(2, dim=1)
        away = states - mean[:, None]
        adds = torch.einsum("btc,bc->bt", away, by_mean)
        adds = adds + torch.einsum("btc,bc->bt", away.square(), by_spread / spread)
        least = adds.masked_fill(~real, torch.inf).amin(dim=1, keepdim=True)
        return (adds - least) * real + EVEN


def _over_time(states: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of (batch, step, channel) over the steps that are `real`, side by side."""
    real = real[:, :, None].to(states)
    n_steps = real.sum(dim=1)
    mean = (states * real).sum(dim=1) / n_steps
    variance = ((states - mean[:, None]).square() * real).sum(dim=1) / n_steps
    return torch.cat([mean, (variance + SMALL).sqrt()], dim=1)
