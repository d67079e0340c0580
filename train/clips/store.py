"""The store of features: each clip's, and its augmented copies', computed once and kept."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser.features import FeatureConfig, extract
from ser.sound.windows import MAX_WINDOW_S, hear
from train.clips import augment
from train.clips.augment import AugmentConfig
from train.cores import on_all_cores
from train.corpora import Utterance, content_hash, load_clip
from train.corpora.noise import noise_files
from train.places import cache_root


class FeatureStore:
    """Features of every clip, and of its augmented copies, computed once.

    A copy's augmentation depends on seed, clip and copy number alone, so the folds of one seed
    share it, and a resumed run sees what the interrupted one saw; where the recipe gives the
    copies a seed of their own, all its runs share them.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        features: FeatureConfig,
        augmentation: AugmentConfig,
        seed: int,
    ):
        self.clean = self.copies = _cached(utterances, features, None, 0)
        if augmentation.copies:
            drawn_by = seed if augmentation.seed is None else augmentation.seed
            copied = [u for u in utterances if u.corpus in (augmentation.corpora or {u.corpus})]
            whatever = replace(augmentation, corpora=())  # which copies of a clip there are
            copies = _cached(copied, features, whatever, drawn_by)
            self.copies = _Clips({**self.clean.kept, **copies.kept})

    def draw(
        self, utterance: Utterance, rng: np.random.Generator, clean_share: float = 0.0
    ) -> np.ndarray:
        """One of the clip's augmented copies, (n_frames, n_features) float32.

        With the probability `clean_share`, the clip as it is.
        """
        if clean_share and rng.random() < clean_share:
            return self.clean[utterance.stem][0]
        copies = self.copies.kept[utterance.stem]
        return copies[rng.integers(len(copies))].frames()


class Kept(NamedTuple):
    """Features of a clip in half the memory: whole steps from the median of each column.

    float16 is less exact (docs/experiments.md), and would blur a column that lies far from zero,
    such as log F0, by a hundredth of what it says. About the median, a column that stands still
    stays as it is.
    """

    steps: np.ndarray
    """(n_frames, n_features) int16."""
    step: np.ndarray
    """(n_features,) float32."""
    median: np.ndarray
    """(n_features,) float32."""

    @classmethod
    def of(cls, frames: np.ndarray) -> "Kept":
        """Keep features (n_frames, n_features) float32."""
        median = np.sort(frames, axis=0)[len(frames) // 2]
        deviations = frames - median
        step = np.abs(deviations).max(axis=0) / np.iinfo(np.int16).max
        steps = np.divide(deviations, step, out=np.zeros_like(frames), where=step > 0)
        return cls(np.rint(steps).astype(np.int16), step, median)

    def frames(self) -> np.ndarray:
        """The features again, (n_frames, n_features) float32."""
        return self.steps * self.step + self.median


class _Clips(Mapping[str, list[np.ndarray]]):
    """Stem -> its arrays, (n_frames, n_features) float32."""

    def __init__(self, kept: Mapping[str, list[Kept]]):
        self.kept = kept

    def __getitem__(self, stem: str) -> list[np.ndarray]:
        return [array.frames() for array in self.kept[stem]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)


def _cached(
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    augmentation: AugmentConfig | None,
    seed: int,
) -> _Clips:
    """Stem -> its arrays, from the cache where that holds them, else computed on all cores.

    Each corpus has a file of its own: recipes share those that they have in common.
    """
    kept = {}
    for corpus in sorted({u.corpus for u in utterances}):
        members = [u for u in utterances if u.corpus == corpus]
        kept |= _cached_corpus(members, features, augmentation, seed)
    return _Clips(kept)


def _cached_corpus(
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    augmentation: AugmentConfig | None,
    seed: int,
) -> dict[str, list[Kept]]:
    key = {
        "kept": Kept._fields,
        "features": features.to_dict(),
        "augmentation": augmentation and _told(augmentation),
        "seed": seed,
        "files": [(u.stem, content_hash(u.path)) for u in utterances],
    }
    if augmentation and augmentation.needs_noise:
        key["noise"] = [content_hash(path) for path in noise_files()]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = cache_root() / f"{name}.npz"
    if not path.exists():
        _compute(path, utterances, features, augmentation, seed)
    with np.load(path) as archive:
        ends = np.cumsum(archive["lengths"])
        steps = np.split(archive["steps"], ends[:-1])
        pieces = map(Kept, steps, archive["step"], archive["median"])
        n_copies = augmentation.copies if augmentation else 1
        return {u.stem: [next(pieces) for _ in range(n_copies)] for u in utterances}


def _told(augmentation: AugmentConfig) -> dict:
    """The settings for a key, as they were before copies could be of some corpora only."""
    return {name: value for name, value in asdict(augmentation).items() if name != "corpora"}


def _compute(
    path: Path,
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    augmentation: AugmentConfig | None,
    seed: int,
) -> None:
    what = "features" if augmentation is None else f"{augmentation.copies} augmented copies"
    jobs = [(u, features, augmentation, seed) for u in utterances]
    done = on_all_cores(_clip_features, jobs, f"{what} of each clip")
    kept = [array for clip in done for array in clip]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(
            file,
            steps=np.concatenate([k.steps for k in kept]),
            step=[k.step for k in kept],
            median=[k.median for k in kept],
            lengths=[len(k.steps) for k in kept],
        )
    part.replace(path)


def _clip_features(job: tuple) -> list[Kept]:
    utterance, features, augmentation, seed = job
    waveform = load_clip(utterance.path)
    if augmentation is None:
        return [Kept.of(extract(main_window(waveform, features), features))]
    clip_number = zlib.crc32(utterance.stem.encode())
    waveforms = (
        augment.apply(
            waveform, augment.draw(augmentation, np.random.default_rng((seed, clip_number, copy)))
        )
        for copy in range(augmentation.copies)
    )
    return [Kept.of(extract(main_window(copy, features), features)) for copy in waveforms]


def main_window(waveform: np.ndarray, features: FeatureConfig) -> np.ndarray:
    """The window of a clip that holds most of its speech; all of the clip for version 1."""
    if features.version == 1:
        return waveform
    windows = hear(waveform, features.version, MAX_WINDOW_S).windows  # a clip is learnt whole
    return max(windows, key=lambda w: w.speech_s).samples
