"""Feature cache, batches with masks."""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ser.audio import load_audio
from ser.features import FeatureConfig, extract, read_frames
from train import augment
from train.augment import AugmentConfig
from train.cores import on_all_cores
from train.corpora import Utterance, content_hash
from train.perturb import PerturbConfig, draw_frames, mixup, perturb
from train.targets import Targets

BATCHES_PER_BUCKET = 8
JUDGED_AT_ONCE = 32


def cache_root() -> Path:
    """Where features are kept: `SER_CACHE`, else ~/.cache/ser/features."""
    return Path(os.environ.get("SER_CACHE") or Path.home() / ".cache/ser/features").expanduser()


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
            self.copies = _cached(utterances, features, augmentation, drawn_by)

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
        "augmentation": augmentation and asdict(augmentation),
        "seed": seed,
        "files": [(u.stem, content_hash(u.path)) for u in utterances],
    }
    if augmentation and augmentation.needs_noise:
        key["noise"] = [content_hash(path) for path in augment.noise_files()]
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
    waveform = load_audio(utterance.path)
    if augmentation is None:
        return [Kept.of(extract(waveform, features))]
    clip_number = zlib.crc32(utterance.stem.encode())
    waveforms = (
        augment.apply(
            waveform, augment.draw(augmentation, np.random.default_rng((seed, clip_number, copy)))
        )
        for copy in range(augmentation.copies)
    )
    return [Kept.of(extract(copy, features)) for copy in waveforms]


class Batch(NamedTuple):
    """Clips padded to `features` (batch, frames, n_features), `mask` (batch, frames), `targets`."""

    features: torch.Tensor
    mask: torch.Tensor
    targets: Targets


def collate(
    clips: Sequence[torch.Tensor], length_step: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad clips (n_frames, n_features) to (batch, frames, features), mask (batch, frames).

    The number of frames is rounded up to a multiple of `length_step`.
    """
    lengths = torch.tensor([len(clip) for clip in clips])
    n_frames = -(-int(lengths.max()) // length_step) * length_step
    features = torch.zeros(len(clips), n_frames, clips[0].shape[1])
    for row, clip in zip(features, clips, strict=True):
        row[: len(clip)] = clip
    return features, torch.arange(features.shape[1]) < lengths.unsqueeze(1)


def batches_by_length(clips: Sequence[torch.Tensor], batch_size: int) -> Iterator[list[int]]:
    """The indices of all clips, those of like length together: little padding."""
    order = sorted(range(len(clips)), key=lambda i: len(clips[i]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def judged_by_length(
    judge: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    clips: Sequence[torch.Tensor],
    n_columns: int,
) -> torch.Tensor:
    """What `judge` says of batches of clips (n_frames, n_features): (n_clips, `n_columns`)."""
    rows = torch.empty(len(clips), n_columns)
    for chosen in batches_by_length(clips, JUDGED_AT_ONCE):
        rows[chosen] = judge(*collate([clips[i] for i in chosen]))
    return rows


def training_batches(
    utterances: Sequence[Utterance],
    targets: Targets,
    store: FeatureStore,
    batch_size: int,
    rng: np.random.Generator,
    config: PerturbConfig,
    sampling: Mapping[str, float],
    length_step: int = 1,
    clean_share: float = 0.0,
) -> Iterator[tuple[float, Batch]]:
    """One epoch of batches in random order, each with the share of the epoch that is over.

    `targets` are those of `utterances`. Clips are shuffled, sorted by length within
    `BATCHES_PER_BUCKET` batches and the batches shuffled again: less padding, a third of the time
    saved. `sampling`: see `sample`; `length_step`: see `collate`; `clean_share`: see
    `FeatureStore.draw`.
    """
    numbers = sample(utterances, sampling, rng) if sampling else range(len(utterances))
    clips = [store.draw(utterances[n], rng, clean_share) for n in numbers]
    order = rng.permutation(len(clips))
    batches = []
    for bucket in np.array_split(
        order, max(1, round(len(order) / (BATCHES_PER_BUCKET * batch_size)))
    ):
        by_length = sorted(bucket, key=lambda i: len(clips[i]))
        starts = list(range(0, len(bucket), batch_size))
        if len(bucket) % batch_size == 1 < len(bucket):
            starts.pop()  # a batch of one has no deviation to normalise by: its clip joins another
        batches += [by_length[i:j] for i, j in pairwise([*starts, len(bucket)])]
    for number_done, number in enumerate(rng.permutation(len(batches))):
        chosen = batches[number]
        batch = _training_batch(
            [clips[i] for i in chosen],
            targets.only([numbers[i] for i in chosen]),
            config,
            rng,
            length_step,
        )
        yield number_done / len(batches), batch


def _training_batch(
    clips: Sequence[np.ndarray],
    targets: Targets,
    config: PerturbConfig,
    rng: np.random.Generator,
    length_step: int,
) -> Batch:
    read = []
    for clip in map(torch.from_numpy, clips):
        places = draw_frames(len(clip), config, rng)
        read.append(clip if places is None else read_frames(clip.float(), places))
    features, mask = collate(read, length_step)
    perturb(features, mask, config, rng)
    if config.mixup_alpha:
        return Batch(*mixup(features, mask, targets, config.mixup_alpha, rng))
    return Batch(features, mask, targets)


def sample(
    utterances: Sequence[Utterance], shares: Mapping[str, float], rng: np.random.Generator
) -> list[int]:
    """Indices of the clips of one epoch: of each corpus this share, drawn without replacement.

    Corpora that `shares` does not name take part whole; 2.5 is every clip twice and half of them a
    third time.
    """
    chosen = []
    for corpus in sorted({u.corpus for u in utterances}):
        members = [n for n, u in enumerate(utterances) if u.corpus == corpus]
        whole, rest = divmod(shares.get(corpus, 1.0) * len(members), len(members))
        drawn = rng.choice(members, round(rest), replace=False).tolist()
        chosen += members * int(whole) + drawn
    return sorted(chosen)
