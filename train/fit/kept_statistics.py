"""What a frozen encoder finds in clips, computed once: every fold and seed asks for the same."""

import hashlib
import os
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from train.clips.batches import judged_by_length
from train.places import cache_root


def frozen_statistics(model: nn.Module, clips: Sequence[torch.Tensor]) -> torch.Tensor:
    """`model.statistics` of clips (n_frames, n_features): (n, model.embedding_size) float32.

    The model has an `encoder` that nothing trains. Clips are known by what they hold.
    """
    path = cache_root() / f"statistics-{fingerprint(model)}.npz"
    kept = dict(np.load(path)) if path.exists() else {}
    names = [hashlib.sha256(clip.numpy().tobytes()).hexdigest()[:24] for clip in clips]
    new = {name: clip for name, clip in zip(names, clips, strict=True) if name not in kept}
    if new:
        found = judged_by_length(model.statistics, list(new.values()), model.embedding_size)
        kept |= dict(zip(new, found.numpy(), strict=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.npz")
        np.savez(part, **kept)
        part.replace(path)
    return torch.from_numpy(np.stack([kept[name] for name in names]))


def fingerprint(model: nn.Module) -> str:
    """Of the encoder's weights, and of which of its states are looked at."""
    digest = hashlib.sha256(str(model.layers).encode())
    for name, tensor in sorted(model.encoder.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()[:16]
