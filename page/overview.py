"""A timeline as the page shows it: drawn, as a table, and as files to take away."""

import html
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from page import drawn
from ser.labels import EMOTIONS
from ser.plots import percent
from ser.recordings.labels import NAMES, write_labels
from ser.recordings.reading import clock
from ser.recordings.timeline import TRACK_S, Timeline
from ser.recordings.whole_files import OutputError

PEAK_S = 0.05  # of a recording in one stroke of its waveform
MAX_PEAKS, MAX_COLUMNS = 4000, 4000
FACES = {emotion.name: emotion.emoji for emotion in EMOTIONS}


class Envelope:
    """The lowest and highest sample of each `PEAK_S`, from blocks as they are read."""

    def __init__(self) -> None:
        self._extremes: list[np.ndarray] = []
        self._rest = np.zeros(0, np.float32)

    def push(self, block: np.ndarray, rate_hz: int) -> None:
        """Take the next samples (n, n_channels)."""
        samples = np.concatenate([self._rest, block.mean(axis=1)])
        size = max(1, round(PEAK_S * rate_hz))
        n = len(samples) // size
        whole, self._rest = samples[: n * size].reshape(n, size), samples[n * size :]
        self._extremes.append(np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1))

    def peaks(self) -> list[list[int]]:
        """The whole waveform in percent of its loudest, at most `MAX_PEAKS` strokes."""
        last = [[self._rest.min(), self._rest.max()]] if len(self._rest) else np.zeros((0, 2))
        extremes = np.concatenate([*self._extremes, last])
        edges = np.linspace(0, len(extremes), min(len(extremes), MAX_PEAKS) + 1).astype(int)[:-1]
        lows = np.minimum.reduceat(extremes[:, 0], edges)
        highs = np.maximum.reduceat(extremes[:, 1], edges)
        return drawn.scaled(np.stack([lows, highs], axis=1))


def picture(timeline: Timeline, envelope: Envelope, source: str) -> str:
    """Waveform, stacked probabilities and labels, to look at, zoom and play."""
    shown = {
        "duration_s": round(timeline.duration_s, 3),
        "peaks": envelope.peaks(),
        "track": columns(timeline),
        "segments": [
            {"start_s": round(s.start_s, 3), "end_s": round(s.end_s, 3), "label": s.label}
            for s in timeline.segments
        ],
    }
    told = (
        f"{clock(timeline.duration_s)} of sound: above, the probability of each expression over "
        "time, grey where nobody speaks; below, each utterance's label, then the waveform. The "
        "table tells the same."
    )
    return drawn.timeline(shown, told, source)


def columns(timeline: Timeline) -> list[list[int] | None]:
    """The eight probabilities in percent over time, of the channel that speaks; None in silence."""
    track = timeline.track(timeline.channels[0])[1]
    for channel in timeline.channels[1:]:
        other = timeline.track(channel)[1]
        track = np.where(np.isnan(track), other, track)
    step = max(1, -(-len(track) // MAX_COLUMNS))
    lasting = max(1, round(timeline.duration_s / TRACK_S))
    return [
        None if np.isnan(row[0]) else np.round(100 * row).astype(int).tolist()
        for row in track[:lasting:step]
    ]


def shares(timeline: Timeline) -> str:
    """How much of the speech seems to express what; never one label for all of it."""
    if not timeline.segments:
        return ""
    chips = "".join(
        f"<div><dt>{FACES[name]} {name}</dt><dd>{percent(share)}</dd></div>"
        for name, share in sorted(timeline.shares().items(), key=lambda pair: -pair[1])
        if share > 0
    )
    return f'<h3>Share of the time of speech</h3><dl class="chips">{chips}</dl>'


def summary(timeline: Timeline) -> str:
    """What was found, in a sentence or two."""
    n = len(timeline.segments)
    if not n:
        return "No speech heard: nobody seems to speak in it."
    several = len([channel for channel in timeline.channels if channel is not None]) > 1
    voices = (
        "The channels were heard each by itself."
        if several
        else "Voices are not told apart: an utterance may be anybody's."
    )
    return (
        f"{n} utterance{'s' * (n > 1)}, {clock(timeline.speech_s)} of speech in "
        f"{clock(timeline.duration_s)}. {voices}"
    )


def table(timeline: Timeline) -> str:
    """Every utterance in a row, to play, and to filter in the browser."""
    if not timeline.segments:
        return ""
    rows = "".join(_rows(timeline))
    channel = '<th scope="col">channel</th>' if _is_split(timeline) else ""
    return (
        '<voice-table data-for="long"><table class="rows"><caption>Utterances</caption><thead>'
        '<tr><th scope="col">play</th><th scope="col">start</th><th scope="col">end</th>'
        f'{channel}<th scope="col">sounds</th><th scope="col">how sure</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></voice-table>"
    )


def _is_split(timeline: Timeline) -> bool:
    return timeline.channels != [None]


def _rows(timeline: Timeline) -> Iterator[str]:
    for number, s in enumerate(timeline.segments):
        start, end = clock(s.start_s), clock(s.end_s)
        label = f"{FACES[s.label]} {s.label}" if s.label else "no speech"
        channel = f"<td>{s.channel}</td>" if _is_split(timeline) else ""
        sure = percent(s.confidence) if s.label else ""
        yield (
            f'<tr data-number="{number}" data-start="{s.start_s:.3f}" data-end="{s.end_s:.3f}" '
            f'data-label="{s.label or ""}" data-sure="{s.confidence or 0:.3f}">'
            f'<td><button type="button" class="small" aria-label="Play {start} to {end}">▶</button>'
            f"</td><td>{start}</td><td>{end}</td>{channel}<td>{label}</td><td>{sure}</td></tr>"
        )


def warnings(timeline: Timeline) -> str:
    """What limits it."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in timeline.warnings)
    return f'<ul class="warnings" aria-label="Warnings">{items}</ul>' if items else ""


def files(timeline: Timeline, path: str, folder: str | None) -> list[str]:
    """The timeline as every file that can be written here, in a new folder below `folder`."""
    own = Path(tempfile.mkdtemp(dir=folder))
    written = []
    for name in NAMES:
        target = own / f"{Path(path).stem[:100]}{name}"
        try:
            write_labels(timeline, Path(path).name, target)
        except OutputError:  # Parquet, where pyarrow is not installed
            continue
        written.append(str(target))
    return written
