"""A part of a clip, cut out to be judged as a clip of its own."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import soundfile

from ser.sound.audio import SAMPLE_RATE, load_audio


@dataclass(frozen=True)
class Part:
    """Where a clip comes from: `path` holds the sound of `whole` from `start_s` on."""

    path: str
    whole: str
    start_s: float


def origin(path: str | None, part: Part | None) -> Part | None:
    """The part that a sound is; None where it is a whole clip."""
    return part if part and part.path == path else None


def chosen(path: str, part: Part | None, choice: dict) -> tuple[str, Part | None]:
    """What of a sound is judged: `start_s` to `end_s` of it, or where it has none, the whole."""
    if not choice:
        return (part.whole if part else path), None
    part = cut(path, choice["start_s"], choice["end_s"], part)
    return part.path, part


def cut(path: str, start_s: float, end_s: float, before: Part | None) -> Part:
    """Write a part of a clip, which may be a part itself, as a file.

    Times are those of `path`. Raises AudioError and FileNotFoundError as reading does.
    """
    offset_s, whole = (before.start_s, before.whole) if before else (0.0, path)
    start_s, end_s = max(0.0, start_s) + offset_s, end_s + offset_s
    samples = load_audio(whole)[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
    target = folder / f"{Path(whole).stem[:100]}-{start_s:.2f}-{end_s:.2f}.wav"
    soundfile.write(target, samples, SAMPLE_RATE, subtype="FLOAT")
    return Part(str(target), whole, start_s)
