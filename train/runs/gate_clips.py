"""What a speech head learns from and is judged on: voices, voices in noise, and other sounds.

Every clip goes the way of the pipeline: its windows by the detector, their features, and the
statistics of a frozen encoder.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ser.features import FeatureConfig, extract
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.windows import hear
from train.clips.background_sounds import BABBLE, babblers, babbling
from train.clips.batches import judged_by_length
from train.clips.effects import add_noise
from train.clips.made_sounds import MADE, babble, whispered
from train.cores import on_all_cores
from train.corpora import CORPORA, content_hash, data_root
from train.corpora.sounds import sound_files
from train.fit.kept_statistics import fingerprint
from train.places import cache_root

LEARNT = ("ravdess", "ravdess-song", "cremad", "emodb", "emovo")
MEASURED_ONLY = ("tess",)  # its licence allows no derived works
N_CLIPS = 250  # of each corpus, besides the shouts
N_WHISPERED = 60
WHISPERED = ("ravdess", "cremad", "emodb", "emovo")
SHOUTS = ("cremad", "angry", "high")  # corpus, emotion, intensity: all of them
N_FOLDS = 5
N_MADE = 60  # of each kind of sound
N_CUTS, CUT_S = 20, 5.0  # at most, out of one file
MAX_CUTS = 100  # of one class
CLIPS_AT_ONCE = 600  # whose windows are in memory
LEAST_SNR_DB, MOST_SNR_DB = 0.0, 20.0  # of what is only learnt

CLEAN, IN_NOISE, AT_0_DB, WHISPER = "clean", "in noise", "0 dB SNR", "whispered (synthetic)"


@dataclass(frozen=True)
class GateClip:
    """One sound: which it is, and what must stay apart from what.

    `group` is a corpus or a class of sounds. `background` is the class of the sound that was added
    `snr_db` below the voice. `fold` is that of the speaker, -1 for sounds, and for corpora that are
    only measured. `start_s` is where a cut of a long file begins.
    """

    name: str
    path: str
    group: str
    condition: str = CLEAN
    background: str | None = None
    snr_db: float | None = None
    fold: int = -1
    is_voice: bool = True
    speaker: str = ""
    sex: str = ""
    emotion: str = ""
    intensity: str | None = None
    start_s: float | None = None


@dataclass(frozen=True)
class Heard:
    """Windows of all clips: `statistics` (n_windows, n), `speech_s` and `clip` (n_windows,).

    `speech_s` is what the detector found there, 0 where it found nothing and the loudest part was
    taken; `clip` is the number of the clip in `clips`.
    """

    clips: list[GateClip]
    statistics: torch.Tensor
    speech_s: np.ndarray
    clip: np.ndarray


def fold_of(classes: Sequence[str], sound: str) -> int:
    """The fifth of the speakers that is left out together with a class of sounds."""
    return list(classes).index(sound) % N_FOLDS


def sound_classes() -> list[str]:
    """Every class of sounds, found or made."""
    return sorted({*sound_files(), *MADE, BABBLE})


def gate_clips() -> list[GateClip]:
    """All clips, the same on every machine that has the same files."""
    classes = sound_classes()
    voices = []
    for name in (*LEARNT, *MEASURED_ONLY):
        voices += _voices(name)
    return [*voices, *_in_noise(voices, classes), *_whispered(voices), *_sounds()]


def _voices(name: str) -> list[GateClip]:
    """Clean clips of a corpus that is at hand."""
    utterances = sorted(CORPORA[name](data_root()), key=lambda u: u.stem)
    speakers = sorted({u.speaker for u in utterances})
    kept = [u for u in utterances if u.speaker not in babbling(utterances)]
    rng = np.random.default_rng(0)
    chosen = {kept[n].stem for n in rng.permutation(len(kept))[:N_CLIPS]}
    chosen |= {u.stem for u in kept if (u.corpus, u.emotion, u.intensity) == SHOUTS}
    return [
        GateClip(
            name=u.stem,
            path=str(u.path),
            group=name,
            fold=-1 if name in MEASURED_ONLY else speakers.index(u.speaker) % N_FOLDS,
            speaker=u.speaker,
            sex=u.sex,
            emotion=u.emotion,
            intensity=u.intensity,
        )
        for u in kept
        if u.stem in chosen
    ]


def _in_noise(voices: Sequence[GateClip], classes: Sequence[str]) -> list[GateClip]:
    """Each voice once in any class of noise, to learn from, and once at 0 dB, to be judged as well.

    A class that is left out with the voice's fold makes the noise at 0 dB: neither was heard then.
    """
    found = []
    for voice in voices:
        rng = np.random.default_rng((1, zlib.crc32(voice.name.encode())))
        if voice.fold >= 0:
            snr_db = float(rng.uniform(LEAST_SNR_DB, MOST_SNR_DB))
            sound = str(rng.choice(classes))
            found.append(_with(voice, IN_NOISE, background=sound, snr_db=snr_db))
        unheard = [c for c in classes if voice.fold in (-1, fold_of(classes, c))]
        found.append(_with(voice, AT_0_DB, background=str(rng.choice(unheard)), snr_db=0.0))
    return found


def _whispered(voices: Sequence[GateClip]) -> list[GateClip]:
    return [
        _with(voice, WHISPER)
        for name in WHISPERED
        for voice in [v for v in voices if v.group == name][:: N_CLIPS // N_WHISPERED]
    ]


def _with(voice: GateClip, condition: str, **more: object) -> GateClip:
    return GateClip(**{**asdict(voice), "condition": condition, **more})


def _sounds() -> list[GateClip]:
    """Sounds that are no voice; long ones in pieces."""
    found = [
        GateClip(f"{kind}-{n}", "", kind, is_voice=False)
        for kind in (*MADE, BABBLE)
        for n in range(N_MADE)
    ]
    for kind, files in sound_files().items():
        most = max(1, min(N_CUTS, MAX_CUTS // len(files)))
        for path in files:
            seconds = len(_sound(str(path))) / SAMPLE_RATE
            n_cuts = max(1, min(most, int(seconds / CUT_S)))
            for start_s in np.linspace(0, max(0.0, seconds - CUT_S), n_cuts):
                name = f"{path.stem}-{start_s:.0f}" if n_cuts > 1 else path.stem
                cut_s = None if n_cuts == 1 else float(start_s)
                found.append(GateClip(name, str(path), kind, is_voice=False, start_s=cut_s))
    return found


@cache
def _sound(path: str) -> np.ndarray:
    return load_audio(path)


@cache
def _files() -> dict[str, list[Path]]:
    return sound_files()


def _piece(kind: str, rng: np.random.Generator) -> np.ndarray:
    """A sound of a class."""
    if kind in MADE:
        return MADE[kind](rng)
    if kind == BABBLE:
        return babble(babblers(), rng)
    files = _files()[kind]
    sound = _sound(str(files[rng.integers(len(files))]))
    return np.roll(sound, -int(rng.integers(len(sound))))


def waveform_of(clip: GateClip) -> np.ndarray:
    """The clip's samples (n,), the same whenever it is asked for."""
    rng = np.random.default_rng((2, zlib.crc32(f"{clip.name} {clip.condition}".encode())))
    if not clip.path:
        return _piece(clip.group, rng)
    if not clip.is_voice:
        start = round((clip.start_s or 0.0) * SAMPLE_RATE)
        stop = None if clip.start_s is None else start + round(CUT_S * SAMPLE_RATE)
        return _sound(clip.path)[start:stop]
    waveform = load_audio(clip.path)
    if clip.condition == WHISPER:
        return whispered(waveform, rng)
    if clip.background is not None:
        noise = np.resize(_piece(clip.background, rng), len(waveform))
        return add_noise(waveform, noise, clip.snr_db)
    return waveform


def hear_all(model: nn.Module, features: FeatureConfig, clips: list[GateClip]) -> Heard:
    """Statistics of all windows of all clips, computed once for an encoder and kept."""
    told = {
        "model": fingerprint(model),
        "features": features.to_dict(),
        "clips": [asdict(c) | {"path": c.path and content_hash(Path(c.path))} for c in clips],
    }
    name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    path = cache_root() / f"gate-{name}.npz"
    if not path.exists():
        parts = [
            _part(model, features, clips[start : start + CLIPS_AT_ONCE])
            for start in range(0, len(clips), CLIPS_AT_ONCE)
        ]
        n_windows = np.concatenate([counts for _, _, counts in parts])
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.npz")
        np.savez(
            part,
            statistics=np.concatenate([statistics for statistics, _, _ in parts]),
            speech_s=np.concatenate([speech_s for _, speech_s, _ in parts]),
            clip=np.repeat(np.arange(len(clips)), n_windows),
        )
        part.replace(path)
    with np.load(path) as kept:
        statistics = torch.from_numpy(kept["statistics"])
        return Heard(clips, statistics, kept["speech_s"], kept["clip"])


def _part(
    model: nn.Module, features: FeatureConfig, clips: Sequence[GateClip]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Statistics and seconds of speech of the windows of some clips, and how many each has."""
    seen = on_all_cores(_windows, [(c, features) for c in clips], "windows of each clip")
    frames = [torch.from_numpy(window) for windows in seen for window, _ in windows]
    with torch.inference_mode():
        found = judged_by_length(model.statistics, frames, model.embedding_size).numpy()
    speech_s = np.array([speech_s for windows in seen for _, speech_s in windows])
    return found, speech_s, np.array([len(windows) for windows in seen])


def _windows(job: tuple[GateClip, FeatureConfig]) -> list[tuple[np.ndarray, float]]:
    """Features (n_frames, n_features) of each window of a clip, and its seconds of speech."""
    clip, features = job
    heard = hear(waveform_of(clip), features.version)
    found = heard.speech_s is None or heard.speech_s > 0
    return [(extract(w.samples, features), w.speech_s if found else 0.0) for w in heard.windows]
