"""Waveform augmentation. Drawing the parameters is apart from applying them.

Every function takes its Generator or its parameters; there is no global state.
"""

from dataclasses import dataclass

import librosa
import numpy as np

from ser.audio import SAMPLE_RATE


@dataclass(frozen=True)
class AugmentConfig:
    """Each kind happens independently with `probability`.

    `copies` versions of each training clip are drawn once per run; an epoch takes one of them for
    each clip at random. 0 copies: no augmentation.
    """

    copies: int = 0
    probability: float = 0.3
    max_stretch: float = 0.05  # share of the duration, either way
    max_pitch_semitones: float = 1.0
    min_noise: float = 0.001  # of a peak of 1
    max_noise: float = 0.005


@dataclass(frozen=True)
class Augmentation:
    """What happens to one copy; None for what does not."""

    stretch_rate: float | None
    pitch_semitones: float | None
    noise_factor: float | None
    noise_seed: int


def draw(config: AugmentConfig, rng: np.random.Generator) -> Augmentation:
    """Draw one copy's parameters."""
    stretch = rng.uniform(1 - config.max_stretch, 1 + config.max_stretch)
    pitch = rng.uniform(-config.max_pitch_semitones, config.max_pitch_semitones)
    noise = rng.uniform(config.min_noise, config.max_noise)
    happens = rng.random(3) < config.probability
    return Augmentation(
        stretch if happens[0] else None,
        pitch if happens[1] else None,
        noise if happens[2] else None,
        int(rng.integers(2**32)),
    )


def apply(waveform: np.ndarray, augmentation: Augmentation) -> np.ndarray:
    """Stretch, shift and add white noise to a waveform (n_samples,) at 16 kHz, in that order."""
    if augmentation.stretch_rate is not None:
        waveform = librosa.effects.time_stretch(waveform, rate=augmentation.stretch_rate)
    if augmentation.pitch_semitones is not None:
        waveform = librosa.effects.pitch_shift(
            waveform, sr=SAMPLE_RATE, n_steps=augmentation.pitch_semitones
        )
    if augmentation.noise_factor is not None:
        noise = np.random.default_rng(augmentation.noise_seed).standard_normal(len(waveform))
        waveform = waveform / np.abs(waveform).max() + augmentation.noise_factor * noise
    return waveform.astype(np.float32)
