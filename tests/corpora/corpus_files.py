"""Files that stand for a corpus on disk."""

from pathlib import Path

import numpy as np
import soundfile

from ser.sound.audio import SAMPLE_RATE

PUBLIC = ("ravdess", "ravdess-song", "cremad", "tess", "emodb", "emovo")  # free for all


def touch(path: Path, data: bytes = b"x") -> None:
    """Write what only has to be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_tone(path: Path, frequency_hz: float, duration_s: int = 1) -> None:
    """Write a sound, in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(duration_s * SAMPLE_RATE) / SAMPLE_RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * frequency_hz * t), SAMPLE_RATE)
