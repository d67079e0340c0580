"""Speech encoders that others trained on thousands of hours, under a small head of our own."""

import json
import math
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ser.features.mel import mel_filters
from ser.models.base import Attention, AttentionPooling, ModelOutput, check_window

WHISPER_N_FFT = 400
WHISPER_HOP_LENGTH = 160
WHISPER_RANGE = 8.0  # powers of ten under the loudest mel bin


class Pretrained(nn.Module):
    """Encoder > learned mix of its layers > Linear > Dropout > attention over time > Linear.

    (batch, frame, sample of the frame's hop) -> logits (batch, class) and attention (batch, frame);
    features of kind `raw`.

    `encoder` is a name on the Hub or a folder for `AutoModel` of transformers: wav2vec 2.0
    (arXiv:2006.11477), HuBERT (arXiv:2106.07447), WavLM (arXiv:2110.13900), their relatives, or
    Whisper, whose encoder alone is used (arXiv:2212.04356). `encoder_config`, which a checkpoint
    holds, makes an untrained encoder instead: its weights come with the checkpoint, not from the
    Hub. Layers are mixed by softmax weights as in SUPERB (arXiv:2105.01051). A `frozen` encoder
    learns nothing; otherwise all of it does but the convolutions on the waveform.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        encoder: str | None = None,
        encoder_config: dict[str, Any] | None = None,
        frozen: bool = True,
        hidden_size: int = 256,
        dropout: float = 0.2,
        attention: Attention = "frame",
        n_heads: int = 4,
    ):
        super().__init__()
        self.n_features = n_features
        self.embedding_size = hidden_size
        self.frozen = frozen
        self.encoder = adapt(make_encoder(encoder, encoder_config), n_features)
        config = self.encoder.model.config
        self.checkpoint_args = {"encoder_config": json.loads(config.to_json_string(use_diff=False))}
        self.layer_weights = nn.Parameter(torch.zeros(config.num_hidden_layers + 1))
        self.narrow = nn.Linear(config.hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.pool = AttentionPooling(hidden_size, attention, n_heads)
        self.classify = nn.Linear(hidden_size, n_classes)
        if frozen:
            self.encoder.requires_grad_(False).eval()
        elif hasattr(self.encoder.model, "freeze_feature_encoder"):
            self.encoder.model.freeze_feature_encoder()

    def train(self, mode: bool = True) -> "Pretrained":
        """Set the mode of all but a frozen encoder, which stays without dropout."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> ModelOutput:
        """Judge whole windows; `mask` is True on real frames (all of them when None)."""
        mask = check_window(features, mask, self.n_features)
        samples = (features * mask.unsqueeze(2)).flatten(1)
        n_samples = mask.sum(dim=1) * self.n_features
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            layers = self.encoder(samples, n_samples)
        shares = self.layer_weights.softmax(dim=0)
        mixed = sum(share * layer for share, layer in zip(shares, layers, strict=True))
        hidden = self.dropout(functional.gelu(self.narrow(mixed)))
        step_mask = upto(self.encoder.n_steps(n_samples), hidden.shape[1])
        return self.pool.output(self.classify, hidden, step_mask, mask, self.encoder.ratio)


def make_encoder(name: str | None, config: dict[str, Any] | None) -> nn.Module:
    """Build an untrained encoder from `config`, or else fetch the one called `name`.

    Only safetensors are read. ValueError where transformers is not installed or neither is given.
    """
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError as error:
        raise ValueError(
            "Pre-trained encoders need transformers: pip install 'speech-emotion[pretrained]'."
        ) from error
    if config is None and name is None:
        raise ValueError("Name an `encoder` or give an `encoder_config`.")
    loaded = AutoConfig.from_pretrained(name) if config is None else AutoConfig.for_model(**config)
    loaded.dtype = torch.float32
    loaded.apply_spec_augment = False  # it draws from numpy's global state
    loaded.layerdrop = loaded.encoder_layerdrop = 0.0  # a layer that is left out gives no state
    loaded.decoder_layers = 0  # Whisper's writes text
    if config is None:
        model = AutoModel.from_pretrained(
            name, config=loaded, dtype=torch.float32, use_safetensors=True
        )
    else:
        model = AutoModel.from_config(loaded, dtype=torch.float32)
    return model.get_encoder() if loaded.is_encoder_decoder else model


def adapt(model: nn.Module, hop_length: int) -> nn.Module:
    """Wrap an encoder so that it takes padded waveforms; ValueError for a kind unknown here."""
    if model.config.model_type == "whisper":
        return WhisperEncoder(model, hop_length)
    if hasattr(model.config, "conv_stride"):
        return WaveformEncoder(model, hop_length)
    raise ValueError(
        f"A {model.config.model_type} is neither an encoder of waveforms, as wav2vec 2.0, HuBERT "
        "and WavLM are, nor Whisper."
    )


class WaveformEncoder(nn.Module):
    """wav2vec 2.0 and its relatives: strided convolutions on the waveform > Transformer."""

    def __init__(self, model: nn.Module, hop_length: int):
        super().__init__()
        self.model = model
        self.ratio = frames_per_step(math.prod(model.config.conv_stride), hop_length)
        # "group" normalises each channel over the whole time, of which padding would be part
        self.ignores_padding = getattr(model.config, "feat_extract_norm", None) == "layer"

    def n_steps(self, n_samples: torch.Tensor) -> torch.Tensor:
        """How many steps the convolutions make of so many samples."""
        convolutions = zip(
            self.model.config.conv_kernel, self.model.config.conv_stride, strict=True
        )
        for width, stride in convolutions:
            n_samples = (n_samples - width) // stride + 1
        return n_samples

    def forward(self, samples: torch.Tensor, n_samples: torch.Tensor) -> list[torch.Tensor]:
        """States (batch, steps, size) of each layer from waveforms (batch, samples).

        Each clip is brought to zero mean and unit variance, as these encoders were trained.
        """
        real = upto(n_samples, samples.shape[1])
        samples = standardised(samples, real)
        if self.ignores_padding:
            return list(self._states(samples, attention_mask=real.long()))
        alike = [(n_samples == n).nonzero().squeeze(1) for n in n_samples.unique()]
        parts = [self._states(samples[rows, : int(n_samples[rows[0]])]) for rows in alike]
        longest = int(self.n_steps(n_samples).max())
        order = torch.cat(alike).argsort()
        return [
            torch.cat([functional.pad(p, (0, 0, 0, longest - p.shape[1])) for p in layer])[order]
            for layer in zip(*parts, strict=True)
        ]

    def _states(self, samples: torch.Tensor, **kwargs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.model(samples, output_hidden_states=True, **kwargs).hidden_states


class WhisperEncoder(nn.Module):
    """Whisper's encoder: log-mel of a window that is always filled up to 30 s > Transformer."""

    def __init__(self, model: nn.Module, hop_length: int):
        super().__init__()
        self.model = model
        self.ratio = frames_per_step(2 * WHISPER_HOP_LENGTH, hop_length)
        self.n_frames = 2 * model.config.max_source_positions

    def n_steps(self, n_samples: torch.Tensor) -> torch.Tensor:
        """How many steps hold sound; the others are filling."""
        return n_samples.div(2 * WHISPER_HOP_LENGTH).ceil().long()

    def forward(self, samples: torch.Tensor, n_samples: torch.Tensor) -> list[torch.Tensor]:
        """States (batch, steps, size) of each layer from waveforms (batch, samples)."""
        n_filled = self.n_frames * WHISPER_HOP_LENGTH
        if samples.shape[1] > n_filled:
            raise ValueError(f"Whisper hears {n_filled} samples at once, not {samples.shape[1]}.")
        filled = functional.pad(samples, (0, n_filled - samples.shape[1]))
        mel = whisper_log_mel(filled, self.model.config.num_mel_bins)
        states = self.model(mel, output_hidden_states=True).hidden_states
        longest = int(self.n_steps(n_samples).max())
        return [state[:, :longest] for state in states]


def whisper_log_mel(samples: torch.Tensor, n_mels: int) -> torch.Tensor:
    """Log-mel (batch, n_mels, n_samples / 160) as `WhisperFeatureExtractor` of transformers."""
    spectrum = torch.stft(
        samples,
        n_fft=WHISPER_N_FFT,
        hop_length=WHISPER_HOP_LENGTH,
        window=_hann(WHISPER_N_FFT).to(samples),
        return_complex=True,
    )
    power = torch.view_as_real(spectrum[:, :, :-1]).square().sum(-1)
    mel = torch.from_numpy(mel_filters(WHISPER_N_FFT, n_mels)).to(samples) @ power
    log_mel = mel.clamp(min=1e-10).log10()
    floor = log_mel.amax(dim=(1, 2), keepdim=True) - WHISPER_RANGE
    return (torch.maximum(log_mel, floor) + 4.0) / 4.0


def standardised(samples: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Bring waveforms (batch, samples) to zero mean, unit variance where `real`, zero elsewhere."""
    n_real = real.sum(dim=1, keepdim=True)
    centred = (samples - samples.sum(dim=1, keepdim=True) / n_real) * real
    variance = centred.square().sum(dim=1, keepdim=True) / n_real
    return centred / (variance + 1e-7).sqrt()


def frames_per_step(step: int, hop_length: int) -> int:
    """Frames that one step of the encoder, so many samples, spans."""
    if step % hop_length:
        raise ValueError(f"A step of {step} samples is no whole number of {hop_length} samples.")
    return step // hop_length


def upto(lengths: torch.Tensor, n: int) -> torch.Tensor:
    """Mask (batch, n), True before each length."""
    return torch.arange(n, device=lengths.device) < lengths.unsqueeze(1)


@cache
def _hann(length: int) -> torch.Tensor:
    return torch.hann_window(length)
