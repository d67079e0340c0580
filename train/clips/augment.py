"""Waveform augmentation. Drawing the parameters is apart from applying them.

Every function takes its Generator or its parameters; there is no global state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ser.sound.audio import load_audio
from train.checks import check_between
from train.clips import effects, voices
from train.clips.effects import CODECS, Room
from train.corpora.noise import noise_files

BACKGROUNDS = ("clips", "pink", "white")
KNOWN_BACKGROUNDS = (*BACKGROUNDS, "hum")
HUM_LOUDER_DB = 8.0  # than other backgrounds: its few lines hide little of a voice


@dataclass(frozen=True)
class AugmentConfig:
    """Each kind happens independently, the first three with `probability`, others with their own.

    `copies` versions of each training clip are drawn once per run; an epoch takes one of them for
    each clip at random. 0 copies: no augmentation. `seed` draws the same copies for every run,
    which then compute them only once; without it, each run's seed draws its own.

    `speed` moves tempo, pitch and formants, `vocal_tract` the formants alone. `background` is one
    of `backgrounds`, where "clips" are those of the folder `noise` under the data root, and "hum"
    is that of mains. `room` is a shoebox. `gain` may clip; what does not, the features' scaling
    undoes. `corpora` names those whose clips are copied: all of them when empty.
    """

    copies: int = 0
    corpora: Sequence[str] = ()
    probability: float = 0.3
    max_stretch: float = 0.05  # share of the duration, either way
    max_pitch_semitones: float = 1.0
    min_noise: float = 0.001  # of a peak of 1
    max_noise: float = 0.005
    seed: int | None = None
    speed_probability: float = 0.0
    max_speed: float = 0.1  # share, either way
    vocal_tract_probability: float = 0.0
    max_vocal_tract: float = 0.1  # share, either way
    room_probability: float = 0.0
    min_rt60_s: float = 0.15
    max_rt60_s: float = 0.5
    background_probability: float = 0.0
    backgrounds: Sequence[str] = BACKGROUNDS
    min_snr_db: float = 5.0
    max_snr_db: float = 30.0
    gain_probability: float = 0.0
    max_gain_db: float = 12.0  # either way
    tilt_probability: float = 0.0
    max_tilt_db_per_octave: float = 3.0  # either way
    telephone_probability: float = 0.0
    codec_probability: float = 0.0
    codecs: Sequence[str] = tuple(CODECS)
    max_compression: float = 0.99

    def __post_init__(self) -> None:
        kinds = ("speed", "vocal_tract", "room", "background", "gain", "tilt", "telephone", "codec")
        check_between(
            self,
            copies=(0, 10_000),
            probability=(0, 1),
            **{f"{kind}_probability": (0, 1) for kind in kinds},
            max_stretch=(0, 0.9),
            max_pitch_semitones=(0, 48),
            max_speed=(0, 0.9),
            max_vocal_tract=(0, 0.5),
            min_rt60_s=(0.01, 10),
            max_rt60_s=(self.min_rt60_s, 10),
            min_snr_db=(-100, 100),
            max_snr_db=(self.min_snr_db, 100),
            max_gain_db=(0, 60),
            max_tilt_db_per_octave=(0, 24),
            max_compression=(0, 0.99),
        )
        for name, known in (("backgrounds", KNOWN_BACKGROUNDS), ("codecs", tuple(CODECS))):
            chosen = getattr(self, name)
            if isinstance(chosen, str) or not chosen or set(chosen) - set(known):
                raise ValueError(f"{name} are one or more of {', '.join(known)}, not {chosen!r}")

    @property
    def needs_noise(self) -> bool:
        """Whether clips of noise are part of it."""
        return bool(self.copies and self.background_probability and "clips" in self.backgrounds)


@dataclass(frozen=True)
class Background:
    """`place` from 0 to 1 chooses among the clips of noise, `seed` where in it (or the noise)."""

    kind: str
    snr_db: float
    place: float
    seed: int


@dataclass(frozen=True)
class Augmentation:
    """What happens to one copy; None for what does not."""

    stretch_rate: float | None
    pitch_semitones: float | None
    noise_factor: float | None
    noise_seed: int
    speed_rate: float | None = None
    vocal_tract: float | None = None
    room: Room | None = None
    background: Background | None = None
    gain_db: float | None = None
    tilt_db_per_octave: float | None = None
    telephone: bool | None = None
    codec: tuple[str, float] | None = None


def draw(config: AugmentConfig, rng: np.random.Generator) -> Augmentation:
    """Draw one copy's parameters.

    Everything is drawn, also what does not happen: a kind more changes nothing of the others.
    """
    stretch = rng.uniform(1 - config.max_stretch, 1 + config.max_stretch)
    pitch = rng.uniform(-config.max_pitch_semitones, config.max_pitch_semitones)
    noise = rng.uniform(config.min_noise, config.max_noise)
    happens = rng.random(3) < config.probability
    noise_seed = int(rng.integers(2**32))
    drawn = {
        "speed_rate": rng.uniform(1 - config.max_speed, 1 + config.max_speed),
        "vocal_tract": rng.uniform(1 - config.max_vocal_tract, 1 + config.max_vocal_tract),
        "room": _draw_room(config, rng),
        "background": Background(
            str(rng.choice(list(config.backgrounds))),
            rng.uniform(config.min_snr_db, config.max_snr_db),
            rng.random(),
            int(rng.integers(2**32)),
        ),
        "gain_db": rng.uniform(-config.max_gain_db, config.max_gain_db),
        "tilt_db_per_octave": rng.uniform(-1, 1) * config.max_tilt_db_per_octave,
        "telephone": True,
        "codec": (str(rng.choice(list(config.codecs))), rng.uniform(0, config.max_compression)),
    }
    probabilities = [
        config.speed_probability,
        config.vocal_tract_probability,
        config.room_probability,
        config.background_probability,
        config.gain_probability,
        config.tilt_probability,
        config.telephone_probability,
        config.codec_probability,
    ]
    chosen = rng.random(len(drawn)) < probabilities
    return Augmentation(
        stretch if happens[0] else None,
        pitch if happens[1] else None,
        noise if happens[2] else None,
        noise_seed,
        **{name: drawn[name] for name, yes in zip(drawn, chosen, strict=True) if yes},
    )


def _draw_room(config: AugmentConfig, rng: np.random.Generator) -> Room:
    """From a bathroom to a large office; nobody stands in a wall."""
    size = rng.uniform((2, 2, 2.2), (8, 6, 3.5))
    speaker, microphone = rng.uniform(0.15, 0.85, (2, 3))
    rt60_s = rng.uniform(config.min_rt60_s, config.max_rt60_s)
    return Room(*(tuple(map(float, values)) for values in (size, speaker, microphone)), rt60_s)


def apply(waveform: np.ndarray, augmentation: Augmentation) -> np.ndarray:
    """Change a waveform (n_samples,) at 16 kHz on its way: voice, room, microphone, line."""
    a = augmentation
    if a.speed_rate is not None:
        waveform = voices.speed(waveform, a.speed_rate)
    if a.stretch_rate is not None:
        waveform = voices.stretch(waveform, a.stretch_rate)
    if a.pitch_semitones is not None:
        waveform = voices.shift_pitch(waveform, a.pitch_semitones)
    if a.vocal_tract is not None:
        waveform = voices.warp_vocal_tract(waveform, a.vocal_tract)
    if a.room is not None:
        waveform = effects.reverberate(waveform, a.room)
    if a.background is not None:
        noise = background_noise(a.background, len(waveform))
        louder_db = HUM_LOUDER_DB if a.background.kind == "hum" else 0.0
        waveform = effects.add_noise(waveform, noise, a.background.snr_db - louder_db)
    if a.noise_factor is not None:
        noise = np.random.default_rng(a.noise_seed).standard_normal(len(waveform))
        waveform = waveform / np.abs(waveform).max() + a.noise_factor * noise
    if a.gain_db is not None:
        waveform = effects.gain(waveform, a.gain_db)
    if a.tilt_db_per_octave is not None:
        waveform = effects.tilt(waveform, a.tilt_db_per_octave)
    if a.telephone is not None:
        waveform = effects.telephone(waveform)
    if a.codec is not None:
        waveform = effects.lossy(waveform, *a.codec)
    return waveform.astype(np.float32)


def background_noise(background: Background, n_samples: int) -> np.ndarray:
    """Noise (n_samples,): white, pink (3 dB less an octave), hum, or a piece of a clip."""
    rng = np.random.default_rng(background.seed)
    if background.kind == "clips":
        files = noise_files()
        clip = _noise_clip(files[int(background.place * len(files))])
        return np.resize(np.roll(clip, -int(rng.integers(len(clip)))), n_samples)
    if background.kind == "white":
        return rng.standard_normal(n_samples)
    if background.kind == "hum":
        return effects.mains_hum(n_samples, rng)
    return effects.coloured_noise(n_samples, 1, rng)


@lru_cache(maxsize=256)
def _noise_clip(path: Path) -> np.ndarray:
    return load_audio(path)
