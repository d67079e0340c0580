"""Files that were put end to end: all of them are heard, as each by itself would be."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.sound import joined
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.errors import UnreadableAudioError
from tests.sound.test_lengths import sounds, without_tag

KINDS = [
    *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("MP3", None)),
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16")),
]


def voice(hz: float, seconds: float, rate_hz: int = SAMPLE_RATE, n_channels: int = 1):
    """A tone that swells, other than that of any other pitch."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    tone = 0.3 * np.sin(2 * np.pi * hz * t) * (0.5 + 0.5 * np.sin(2 * np.pi * t))
    return np.repeat(tone[:, None], n_channels, axis=1), rate_hz


def encoded(sound: tuple[np.ndarray, int], container: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, *sound, format=container, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("n_files", [2, 5])
@pytest.mark.parametrize(("container", "subtype"), KINDS)
def test_all_are_heard_and_each_as_it_is_alone(tmp_path, container, subtype, n_files):
    files = [
        encoded(voice(150 + 50 * n, 1.3 + 0.4 * n), container, subtype) for n in range(n_files)
    ]
    alone = np.concatenate([load_audio(file) for file in files])
    for sound in sounds(tmp_path / "joined", b"".join(files)):
        np.testing.assert_array_equal(load_audio(sound), alone)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(("container", "subtype"), KINDS)
def test_files_of_other_rates_and_channels(tmp_path, container, subtype, rate_hz, n_channels):
    if subtype == "OPUS" and rate_hz == 44_100:
        rate_hz = 48_000
    files = [
        encoded(voice(200, 1.5), container, subtype),
        encoded(voice(300, 2.5, rate_hz, n_channels), container, subtype),
    ]
    parts = [load_audio(file) for file in files]
    for order in (slice(None), slice(None, None, -1)):
        heard = load_audio(b"".join(files[order]))
        # a file longer is resampled to the rate of the first, and then to ours; an MP3 of 16 kHz
        # has no first frame that counts the others, so that the encoder's silence stays: 0.1 s
        assert abs(len(heard) - sum(map(len, parts))) <= 0.15 * SAMPLE_RATE
        for part, at in zip(
            parts[order], (0.75, len(parts[order][0]) / SAMPLE_RATE + 1), strict=True
        ):
            spectrum = np.abs(np.fft.rfft(heard[int(at * SAMPLE_RATE) :][:8000]))
            expected = 200 if part is parts[0] else 300
            assert abs(2 * spectrum.argmax() - expected) <= 4  # a bin is 2 Hz


@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\x01\x10" + bytes(0x90)])
@pytest.mark.parametrize("end", [b"", b"TAG" + bytes(125), b"APETAGEX" + bytes(24)])
def test_mp3_with_tags_between_and_without_a_count(tmp_path, tag, end):
    first = encoded(voice(200, 2, 44_100), "MP3")
    second = encoded(voice(300, 3, 48_000, 2), "MP3")
    for bare in (lambda data: data, without_tag):
        whole = tag + bare(first) + end + tag + bare(second) + end
        for sound in sounds(tmp_path / "a.mp3", whole):
            heard = load_audio(sound)
            # without a count, an encoder's delay and the end of its last frame stay
            assert 5 <= len(heard) / SAMPLE_RATE + 0.001 <= 5.2
            spectrum = np.abs(np.fft.rfft(heard[-24_000:-8_000]))
            assert abs(spectrum.argmax() - 300) <= 2


def test_what_follows_a_wav_and_is_no_file_is_not_heard(ffmpeg):
    """libsndfile gives such a one up."""
    data = encoded(voice(200, 2), "WAV")
    np.testing.assert_array_equal(load_audio(data + b"RIFF or no RIFF" * 9), load_audio(data))


@pytest.mark.parametrize("container", ["AIFF", "FLAC", "AU", "OGG", "MP3"])
def test_what_follows_a_sound_and_is_no_file_is_not_heard(container):
    data = encoded(voice(200, 2), container)
    np.testing.assert_array_equal(load_audio(data + b"RIFF or no RIFF" * 9), load_audio(data))


def test_more_than_anybody_joins_is_refused(monkeypatch):
    monkeypatch.setattr(joined, "MOST_PIECES", 3)
    piece = encoded(voice(200, 0.5), "FLAC")
    assert len(load_audio(3 * piece)) == 1.5 * SAMPLE_RATE
    with pytest.raises(UnreadableAudioError, match="More than 3 files"):
        load_audio(4 * piece)


def test_a_name_decides_nothing(tmp_path):
    sound = voice(200, 1)
    for name in ("a.raw", "a.RAW", "a", "a.mp3", "a.\udcff"):
        path = Path(tmp_path / name)
        path.write_bytes(encoded(sound, "WAV"))
        assert len(load_audio(path)) == SAMPLE_RATE
