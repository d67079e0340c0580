"""A cheap file that is dear to decode: refused by its header, or stopped where that lies."""

import io
import time

import numpy as np
import pytest
import soundfile

from ser.recordings.timeline import timeline
from ser.sound import decoders, sources
from ser.sound.audio import load_audio
from ser.sound.errors import TooMuchError
from tests.sound.hostile import encoded, voice

CHANNELS, RATE_HZ = 8, 384_000


def flac(seconds: float, said_s: float | None = None) -> bytes:
    """Silent channels at the highest rate, and how long the header says they are."""
    file = io.BytesIO()
    soundfile.write(
        file, np.zeros((int(seconds * RATE_HZ), CHANNELS), np.int16), RATE_HZ, format="FLAC"
    )
    data = bytearray(file.getvalue())
    if said_s is not None:
        n = int(said_s * RATE_HZ)  # 36 bits of STREAMINFO; 0: not known
        data[21] = data[21] & 0xF0 | n >> 32
        data[22:26] = (n & 0xFFFF_FFFF).to_bytes(4, "big")
    return bytes(data)


def test_ten_minutes_of_them_are_refused_before_any_is_decoded():
    data = flac(1.0, said_s=590.0)
    assert len(data) < 100_000
    began_s = time.process_time()
    with pytest.raises(TooMuchError, match="8 channels of 384000 Hz are too much.*send mono"):
        load_audio(data)
    assert time.process_time() - began_s < 0.1


def test_three_hours_of_them_are_refused_too(pipeline):
    with pytest.raises(TooMuchError, match="8 channels of 384000 Hz"):
        timeline(pipeline, flac(1.0, said_s=10_000.0))


@pytest.mark.parametrize("said_s", [0, 1.0])
def test_where_the_header_does_not_tell_they_are_counted(monkeypatch, said_s):
    monkeypatch.setattr(sources, "SAMPLES_A_SECOND", 3000)
    with pytest.raises(TooMuchError, match="8 channels"):
        load_audio(flac(1.0, said_s=said_s))


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_decoding_has_so_much_of_the_processors_time(monkeypatch, suffix):
    monkeypatch.setattr(decoders, "PROCESSOR_S", 0.0)
    with pytest.raises(TooMuchError, match="Decoding took too long and was stopped"):
        load_audio(encoded(voice(), suffix))


def test_what_studios_record_is_not_too_much():
    """Ten minutes of stereo at 192 kHz, eight channels at 48 kHz; an hour of stereo at 96 kHz."""
    for n_channels, rate_hz, seconds, max_s in (
        (2, 192_000, 600, 600),
        (8, 48_000, 600, 600),
        (2, 96_000, 3600, 10_800),
    ):
        sources.check_size(seconds * rate_hz, n_channels, rate_hz, max_s)
