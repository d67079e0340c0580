"""Samples as they come -> utterances: speech found, cut at its pauses.

One cutter serves streams and files, so that they agree. It hears the samples in blocks of one
size, whatever the size of the chunks that brought them, and keeps no more than an utterance.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ser.sound.high_pass import HighPass
from ser.sound.resampling import SAMPLE_RATE
from ser.sound.segments import GROWTH_S, LONGEST_DIP_S, NO_SPEECH, SPEECH, find_segments
from ser.sound.speech import STEP, STEP_S, SpeechDetector, step_levels_db, whole_steps
from ser.sound.windows import PAUSE_S as QUIET_S  # quietness is judged over this long

PAUSE_S = 0.6  # ends an utterance
JOINED_PAUSE_S = 1.0  # ends one that is shorter than SHORT_S: a neighbour is waited for
SHORT_S = 1.0
LONGEST_S = 8.0  # of an utterance; then it is cut where it is quietest
EARLIEST_CUT_S, LATEST_CUT_S = 4.0, 7.0  # after its start, so that a second of it is left
MARGIN_S = 0.3  # of sound before and after it that a model may hear, too
LEAST_SPEECH_S = 0.1  # less is a click
BLOCK = 4 * STEP  # samples heard at a time

GROWTH, MARGIN = round(GROWTH_S / STEP_S), round(MARGIN_S / STEP_S)  # in steps


class Utterance(NamedTuple):
    """A stretch of one voice's speech, in seconds of the recording.

    `samples` (n_samples,) float32 at 16 kHz are what a model hears of it: the utterance and up to
    `MARGIN_S` of what surrounds it, never of its neighbours. `speech_s` seconds of it are speech.
    """

    start_s: float
    end_s: float
    speech_s: float
    samples: np.ndarray


class _Open:
    """An utterance that has begun; places are steps since the beginning."""

    def __init__(self, start: int, stop: int, n_spoken: int = 0):
        self.start, self.stop, self.n_spoken = start, stop, n_spoken
        self.is_sure = False  # whether it is more than a click; its start is fixed then


class UtteranceCutter:
    """The cutter of one channel, which goes on where the last chunk ended."""

    def __init__(self) -> None:
        self._high_pass, self._detector = HighPass(), SpeechDetector()
        self._waiting = np.zeros(0, np.float32)  # what fills no block yet
        self._open: _Open | None = None
        self._segment_stop: int | None = None  # of the stretch of speech that goes on
        self._last_stop = 0  # of the last utterance
        self._n_steps, self._n_samples = 0, 0  # heard so far
        self._first = 0  # the step where what is kept begins
        self._samples = np.zeros(0, np.float32)
        self._probabilities, self._levels_db = np.zeros(0), np.zeros(0)

    @property
    def heard_s(self) -> float:
        """How many seconds have been judged to be speech or not."""
        return min(self._n_steps * STEP, self._n_samples) / SAMPLE_RATE

    @property
    def start_s(self) -> float | None:
        """Where the utterance that goes on began; None while nobody speaks."""
        is_sure = self._open is not None and self._open.is_sure
        return self._seconds(self._open.start) if is_sure else None

    def push(self, samples: np.ndarray) -> Iterator[list[Utterance]]:
        """Hear the next float32 samples (n,) at 16 kHz; after each block, what it ended.

        The iterator must be used up before the next call.
        """
        self._waiting = np.concatenate([self._waiting, samples])
        while len(self._waiting) >= BLOCK:
            block, self._waiting = self._waiting[:BLOCK], self._waiting[BLOCK:]
            filtered = self._high_pass.push(block)
            yield self._hear(block, filtered, self._detector.push(filtered))

    def finish(self) -> list[Utterance]:
        """Hear what filled no block, and end what goes on."""
        block, self._waiting = self._waiting, self._waiting[:0]
        filtered = self._high_pass.push(block)
        probabilities = [self._detector.push(filtered), self._detector.finish()]
        ended = self._hear(block, filtered, np.concatenate(probabilities))
        if self._open and self._open.is_sure:
            ended.append(self._end(self._n_steps, self._n_steps))
        self._open = None
        return ended

    def latest(self, longest_s: float) -> tuple[float, float, np.ndarray]:
        """Where the last `longest_s` of the utterance that goes on lie, and their samples."""
        now, n_longest = self._open, round(longest_s / STEP_S)
        stop = min(now.stop + MARGIN, self._n_steps)
        start = max(now.start - MARGIN, self._last_stop, stop - n_longest)
        span_s = self._seconds(max(start, now.start)), self._seconds(now.stop)
        return *span_s, self._between(start, stop)

    def _hear(
        self, block: np.ndarray, filtered: np.ndarray, probabilities: np.ndarray
    ) -> list[Utterance]:
        """Take a block and its steps; give the utterances that end in it."""
        self._samples = np.concatenate([self._samples, block])
        self._probabilities = np.concatenate([self._probabilities, probabilities])
        self._levels_db = np.concatenate([self._levels_db, step_levels_db(whole_steps(filtered))])
        self._n_samples += len(block)
        ended = []
        for probability in probabilities:
            self._n_steps += 1
            self._listen(probability)
            if self._open:
                ended += self._ended()
        self._forget()
        return ended

    def _listen(self, probability: float) -> None:
        """Tell whether the newest step is speech."""
        step = self._n_steps - 1
        if self._segment_stop is not None and (step - self._segment_stop) * STEP_S > LONGEST_DIP_S:
            self._segment_stop = None
        if probability < (SPEECH if self._segment_stop is None else NO_SPEECH):
            return
        self._segment_stop = step + 1
        self._open = self._open or _Open(step, step + 1)
        self._open.stop = step + 1
        self._open.n_spoken += 1
        if not self._open.is_sure and self._open.n_spoken * STEP_S >= LEAST_SPEECH_S:
            self._open.is_sure = True
            earliest = max(self._open.start - GROWTH, self._last_stop)
            self._open.start = self._first_speech(earliest, self._open.start)

    def _ended(self) -> list[Utterance]:
        """What the newest step ends: an utterance at its pause, or the first part of a long one."""
        now = self._open
        is_short = (now.stop - now.start) * STEP_S < SHORT_S and now.is_sure
        if (self._n_steps - now.stop) * STEP_S >= (JOINED_PAUSE_S if is_short else PAUSE_S):
            latest = min(now.stop + GROWTH, self._n_steps)
            ended = [self._end(latest, self._n_steps)] if now.is_sure else []
            self._open = None
            return ended
        return [self._cut()] if (now.stop - now.start) * STEP_S >= LONGEST_S else []

    def _cut(self) -> Utterance:
        """End an utterance where it is quietest, and go on with the rest of it."""
        now, width = self._open, round(QUIET_S / STEP_S)
        earliest = now.start + round(EARLIEST_CUT_S / STEP_S)
        latest = now.start + round(LATEST_CUT_S / STEP_S)
        around = slice(earliest - width // 2 - self._first, latest + width // 2 - self._first)
        power = np.convolve(10 ** (self._levels_db[around] / 10), np.ones(width), "valid")
        place = earliest + int(np.argmin(power))
        ended = self._end(place, place)
        self._open = _Open(place, now.stop)
        self._open.is_sure = True
        self._open.start = self._first_speech(place, place)
        return ended

    def _first_speech(self, earliest: int, otherwise: int) -> int:
        """The step at which speech begins, as far as it has been heard."""
        segments = self._segments(earliest, self._n_steps)
        return earliest + segments[0].start if segments else otherwise

    def _end(self, latest: int, until: int) -> Utterance:
        """End what goes on, at step `latest` or where its speech ends before.

        What comes from step `until` on belongs to the next one.
        """
        start = self._open.start
        segments = self._segments(start, latest)
        n_speech = sum(segment.stop - segment.start for segment in segments)
        stop = start + segments[-1].stop if segments else latest
        before, self._last_stop = max(start - MARGIN, self._last_stop), stop
        start_s, end_s = self._seconds(start), self._seconds(stop)
        return Utterance(
            start_s=start_s,
            end_s=end_s,
            speech_s=min(n_speech * STEP_S, end_s - start_s) if segments else end_s - start_s,
            samples=self._between(before, min(stop + MARGIN, until)),
        )

    def _segments(self, start: int, stop: int) -> list:
        kept = slice(start - self._first, stop - self._first)
        return find_segments(self._probabilities[kept], self._levels_db[kept])

    def _seconds(self, step: int) -> float:
        return min(step * STEP, self._n_samples) / SAMPLE_RATE

    def _between(self, start: int, stop: int) -> np.ndarray:
        return self._samples[(start - self._first) * STEP : (stop - self._first) * STEP].copy()

    def _forget(self) -> None:
        """Keep the utterance that goes on, and as much before it as may belong to it."""
        begin = self._open.start if self._open else self._n_steps
        n_old = max(0, begin - GROWTH - MARGIN - self._first)
        self._first += n_old
        self._samples = self._samples[n_old * STEP :].copy()
        self._probabilities = self._probabilities[n_old:].copy()
        self._levels_db = self._levels_db[n_old:].copy()
