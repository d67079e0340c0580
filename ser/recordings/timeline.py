"""Up to three hours -> utterances with their emotions, and never one label for all of it."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from ser.adaptation import Setting
from ser.labels import LABELS, N_LABELS
from ser.pipeline import EmotionPipeline
from ser.recordings.channels import Survey, Voice
from ser.recordings.judged import Answer, judge, named
from ser.recordings.reading import Reading
from ser.recordings.utterances import Utterance, UtteranceCutter
from ser.restriction import checked, sentence
from ser.sound.audio import SILENCE_PEAK_DB
from ser.sound.errors import CancelledError, SilentError
from ser.sound.resampling import Resampler
from ser.sound.sources import AudioSource

TRACK_S = 0.5
HELD_S = 1.0  # of silence between utterances over which a track goes on
NO_SPEECH = "No speech was heard."


@dataclass(frozen=True)
class Segment:
    """An utterance, in seconds of the recording, and what it seems to express.

    `channel` counts from 1; None where the channels were mixed. `probabilities` (8,) are in label
    order; `speech_share` of it is speech. Where that was no voice after all, `label`,
    `probabilities` and `confidence` are None, and `speech_share` is what the detector found.
    """

    start_s: float
    end_s: float
    channel: int | None
    label: str | None
    probabilities: np.ndarray | None
    confidence: float | None
    speech_share: float

    @property
    def speech_s(self) -> float:
        """How much of it is speech; 0 where it was no voice."""
        return self.speech_share * (self.end_s - self.start_s) if self.label else 0.0

    def to_dict(self) -> dict:
        """A segment as in `Timeline.to_dict`."""
        return {
            "start_ms": round(1e3 * self.start_s),
            "end_ms": round(1e3 * self.end_s),
            "channel": self.channel,
            "label": self.label,
            "probabilities": named(self.probabilities),
            "confidence": None if self.confidence is None else round(self.confidence, 6),
            "speech_share": round(self.speech_share, 4),
        }


@dataclass(frozen=True)
class Timeline:
    """A recording's segments by their starts; empty where nobody speaks.

    By `weights` (n_channels,) the file's channels were summed, for each of `channels`.
    """

    segments: list[Segment]
    duration_s: float
    warnings: list[str]
    model: dict[str, str]
    channels: list[int | None] = field(default_factory=lambda: [None])  # heard, as segments have
    weights: list[np.ndarray] = field(default_factory=lambda: [np.ones(1, np.float32)], repr=False)

    @property
    def speech_s(self) -> float:
        """Seconds of speech, added up over the channels."""
        return sum(segment.speech_s for segment in self.segments)

    def shares(self) -> dict[str, float]:
        """The share of each emotion's segments in the time of speech; all 0 where there is none."""
        seconds = dict.fromkeys(LABELS, 0.0)
        for segment in self.segments:
            if segment.label is not None:
                seconds[segment.label] += segment.speech_s
        total = sum(seconds.values())
        return {name: value / total if total else 0.0 for name, value in seconds.items()}

    def track(self, channel: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Times (n,) every 0.5 s, and probabilities (n, 8) to draw there, NaN in silence.

        Interpolated between the middles of one channel's segments, which may be up to a second
        apart: nothing is judged again.
        """
        times_s = np.arange(0.0, self.duration_s, TRACK_S)
        drawn = np.full((len(times_s), N_LABELS), np.nan)
        own = [s for s in self.segments if s.channel == channel and s.label is not None]
        if own:
            middles = [(segment.start_s + segment.end_s) / 2 for segment in own]
            answers = np.array([segment.probabilities for segment in own])
            starts = np.array([segment.start_s for segment in own])
            ends = np.array([segment.end_s for segment in own])
            before = np.searchsorted(starts, times_s, side="right") - 1
            after = np.minimum(before + 1, len(own) - 1)
            gaps = starts[after] - ends[np.maximum(before, 0)]
            is_inside = (before >= 0) & (times_s <= ends[np.maximum(before, 0)])
            is_between = (before >= 0) & (before < len(own) - 1) & (gaps <= HELD_S)
            spoken = is_inside | is_between
            for label in range(N_LABELS):
                drawn[spoken, label] = np.interp(times_s[spoken], middles, answers[:, label])
        return times_s, drawn

    def to_dict(self) -> dict:
        """The JSON object that the command line and the API give; times in whole milliseconds."""
        return {
            "duration_ms": round(1e3 * self.duration_s),
            "speech_ms": round(1e3 * self.speech_s),
            "shares": {name: round(share, 4) for name, share in self.shares().items()},
            "segments": [segment.to_dict() for segment in self.segments],
            "warnings": list(self.warnings),
            "model": dict(self.model),
        }


Progress = Callable[[float, float | None], None]


def timeline(
    pipeline: EmotionPipeline,
    source: AudioSource,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    emotions: Iterable[str] | None = None,
    on_block: Callable[[np.ndarray, int], None] | None = None,
    on_segment: Callable[[Segment], None] | None = None,
    setting: Setting | None = None,
    n_threads: int | None = None,
) -> Timeline:
    """Find and judge the utterances of a path, the bytes of a file, or `(rate_hz, samples)`.

    Read block by block: memory does not grow with the recording. Channels that differ are heard
    each by itself. `progress` is called with the seconds heard and those there are (None where
    nobody knows); `cancelled` is asked several times a second. Answers are among `emotions` only,
    where they are given. `on_block` is shown the samples (n, n_channels) as they are read, and
    their rate; `on_segment` each segment when it has been judged. `setting` hears what the
    utterances have in common, to which the pipeline may be adapted. `n_threads` judge, as many as
    there are cores if not told.

    Raises AudioError for what cannot be heard, FileNotFoundError, CancelledError, or ValueError for
    emotions that are none.
    """
    chosen = None if emotions is None else checked(emotions)

    def check() -> None:
        if cancelled and cancelled():
            raise CancelledError

    reading = Reading(source)
    voices, warnings = [Voice(None, np.ones(1, np.float32))], []
    if reading.n_channels > 1:
        survey = Survey(reading.rate_hz, reading.n_channels)
        for block in reading.blocks():
            check()
            survey.push(block)
        voices, warnings = survey.voices()
    with _Judges(pipeline, chosen, setting, n_threads) as judges:
        ears = [_Ear(voice, reading.rate_hz, judges) for voice in voices]
        for block in reading.blocks():
            for ear in ears:
                check()
                ear.push(block)
            judges.wait(check)
            if on_block:
                on_block(block, reading.rate_hz)
            if on_segment:
                for segment in (one for ear in ears for one in ear.judged()):
                    on_segment(segment)
            if progress:
                progress(reading.n_read / reading.rate_hz, reading.promised_s)
        for ear in ears:
            ear.finish()
        judges.wait(check, at_most=0)
    if max(ear.range_db for ear in ears) < SILENCE_PEAK_DB:
        raise SilentError("It is silent: please check that the microphone is on, and speak up.")
    segments = sorted((s for ear in ears for s in ear.segments()), key=lambda s: s.start_s)
    warnings += reading.warnings() + ([] if any(s.label for s in segments) else [NO_SPEECH])
    warnings += [sentence(chosen)] if chosen else []
    return Timeline(
        segments=segments,
        duration_s=reading.n_read / reading.rate_hz,
        warnings=warnings,
        model={"name": pipeline.checkpoint.name, "revision": pipeline.checkpoint.revision},
        channels=[voice.channel for voice in voices],
        weights=[voice.weights for voice in voices],
    )


class _Judges:
    """Threads, as many as there are cores if not told, each judging an utterance at a time."""

    def __init__(
        self,
        pipeline: EmotionPipeline,
        emotions: tuple[str, ...] | None,
        setting: Setting | None,
        n_threads: int | None,
    ):
        self._asked = pipeline, emotions, setting
        self._n = n_threads or os.cpu_count() or 1

    def __enter__(self) -> "_Judges":
        self._pool, self._pending = ThreadPoolExecutor(self._n), deque()
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown(cancel_futures=True)

    def judge(self, samples: np.ndarray) -> "Future[Answer]":
        pipeline, emotions, setting = self._asked
        self._pending.append(self._pool.submit(judge, pipeline, samples, emotions, setting))
        return self._pending[-1]

    def wait(self, check: Callable[[], None], at_most: int | None = None) -> None:
        """Wait until at most so many are left, twice as many as threads if not told."""
        at_most = 2 * self._n if at_most is None else at_most
        while len(self._pending) > at_most:
            check()
            self._pending.popleft().result()


class _Ear:
    """One voice, from blocks of all channels to its segments."""

    def __init__(self, voice: Voice, rate_hz: int, judges: _Judges):
        self._voice, self._judges = voice, judges
        self._resampler, self._cutter = Resampler(rate_hz), UtteranceCutter()
        self._heard: list[tuple[float, float, float, Future[Answer]]] = []
        self._least, self._most = np.inf, -np.inf
        self._n_told = 0

    @property
    def range_db(self) -> float:
        """Half the range of all samples, in dBFS: a constant offset is no sound."""
        half = max(0.0, (self._most - self._least) / 2)
        return 20 * np.log10(half) if half else -np.inf

    def push(self, block: np.ndarray) -> None:
        mono = block @ self._voice.weights
        self._least = min(self._least, float(mono.min()))
        self._most = max(self._most, float(mono.max()))
        self._hear(self._resampler.push(mono))

    def finish(self) -> None:
        self._hear(self._resampler.finish())
        self._take(self._cutter.finish())

    def _hear(self, samples: np.ndarray) -> None:
        for ended in self._cutter.push(samples):
            self._take(ended)

    def _take(self, ended: list[Utterance]) -> None:
        for start_s, end_s, speech_s, samples in ended:
            answer = self._judges.judge(samples)
            self._heard.append((start_s, end_s, speech_s / (end_s - start_s), answer))

    def judged(self) -> Iterator[Segment]:
        """Those that were judged since the last call."""
        while self._n_told < len(self._heard) and self._heard[self._n_told][-1].done():
            self._n_told += 1
            yield from self.segments(self._n_told - 1, self._n_told)

    def segments(self, first: int = 0, stop: int | None = None) -> Iterator[Segment]:
        for start_s, end_s, share, answer in self._heard[first:stop]:
            label, probabilities, confidence = answer.result()
            yield Segment(
                start_s, end_s, self._voice.channel, label, probabilities, confidence, share
            )
