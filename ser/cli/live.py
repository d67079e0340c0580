"""`ser live -`: events as somebody speaks, one JSON object a line.

Raw mono samples come on standard input, as from `ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -`;
without `-` they come from the microphone. Ctrl-C ends it, and judges what goes on.
"""

import argparse
import json
import queue
import signal
from collections.abc import Iterator

import numpy as np

from ser.cli.setting import add_setting, pipeline_in_setting
from ser.cli.shared import (
    DONE,
    SOME_FAILED,
    UsageError,
    add_options,
    note,
    say,
    standard_input,
)
from ser.recordings.stream import Stream, Update
from ser.recordings.whole_files import readable
from ser.sound.errors import AudioError

CHUNK_S = 0.1
Chunk = tuple[np.ndarray, float]  # samples (n,), and how many seconds wait behind them
TYPES = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="ser live", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("source", nargs="?", metavar="-", help="standard input, not a microphone")
    made.add_argument("--rate", type=int, default=16_000, metavar="HZ", help="default: 16000")
    made.add_argument("--format", choices=TYPES, default="s16le", help="default: s16le")
    add_options(made)
    add_setting(made)
    return made


def main(arguments: list[str]) -> int:
    """Print events until the sound ends, or somebody ends it."""
    options = parser().parse_args(arguments)
    if options.source not in (None, "-"):
        raise UsageError(
            "Live is for standard input, which is called -, or the microphone. For a file: "
            f"ser timeline {readable(options.source)}"
        )
    chunks = None if options.source else _microphone(options.rate)  # or it is said at once
    pipeline = pipeline_in_setting(options)
    stream = Stream(pipeline, options.rate, options.emotions)
    if chunks is None:
        chunks = _standard_input(TYPES[options.format], options.rate)
    status, stop = DONE, _Stop()
    with stop:
        while (chunk := stop.next_of(chunks)) is not None:
            try:
                _tell(stream.push(*chunk))
            except AudioError as error:
                note(str(error))
                status = SOME_FAILED
    _tell(stream.finish())
    return status


class _Stop:
    """Ctrl-C and SIGTERM end the waiting for sound at once, and nothing else half done."""

    def __init__(self) -> None:
        self._is_asked = self._is_waiting = False

    def __enter__(self) -> "_Stop":
        self._before = {
            kind: signal.signal(kind, self._ask) for kind in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def _ask(self, *_) -> None:
        if self._is_waiting or self._is_asked:  # or somebody means it
            raise KeyboardInterrupt
        self._is_asked = True

    def next_of(self, chunks: Iterator[Chunk]) -> Chunk | None:
        """Wait for the next chunk; None at the end, and once somebody has asked to stop."""
        try:
            self._is_waiting = True
            return None if self._is_asked else next(chunks, None)
        except KeyboardInterrupt:
            self._is_asked = True
            return None
        finally:
            self._is_waiting = False


def _tell(updates: list[Update]) -> None:
    for update in updates:
        say(json.dumps(update.to_dict()))


def _standard_input(kind: np.dtype, rate_hz: int) -> Iterator[Chunk]:
    """Chunks as they come; nothing is late in a pipe, which waits."""
    most = max(1, round(CHUNK_S * rate_hz)) * kind.itemsize
    source, rest, is_first = standard_input(), b"", True
    while data := source.read1(most):
        rest += data
        if len(rest) < (4 if is_first else kind.itemsize):
            continue
        if is_first and rest[:4] in (b"RIFF", b"fLaC", b"OggS", b"ID3\x03", b"ID3\x04"):
            raise UsageError(
                "This is a sound file, and raw samples were expected: "
                f"ffmpeg -i FILE -f s16le -ac 1 -ar {rate_hz} - | ser live - --rate {rate_hz}"
            )
        is_first = False
        whole = len(rest) - len(rest) % kind.itemsize
        yield np.frombuffer(rest[:whole], kind), 0.0
        rest = rest[whole:]
    if is_first and len(rest) >= kind.itemsize:
        whole = len(rest) - len(rest) % kind.itemsize
        yield np.frombuffer(rest[:whole], kind), 0.0
        rest = rest[whole:]
    if rest:
        note("The last sample was cut off, and left out.")


def _microphone(rate_hz: int) -> Iterator[Chunk]:
    """Chunks of the default microphone, and how much waits behind each."""
    try:
        import sounddevice
    except ImportError as error:
        raise UsageError(
            "The microphone needs sounddevice, which is not installed here: "
            "pip install sounddevice. For a pipe: ser live -"
        ) from error
    except OSError as error:  # PortAudio, which it needs
        raise UsageError(f"The microphone cannot be used: {error}.") from error
    waiting: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()
    try:
        device = sounddevice.InputStream(
            samplerate=rate_hz,
            channels=1,
            dtype="int16",
            blocksize=round(CHUNK_S * rate_hz),
            callback=lambda samples, *_: waiting.put(samples[:, 0].copy()),
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UsageError(f"The microphone cannot be used: {error}.") from error

    def chunks() -> Iterator[Chunk]:
        with device:
            while True:
                samples = waiting.get()
                yield samples, waiting.qsize() * CHUNK_S

    return chunks()
