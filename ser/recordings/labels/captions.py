"""A line or two for each segment that has a label: Audacity, WebVTT, SubRip, RTTM."""

import re
from collections.abc import Iterator
from pathlib import Path

from ser.recordings.timeline import Segment, Timeline

# What tables' readers take for a missing value, in any spelling
MISSING = {"", "na", "n/a", "nan", "none", "null", "<na>", "#n/a"}


def _labelled(timeline: Timeline) -> Iterator[tuple[Segment, str]]:
    """Segments with a label, and the label with the channel, where there are several."""
    for segment in timeline.segments:
        if segment.label is not None:
            name = segment.label
            yield segment, name if segment.channel is None else f"channel {segment.channel}: {name}"


def audacity(timeline: Timeline, _file: str, path: Path) -> None:
    """Audacity's labels: start, end and label, between tabs."""
    lines = [f"{s.start_s:.6f}\t{s.end_s:.6f}\t{label}\n" for s, label in _labelled(timeline)]
    path.write_text("".join(lines), encoding="utf-8")


def webvtt(timeline: Timeline, _file: str, path: Path) -> None:
    """WebVTT, https://www.w3.org/TR/webvtt1/.

    No cue has an identifier: one reader appends it to the cue before.
    """
    cues = [
        f"\n{_clock(s.start_s, '.')} --> {_clock(s.end_s, '.')}\n{_said(s, label)}\n"
        for s, label in _labelled(timeline)
    ]
    path.write_text("WEBVTT\n" + "".join(cues), encoding="utf-8")


def subrip(timeline: Timeline, _file: str, path: Path) -> None:
    """SubRip: number, times, text."""
    cues = [
        f"{number}\n{_clock(s.start_s, ',')} --> {_clock(s.end_s, ',')}\n{_said(s, label)}\n"
        for number, (s, label) in enumerate(_labelled(timeline), 1)
    ]
    path.write_text("\n".join(cues), encoding="utf-8")


def rttm(timeline: Timeline, file: str, path: Path) -> None:
    """NIST's Rich Transcription Time Marked, with the emotion in the speaker's place.

    https://github.com/nryant/dscore#rttm tells the ten fields. The file's name loses its suffix and
    its spaces, which divide fields.
    """
    name = re.sub(r"\s", "_", Path(file).stem)
    name = f"file-{name}" if name.lower() in MISSING else name
    lines = []
    for segment, _ in _labelled(timeline):
        start_ms, end_ms = round(1e3 * segment.start_s), round(1e3 * segment.end_s)
        times = f"{start_ms / 1e3:.3f} {(end_ms - start_ms) / 1e3:.3f}"
        place = f"SPEAKER {name} {segment.channel or 1} {times}"
        lines.append(f"{place} <NA> <NA> {segment.label} <NA> <NA>\n")
    path.write_text("".join(lines), encoding="utf-8")


def _said(segment: Segment, label: str) -> str:
    return f"{label}, {100 * segment.confidence:.0f} %"


def _clock(seconds: float, point: str) -> str:
    minutes, ms = divmod(round(1e3 * seconds), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}{point}{ms % 1000:03d}"
