"""A recording of up to three hours, read block by block, more than once if need be."""

from collections.abc import Iterator

import numpy as np
import soundfile

from ser.sound.decoders import DAMAGED, Stream
from ser.sound.errors import EmptyAudioError, TooShortError, UnreadableAudioError
from ser.sound.sources import (
    AudioSource,
    check_finite,
    check_header,
    check_size,
    clock,
    cut_off,
    ways_to_read,
)

MAX_DURATION_S = 3 * 3600.0
MISSING_S = 1.0  # less than the header promised; not to be spoken of
MIN_DURATION_S = 0.3  # this or less holds no syllable to judge


class Reading:
    """What a header says, and the samples behind it as often as they are wanted.

    `n_frames` is what the header promises, None where it does not tell. `n_read` frames were read
    the last time, and `is_damaged` tells whether more of them could not be.
    """

    def __init__(self, source: AudioSource):
        self._source = source
        header = self._header()
        self.rate_hz, self.n_channels = header.rate_hz, header.n_channels
        self.n_frames = header.n_frames
        self._n_promised = header.n_promised or header.n_frames
        self._lacks_its_end = header.lacks_its_end
        self.n_read, self.is_damaged = 0, False

    @property
    def promised_s(self) -> float | None:
        """How long the sound is by its header, else by the last reading; None if nobody knows."""
        if self.n_frames is not None:
            return self.n_frames / self.rate_hz
        return self.n_read / self.rate_hz if self.n_read else None

    def _header(self) -> Stream:
        for way in ways_to_read(self._source, MAX_DURATION_S):
            try:
                with way() as stream:
                    check_header(stream, MAX_DURATION_S)
                    return stream
            except soundfile.LibsndfileError:  # another decoder may read it
                continue
        raise UnreadableAudioError(DAMAGED)

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks (n, n_channels) float32 from the start, as far as any decoder can read.

        Where one decoder fails in the middle, the next goes on behind it. Raises AudioError for a
        sound that is empty, too short, too long, not finite, or damaged at its very beginning.
        """
        self.n_read, self.is_damaged = 0, False
        try:
            for way in ways_to_read(self._source, MAX_DURATION_S):
                try:
                    with way() as stream:
                        yield from self._checked(stream)
                    break
                except soundfile.LibsndfileError:
                    continue
        except UnreadableAudioError:
            if not self.n_read:
                raise
            self.is_damaged = True
        if not self.n_read:
            raise EmptyAudioError("There is no sound in it: please record or choose another one.")
        if (duration_s := self.n_read / self.rate_hz) <= MIN_DURATION_S:
            raise TooShortError(
                f"{duration_s:.2f} s is too short: please speak for at least a second."
            )

    def _checked(self, stream: Stream) -> Iterator[np.ndarray]:
        """The blocks of a stream behind the `n_read` frames that are known already."""
        check_header(stream, MAX_DURATION_S)
        if (stream.rate_hz, stream.n_channels) != (self.rate_hz, self.n_channels):
            raise UnreadableAudioError(DAMAGED)  # the decoders do not mean the same sound
        n_known = self.n_read
        for block in stream.blocks:
            n_skipped = min(n_known, len(block))
            n_known -= n_skipped
            new = block[n_skipped:]
            self.n_read += len(new)
            check_size(self.n_read, self.n_channels, self.rate_hz, MAX_DURATION_S)
            check_finite(new)
            if len(new):
                yield new

    def warnings(self) -> list[str]:
        """What was not read the last time, in words."""
        read_s = self.n_read / self.rate_hz
        if self.is_damaged:
            return [f"Damaged after {clock(read_s)}: only what comes before was heard."]
        promised_s = (self._n_promised or 0) / self.rate_hz
        return cut_off(promised_s, read_s, MISSING_S, self._lacks_its_end)
