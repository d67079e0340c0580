"""Feature cache, batches with masks."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ser.audio import load_audio
from ser.features import FeatureConfig, extract
from ser.labels import LABELS
from train import augment
from train.augment import AugmentConfig
from train.corpora import Utterance

N_WORKERS = os.cpu_count() or 1
CLIPS_WORTH_PROCESSES = 500  # starting processes takes seconds
BATCHES_PER_BUCKET = 8


def cache_root() -> Path:
    """Where features are kept: `SER_CACHE`, else ~/.cache/ser/features."""
    return Path(os.environ.get("SER_CACHE") or Path.home() / ".cache/ser/features").expanduser()


def one_thread() -> None:
    """Start a worker process: several of them share the cores better than several threads do."""
    torch.set_num_threads(1)


class FeatureStore:
    """Features of every clip, and of its augmented copies, computed once and kept as float16.

    A copy's augmentation depends on seed, clip and copy number alone, so the folds of one seed
    share it, and a resumed run sees what the interrupted one saw.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        features: FeatureConfig,
        augmentation: AugmentConfig,
        seed: int,
    ):
        self.clean = _cached(utterances, features, None, 0)
        self.copies = (
            _cached(utterances, features, augmentation, seed) if augmentation.copies else self.clean
        )

    def draw(self, utterance: Utterance, rng: np.random.Generator) -> np.ndarray:
        """One of the clip's augmented copies, (n_frames, n_features) float16."""
        copies = self.copies[utterance.stem]
        return copies[rng.integers(len(copies))]


def _cached(
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    augmentation: AugmentConfig | None,
    seed: int,
) -> dict[str, list[np.ndarray]]:
    """Stem -> its arrays, from the cache where that holds them, else computed on all cores."""
    key = {
        "features": features.to_dict(),
        "augmentation": augmentation and asdict(augmentation),
        "seed": seed,
        "files": [(u.stem, u.path.stat().st_size, u.path.stat().st_mtime_ns) for u in utterances],
    }
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = cache_root() / f"{name}.npz"
    if not path.exists():
        _compute(path, utterances, features, augmentation, seed)
    with np.load(path) as archive:
        frames = archive["frames"]
        ends = np.cumsum(archive["lengths"])
    pieces = iter(np.split(frames, ends[:-1]))
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
    with ExitStack() as stack:
        run = map
        if len(jobs) >= CLIPS_WORTH_PROCESSES:
            pool = ProcessPoolExecutor(N_WORKERS, get_context("spawn"), initializer=one_thread)
            run = partial(stack.enter_context(pool).map, chunksize=8)
        done = tqdm(run(_clip_features, jobs), f"{what} of each clip", len(jobs))
        arrays = [array for clip in done for array in clip]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, frames=np.concatenate(arrays), lengths=[len(a) for a in arrays])
    part.replace(path)


def _clip_features(job: tuple) -> list[np.ndarray]:
    utterance, features, augmentation, seed = job
    waveform = load_audio(utterance.path)
    if augmentation is None:
        return [extract(waveform, features).astype(np.float16)]
    clip_number = zlib.crc32(utterance.stem.encode())
    waveforms = (
        augment.apply(
            waveform, augment.draw(augmentation, np.random.default_rng((seed, clip_number, copy)))
        )
        for copy in range(augmentation.copies)
    )
    return [extract(copy, features).astype(np.float16) for copy in waveforms]


def collate(clips: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad arrays (n_frames, n_features) to (batch, frames, features), mask (batch, frames)."""
    longest = max(len(clip) for clip in clips)
    features = torch.zeros(len(clips), longest, clips[0].shape[1])
    mask = torch.zeros(len(clips), longest, dtype=torch.bool)
    for row, clip in enumerate(clips):
        features[row, : len(clip)] = torch.from_numpy(clip.astype(np.float32))
        mask[row, : len(clip)] = True
    return features, mask


def labels_of(utterances: Sequence[Utterance]) -> torch.Tensor:
    """Class indices (n,)."""
    return torch.tensor([LABELS.index(u.emotion) for u in utterances])


def training_batches(
    utterances: Sequence[Utterance],
    store: FeatureStore,
    batch_size: int,
    rng: np.random.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """One epoch of (features, mask, labels), in random order.

    Clips are shuffled, sorted by length within `BATCHES_PER_BUCKET` batches and the batches
    shuffled again: less padding, a third of the time saved.
    """
    labels = labels_of(utterances)
    clips = [store.draw(u, rng) for u in utterances]
    order = rng.permutation(len(clips))
    batches = []
    for bucket in np.array_split(
        order, max(1, round(len(order) / (BATCHES_PER_BUCKET * batch_size)))
    ):
        by_length = sorted(bucket, key=lambda i: len(clips[i]))
        batches += [by_length[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    for number in rng.permutation(len(batches)):
        chosen = batches[number]
        features, mask = collate([clips[i] for i in chosen])
        yield features, mask, labels[chosen]
