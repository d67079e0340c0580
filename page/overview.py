"""A timeline as the page shows it: drawn, as a table, and as files to take away."""

import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from page import drawn
from page.answer import bars
from page.language import ENGLISH, Say
from ser.adaptation import Setting
from ser.labels import EMOTIONS, LABELS
from ser.recordings.labels import NAMES, write_labels
from ser.recordings.reading import clock
from ser.recordings.timeline import TRACK_S, Timeline
from ser.recordings.whole_files import OutputError

PEAK_S = 0.05  # of a recording in one stroke of its waveform
MAX_PEAKS, MAX_COLUMNS = 4000, 4000
FACES = {emotion.name: emotion.emoji for emotion in EMOTIONS}


@dataclass(frozen=True)
class Heard:
    """A recording that was heard: what was said of it, and what the visitor says.

    `adapted` is the same judged by a model that knows this recording's own statistics; `mine` is
    what the visitor hears in an utterance, by its number.
    """

    path: str
    plain: Timeline
    envelope: "Envelope"
    setting: Setting
    times: float
    adapted: Timeline | None = None
    mine: Mapping[int, str] = field(default_factory=dict)
    files: Sequence[str] = ()

    @property
    def shown(self) -> Timeline:
        """What the page shows of it."""
        return self.adapted or self.plain


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


def picture(
    timeline: Timeline, envelope: Envelope, source: str, asks: bool, say: Say = ENGLISH
) -> str:
    """Waveform, stacked probabilities and labels, to look at, zoom and play.

    `asks`: where nobody was heard, a visitor may say that there was speech.
    """
    shown = {
        "duration_s": round(timeline.duration_s, 3),
        "peaks": envelope.peaks(),
        "track": columns(timeline),
        "segments": [
            {"start_s": round(s.start_s, 3), "end_s": round(s.end_s, 3), "label": s.label}
            for s in timeline.segments
        ],
        "asks": asks,
    }
    told = say(
        "{duration} of sound: above, the probability of each expression over time, grey where "
        "nobody speaks; below, each utterance's label, then the waveform. The table tells the "
        "same.",
        duration=clock(timeline.duration_s),
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


def shares(timeline: Timeline, say: Say = ENGLISH) -> str:
    """How much of the speech seems to express what; never one label for all of it."""
    if not timeline.segments:
        return ""
    chips = "".join(
        f"<div><dt>{FACES[name]} {say(name)}</dt><dd>{say.percent(share)}</dd></div>"
        for name, share in sorted(timeline.shares().items(), key=lambda pair: -pair[1])
        if share > 0
    )
    return f'<h3>{say("Share of the time of speech")}</h3><dl class="chips">{chips}</dl>'


def change(before: Timeline, after: Timeline, say: Say = ENGLISH) -> str:
    """The shares by emotion before and after adapting."""
    pair = [np.array([one.shares()[name] for name in LABELS]) for one in (before, after)]
    names = say("before"), say("adapted")
    return bars(*pair, names, say("Share of the time of speech, before and after adapting"), say)


def n_changed(before: Timeline, after: Timeline) -> int:
    """How many utterances sound otherwise than before; both have the same ones."""
    pairs = zip(before.segments, after.segments, strict=True)
    return sum(one.label != other.label for one, other in pairs)


def summary(timeline: Timeline, say: Say = ENGLISH) -> str:
    """What was found, in a sentence or two."""
    n = len(timeline.segments)
    if not n:
        return say("No speech heard: nobody seems to speak in it.")
    found = say.many(
        "{n} utterance, {speech} of speech in {duration}.",
        "{n} utterances, {speech} of speech in {duration}.",
        n,
        speech=clock(timeline.speech_s),
        duration=clock(timeline.duration_s),
    )
    if len(timeline.channels) > 1:
        voices = say(
            "The channels were heard each by itself. Voices in one channel are not told apart: an "
            "utterance may be anybody's."
        )
    else:
        voices = say("Voices are not told apart: an utterance may be anybody's.")
    return f"{found} {voices}"


def table(timeline: Timeline, heard: Mapping[int, str], say: Say = ENGLISH) -> str:
    """Every utterance in a row, to play, to correct, and to filter in the browser.

    `heard` has what the visitor hears in some of them, by their number.
    """
    if not timeline.segments:
        return ""
    rows = "".join(_rows(timeline, heard, say))
    names = ["play", "start", "end", "sounds", "how sure", "you hear"]
    if _is_split(timeline):
        names.insert(3, "channel")
    head = "".join(f'<th scope="col">{say(name)}</th>' for name in names)
    return (
        f'<voice-table data-for="long"><table class="rows"><caption>{say("Utterances")}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></voice-table>"
    )


def _is_split(timeline: Timeline) -> bool:
    return timeline.channels != [None]


def _rows(timeline: Timeline, heard: Mapping[int, str], say: Say) -> Iterator[str]:
    for number, s in enumerate(timeline.segments):
        start, end = clock(s.start_s), clock(s.end_s)
        label = f"{FACES[s.label]} {say(s.label)}" if s.label else say("no speech")
        channel = f"<td>{s.channel}</td>" if _is_split(timeline) else ""
        sure = say.percent(s.confidence) if s.label else ""
        play = say("Play {start} to {end}", start=start, end=end)
        ask = say("I hear …") if s.label else say("This was speech")
        told = say("{ask}: {start} to {end}", ask=ask, start=start, end=end)
        if number in heard:
            ask = named(heard[number], say)
        yield (
            f'<tr data-number="{number}" data-start="{s.start_s:.3f}" data-end="{s.end_s:.3f}" '
            f'data-label="{s.label or ""}" data-sure="{s.confidence or 0:.3f}">'
            f'<td><button type="button" class="small" aria-label="{play}">▶</button></td>'
            f"<td>{start}</td><td>{end}</td>{channel}<td>{label}</td><td>{sure}</td>"
            f'<td><button type="button" class="small" data-ask aria-label="{told}">{ask}</button>'
            "</td></tr>"
        )


def named(heard: str, say: Say = ENGLISH) -> str:
    """What a visitor hears, as a row of the table has it."""
    return f"{FACES[heard]} {say(heard)}" if heard in FACES else say("can't tell")


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


def corrections(timeline: Timeline, path: str, folder: str | None, heard: Mapping[int, str]) -> str:
    """A file with what a visitor hears beside what the model said, a row for each such utterance.

    `heard` has it by the utterance's number.
    """
    target = Path(tempfile.mkdtemp(dir=folder)) / f"{Path(path).stem[:100]}.heard.csv"
    with target.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["start_s", "end_s", "channel", "label", "heard"])
        for number, name in sorted(heard.items()):
            s = timeline.segments[number]
            rows.writerow([f"{s.start_s:.3f}", f"{s.end_s:.3f}", s.channel, s.label, name])
    return str(target)
