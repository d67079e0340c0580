"""Batches with masks, for training and for judging."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from ser.models.stretch import read_frames
from train.clips.perturb import PerturbConfig, draw_frames, mixup, perturb
from train.clips.store import FeatureStore
from train.clips.targets import Targets
from train.corpora import Utterance

BATCHES_PER_BUCKET = 8
JUDGED_AT_ONCE = 32


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
