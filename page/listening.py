"""A long recording while it is heard: how far that is, and how long it still takes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np

from page.language import Say
from page.models import Model
from page.overview import FACES, Envelope
from ser.adaptation import Setting
from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.pipeline import EmotionPipeline
from ser.recordings.reading import clock
from ser.recordings.timeline import Timeline, timeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.errors import CancelledError

POLL_S = 0.5
KNOWN_SHARE = 0.02  # of a recording, from which on its own speed is known best
MEASURED_S = 10.0  # of a recording, at least, for its speed to tell of others
N_GOLDEN = 4  # golden clips in a row are measured before any recording


class Speed:
    """How many seconds of a recording this machine hears in one: of the last, or of golden clips.

    The clips are heard at once, which also warms up what recordings need.
    """

    def __init__(self, model: Model):
        samples = np.tile(load_audio(GOLDEN_CLIP), N_GOLDEN)
        began_s = time.monotonic()
        heard = timeline(model.pipeline(), (SAMPLE_RATE, samples))
        self.times = heard.duration_s / (time.monotonic() - began_s)

    def learn(self, duration_s: float, times: float) -> None:
        """From a recording that was heard to its end."""
        if duration_s >= MEASURED_S:
            self.times = times


class Listening:
    """A recording that is heard in a thread; `setting` and `envelope` get what they need of it."""

    def __init__(self, speed: Speed, stop: Event):
        self._speed, self._stop = speed, stop
        self.setting, self.envelope = Setting(), Envelope()
        self.times = 0.0  # as fast as it lasts
        self.done: Timeline | None = None

    def hear(self, pipeline: EmotionPipeline, path: str, say: Say) -> Iterator[str]:
        """Give, twice a second, how far it is, as HTML; then `done` is there unless stopped."""
        heard, found = [0.0, None], []

        def follow(heard_s: float, of_s: float | None) -> None:
            heard[:] = heard_s, of_s

        began_s = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(
                timeline,
                pipeline,
                path,
                follow,
                self._stop.is_set,
                on_block=self.envelope.push,
                on_segment=found.append,
                setting=self.setting,
            )
            try:
                while not work.done():
                    left_s = remaining_s(*heard, time.monotonic() - began_s, self._speed.times)
                    yield progress(*heard, left_s, found, say)
                    time.sleep(POLL_S)
            finally:
                self._stop.set()  # also where nobody waits for it any longer
            try:
                self.done = work.result()
            except CancelledError:
                return
        self.times = self.done.duration_s / (time.monotonic() - began_s)
        self._speed.learn(self.done.duration_s, self.times)


def remaining_s(heard_s: float, of_s: float | None, took_s: float, times: float) -> float | None:
    """How long it will still take; at first by the speed of other recordings, then by its own."""
    if not of_s:
        return None
    is_known = heard_s / of_s > KNOWN_SHARE
    speed = heard_s / took_s if is_known and took_s else times
    return (of_s - heard_s) / speed


def progress(
    heard_s: float, of_s: float | None, left_s: float | None, found: list, say: Say
) -> str:
    """How far it is, how long it will still take, and the latest of what was found."""
    share = heard_s / of_s if of_s else 0.0
    values = {"heard": clock(heard_s), "of": clock(of_s or 0), "left": clock((left_s or 0) + 1)}
    if left_s is None:
        told = say("{heard} heard", **values)
    else:
        told = say("{heard} of {of} heard; about {left} left", **values)
    n = say.many("{n} utterance so far", "{n} utterances so far", len(found))
    latest = [one for one in found if one.label][-3:]
    items = "".join(
        "<li>"
        + say(
            "{start} to {end}: {face} {emotion} {share}",
            start=clock(s.start_s),
            end=clock(s.end_s),
            face=FACES[s.label],
            emotion=say(s.label),
            share=say.percent(s.confidence),
        )
        + "</li>"
        for s in reversed(latest)
    )
    return (
        f'<progress max="1" value="{share:.4f}" aria-label="{say("Heard")}"></progress>'
        f"<p>{told}; {n}.</p><ul>{items}</ul>"
    )
