"""A live voice: samples come in, events come out, for as long as you like.

The last three seconds of speech are judged whole every half a second. When an utterance ends, it is
judged whole, as `timeline` judges it. Time is counted in samples. Nothing here depends on loudness
or on the size of the chunks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.recordings.judged import judge, named
from ser.recordings.utterances import BLOCK, Utterance, UtteranceCutter
from ser.restriction import checked
from ser.sound.errors import NotFiniteError, UnreadableAudioError
from ser.sound.resampling import SAMPLE_RATE, Resampler
from ser.sound.sources import are_finite, check_rate, to_float

EVERY_S = 0.5  # a measurement, or a word that nobody speaks
WINDOW_S = 3.0  # of speech in a measurement
NEW_SHARE = 0.5  # of the newest measurement in what is told; the rest is those before it
LATE_S = 1.0  # of sound waits: no more measurements, utterances only
TOO_LATE_S = 5.0  # of sound waits: the chunk is not heard

LISTENING, START, MEASUREMENT, END = "listening", "utterance start", "measurement", "utterance end"


@dataclass(frozen=True)
class Update:
    """What happened at `time_s`, in seconds of sound since the beginning.

    `type` is "listening" (nobody speaks), "utterance start", "measurement" or "utterance end";
    `start_s` and `end_s` say which part of the stream it is about, None for "listening". An answer,
    with `probabilities` (8,) in label order, has a measurement and an end only; it is None where
    that was no voice after all. `speech_share` is
    the share of an utterance that is speech, at its end. `dropped_s` seconds of sound have not been
    heard so far, because they came too late.
    """

    type: str
    time_s: float
    start_s: float | None = None
    end_s: float | None = None
    label: str | None = None
    probabilities: np.ndarray | None = None
    confidence: float | None = None
    speech_share: float | None = None
    dropped_s: float = 0.0

    def to_dict(self) -> dict:
        """The JSON object that the command line and the API give."""
        numbers = {
            name: None if (value := getattr(self, name)) is None else round(value, 4)
            for name in ("start_s", "end_s", "confidence", "speech_share")
        }
        return {
            "type": self.type,
            "time_s": round(self.time_s, 4),
            "start_s": numbers["start_s"],
            "end_s": numbers["end_s"],
            "label": self.label,
            "probabilities": named(self.probabilities),
            "confidence": numbers["confidence"],
            "speech_share": numbers["speech_share"],
            "dropped_s": round(self.dropped_s, 4),
        }


class Stream:
    """One speaker's stream of mono samples at `rate_hz`; a session of any length takes no more.

    Answers are among `emotions` only, where they are given. Raises UnsupportedRateError for a rate
    that no recording has, ValueError for emotions that are none.
    """

    def __init__(
        self, pipeline: EmotionPipeline, rate_hz: int, emotions: Iterable[str] | None = None
    ):
        check_rate(rate_hz)
        self._pipeline, self._rate_hz = pipeline, rate_hz
        self._emotions = None if emotions is None else checked(emotions)
        self.reset()

    def reset(self) -> None:
        """Begin anew, at 0 s."""
        self._origin_s, self._n_in = 0.0, 0  # where the cutter began; samples since the reset
        self._dropped_s = 0.0
        self._told_at_s = 0.0  # the last measurement, or word that nobody speaks
        self._is_finished = False
        self._listen_anew()

    def push(self, samples: np.ndarray, waiting_s: float = 0.0) -> list[Update]:
        """Hear the next samples (n,), int16 or floats around [-1, 1].

        `waiting_s` tells how much sound already waits behind them. Over `LATE_S` only the ends of
        utterances are judged; over `TOO_LATE_S` the chunk is not heard, which ends what goes on,
        and counts in `dropped_s`. Raises AudioError for samples that are none, which changes
        nothing; ValueError after `finish`.
        """
        samples = _checked(samples)
        if self._is_finished:
            raise ValueError("The stream is finished: reset it before you push more.")
        if waiting_s > TOO_LATE_S:
            return self._drop(len(samples))
        self._n_in += len(samples)
        return self._hear(self._resampler.push(samples), is_late=waiting_s > LATE_S)

    def finish(self) -> list[Update]:
        """Hear what has not filled a step, and judge what goes on."""
        if self._is_finished:
            return []
        self._is_finished = True
        return self._end_all()

    def _listen_anew(self) -> None:
        self._resampler, self._cutter = Resampler(self._rate_hz), UtteranceCutter()
        self._announced_s: float | None = None  # the start of the utterance that goes on
        self._measured_s: float | None = None  # where the last measurement ended
        self._smoothed: np.ndarray | None = None

    def _drop(self, n_samples: int) -> list[Update]:
        updates = self._end_all()
        self._dropped_s += n_samples / self._rate_hz
        self._n_in += n_samples
        self._origin_s = self._n_in / self._rate_hz
        self._listen_anew()
        return updates

    def _end_all(self) -> list[Update]:
        updates = self._hear(self._resampler.finish(), is_late=True)
        return updates + self._tell_ended(self._cutter.finish())

    def _hear(self, samples: np.ndarray, is_late: bool) -> list[Update]:
        updates = []
        for ended in self._cutter.push(samples):
            updates += self._tell_ended(ended)
            updates += self._tell_started()
            time_s = self._time_s
            if time_s - self._told_at_s < EVERY_S - BLOCK / SAMPLE_RATE / 2:
                continue
            self._told_at_s = time_s
            if self._announced_s is None:
                updates.append(self._update(LISTENING))
            elif not is_late:
                updates += self._measure()
        return updates

    @property
    def _time_s(self) -> float:
        return self._origin_s + self._cutter.heard_s

    def _tell_started(self) -> list[Update]:
        start_s = self._cutter.start_s
        if start_s is None or start_s == self._announced_s:
            return []
        self._announced_s, self._smoothed = start_s, None
        self._told_at_s = self._time_s
        return [self._update(START, start_s, self._cutter.heard_s)]

    def _tell_ended(self, ended: list[Utterance]) -> list[Update]:
        updates = []
        for utterance in ended:
            start_s, end_s, speech_s, samples = utterance
            if start_s != self._announced_s:
                updates.append(self._update(START, start_s, end_s))
            self._announced_s = None
            answer = judge(self._pipeline, samples, self._emotions)
            share = speech_s / (end_s - start_s)
            updates.append(self._update(END, start_s, end_s, *answer, speech_share=share))
        return updates

    def _measure(self) -> list[Update]:
        """Judge the last of the speech, where there is more of it than last time."""
        start_s, end_s, samples = self._cutter.latest(WINDOW_S)
        if end_s == self._measured_s:
            return []
        self._measured_s = end_s
        answer = judge(self._pipeline, samples, self._emotions)
        if answer.label is None:
            return [self._update(MEASUREMENT, start_s, end_s, *answer)]
        if self._smoothed is None:
            self._smoothed = answer.probabilities
        self._smoothed = self._smoothed + NEW_SHARE * (answer.probabilities - self._smoothed)
        best = int(self._smoothed.argmax())
        told = LABELS[best], self._smoothed, float(self._smoothed[best])
        return [self._update(MEASUREMENT, start_s, end_s, *told)]

    def _update(self, kind: str, start_s=None, end_s=None, *answer, speech_share=None) -> Update:
        """An update about [start_s, end_s) of the cutter's time."""
        label, probabilities, confidence = answer or (None, None, None)
        return Update(
            type=kind,
            time_s=self._time_s,
            start_s=None if start_s is None else self._origin_s + start_s,
            end_s=None if end_s is None else self._origin_s + end_s,
            label=label,
            probabilities=probabilities,
            confidence=confidence,
            speech_share=speech_share,
            dropped_s=self._dropped_s,
        )


def _checked(samples: np.ndarray) -> np.ndarray:
    """The samples as float32, or an AudioError that names their form."""
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise UnreadableAudioError(
            f"Samples of shape {samples.shape}: a stream expects one channel, (n,)."
        )
    if samples.dtype != np.int16 and samples.dtype.kind != "f":
        raise UnreadableAudioError(
            f"Samples of type {samples.dtype}: a stream expects int16, or floats around [-1, 1]."
        )
    samples = to_float(samples)
    if not are_finite(samples):
        raise NotFiniteError(
            "These samples are not all numbers, or not around [-1, 1]: the chunk was left out. Is "
            "its format another?"
        )
    return samples
