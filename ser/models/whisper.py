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
N_SPEECH = 2  # scores of a speech head: a voice, singing
EVEN = 1e-6  # evidence that every step has, so that it always adds up to something
EXPECTED_TEMPERATURE = 2.0  # of the answers by which a clip's emotion is told from its room
FAR = 25.0  # squared deviations, beyond which a statistic lies no further from a corpus


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

    def forward(self, mel: torch.Tensor, mask: torch.Tensor | None) -> list[torch.Tensor]:
        """States of log-mel (batch, frame, band), whose real frames `mask` tells; None: all."""
        real = 1.0 if mask is None else mask[:, :, None].to(mel)
        hidden = functional.gelu(_convolved(self.conv1, mel * real)) * real
        hidden = functional.gelu(_convolved(self.conv2, hidden))
        hidden = hidden + self.positions[: hidden.shape[1]]
        states, real_steps = [hidden], _steps(mask)
        for block in self.blocks:
            states.append(block(states[-1], real_steps))
        return states


def _steps(mask: torch.Tensor | None) -> torch.Tensor | None:
    """Which steps are real, (batch, step), where `mask` (batch, frame) tells of frames."""
    return None if mask is None else mask[:, ::FRAMES_A_STEP]


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

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(batch, step, size) -> the same; steps where `mask` is False are not looked at."""
        seen = self.norm1(hidden)
        heard = [layer(seen) for layer in (self.query, self.key, self.value)]
        hidden = hidden + self.out(_attended(*heard, self.n_heads, mask))
        return hidden + self.fc2(functional.gelu(self.fc1(self.norm2(hidden))))


def _attended(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    n_heads: int,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Attention of `n_heads` side by side, (batch, step, size) each -> the same."""
    if mask is None and torch.compiler.is_exporting():  # one operator, which divides them itself
        sizes = {"q_num_heads": n_heads, "kv_num_heads": n_heads}
        return torch.onnx.ops.attention(query, key, value, **sizes)[0]
    heads = (part.unflatten(2, (n_heads, -1)).transpose(1, 2) for part in (query, key, value))
    seen = None if mask is None else mask[:, None, None, :]
    attended = functional.scaled_dot_product_attention(*heads, attn_mask=seen)
    return attended.transpose(1, 2).flatten(2)


class WhisperStatistics(nn.Module):
    """Whisper's encoder, cut short > mean and deviation over time of some states > Linear.

    (batch, frame, mel band) -> logits (batch, class) and attention (batch, frame): each frame's
    share in what speaks for the winning class. The encoder stands still, with weights from
    `train.whisper_weights`; the head is fitted in closed form. Features of kind `whisper`. `layers`
    name the states: 0 is that of the convolutions, n that after the nth block.

    Where `n_corpora` were learnt side by side (`train.fit.by_corpus`), the model knows the mean
    statistics of each, `corpora`, and how each emotion's lie from them, `emotions`.

    With a `speech_head` (`train.fit.speech_head`) it also tells a voice from other sounds, by the
    same statistics: another linear layer on the embedding as it is without a shift.
    """

    is_frozen = True  # so that training keeps what it found in a clip

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        size: int = 512,
        n_heads: int = 8,
        layers: Sequence[int] = (1, 2, 3),
        n_corpora: int = 0,
        speech_head: bool = False,
    ):
        super().__init__()
        self.n_features = n_features
        self.layers = tuple(layers)
        self.encoder = CutEncoder(n_features, size, n_heads, max(layers))
        self.encoder.requires_grad_(False)
        self.embedding_size = 2 * size * len(self.layers)
        self.head = LinearHead(self.embedding_size, n_classes)
        self.n_corpora = 0
        if n_corpora:
            size = self.embedding_size
            self.know(torch.zeros(n_corpora, size), torch.zeros(n_classes, size))
        self.speech = nn.Linear(self.embedding_size, N_SPEECH) if speech_head else None

    def know(self, corpora: torch.Tensor, emotions: torch.Tensor) -> None:
        """Keep what was learnt of corpora (n_corpora, n_statistics) and emotions (8, the same)."""
        self.register_buffer("corpora", corpora)
        self.register_buffer("emotions", emotions)
        self.n_corpora = len(corpora)

    @property
    def checkpoint_args(self) -> dict[str, int | bool]:
        """What config.json holds besides the recipe's arguments."""
        args = {"n_corpora": self.n_corpora} if self.n_corpora else {}
        return args | ({"speech_head": True} if self.speech is not None else {})

    def forward(
        self,
        features: torch.Tensor,
        mask: torch.Tensor | None = None,
        shift: torch.Tensor | None = None,
    ) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None).

        `shift` (batch or 1, n_statistics) is taken from the statistics first: see `ser.adaptation`.
        """
        mask = check_window(features, mask, self.n_features)
        return self.judged(features, mask, 0.0 if shift is None else shift)

    def judged(
        self, features: torch.Tensor, mask: torch.Tensor | None, shift: torch.Tensor | float
    ) -> ModelOutput:
        """Judge windows that were checked: what becomes a graph, without a mask."""
        states, real = self._states(features, mask)
        heard, away = _over_time(states, real)
        logits, embedding, residual, distance = self.of_statistics(heard, shift)
        weights = self._evidence(away, real, heard, logits).float()
        n_frames = features.shape[1]
        weights = at_frame_rate(weights[:, :, None], n_frames + 1, FRAMES_A_STEP)[:, :n_frames, 0]
        if mask is not None:
            weights = weights * mask
        attention = weights / weights.sum(dim=1, keepdim=True)
        speech = None if self.speech is None else self.speech(self.head.embed(heard))
        return ModelOutput(logits, attention, embedding, residual, distance, speech)

    def of_statistics(
        self, heard: torch.Tensor, shift: torch.Tensor | float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """All of a `ModelOutput` but its attention, of statistics (batch, n_statistics)."""
        logits, embedding = self.head(heard - shift)
        if not self.n_corpora:
            return logits, embedding, None, None
        expected = (logits / EXPECTED_TEMPERATURE).softmax(dim=1) @ self.emotions
        residual = heard - self.head.norm.running_mean - expected
        return logits, embedding, residual, self._distance(heard - shift)

    def _distance(self, statistics: torch.Tensor) -> torch.Tensor:
        """Mean squared deviation (batch,) from the nearest of the corpora that were learnt."""
        variance = self.head.norm.running_var + self.head.norm.eps
        away = (statistics[:, None] - self.corpora[None]).square() / variance
        return away.clamp(max=FAR).mean(dim=2).amin(dim=1)

    def statistics(self, features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the linear head sees, before it is standardised: (batch, embedding_size)."""
        return _over_time(*self._states(features, mask))[0]

    def _states(
        self, features: torch.Tensor, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The chosen states side by side, (batch, step, channel), and which steps are real."""
        states = self.encoder(features, mask)
        return torch.cat([states[layer] for layer in self.layers], dim=2), _steps(mask)

    def _evidence(
        self,
        away: torch.Tensor,
        real: torch.Tensor | None,
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
        spread = statistics.chunk(2, dim=1)[1]
        adds = away @ by_mean[:, :, None] + (away * away) @ (by_spread / spread)[:, :, None]
        adds = adds[:, :, 0]
        if real is None:
            return adds - adds.amin(dim=1, keepdim=True) + EVEN
        least = adds.masked_fill(~real, torch.inf).amin(dim=1, keepdim=True)
        return (adds - least) * real + EVEN


def _over_time(
    states: torch.Tensor, real: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of (batch, step, channel) over the steps that are `real`, side by side.

    And how far each step lies from the mean, (batch, step, channel). Means are matrix products:
    ONNX Runtime is slow at sums over any axis but the last.
    """
    real = torch.ones_like(states[:, :, 0]) if real is None else real.to(states)
    shares = (real / real.sum(dim=1, keepdim=True))[:, None]
    mean = shares @ states
    away = states - mean
    variance = shares @ (away * away)
    return torch.cat([mean, (variance + SMALL).sqrt()], dim=2)[:, 0], away
