"""Files whose header leaves open how long the sound is: all of it is heard, and nothing else."""

import io
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser.sound import errors
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.decoders import BLOCK_FRAMES

LOSSLESS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AIFF", "FLOAT"),
    ("AU", "PCM_16"),
    ("AU", "ULAW"),
]
LEFT_OPEN = [0, 0x7FFF_F000, 0xFFFF_FFFF]  # a killed recorder; sox and espeak-ng; ffmpeg


def sounds(path: Path, data: bytes) -> list:
    """The same file as a path and as bytes."""
    path.write_bytes(data)
    return [path, data]


def encoded(samples: np.ndarray, container: str = "WAV", subtype: str = "PCM_16") -> bytearray:
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format=container, subtype=subtype)
    return bytearray(file.getvalue())


def flac_of_unknown_length(samples: np.ndarray) -> bytearray:
    data = encoded(samples, "FLAC")
    data[21] &= 0xF0  # STREAMINFO's 36 bits of total samples
    data[22:26] = bytes(4)
    return data


def ordinary(samples: np.ndarray, container: str = "WAV") -> np.ndarray:
    """The samples as they are read from a file that tells its length."""
    return load_audio(bytes(encoded(samples, container)))


# --- read to the end ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(
    "n_frames", [5000, BLOCK_FRAMES - 1, BLOCK_FRAMES, BLOCK_FRAMES + 1, 2 * BLOCK_FRAMES, 200_000]
)
def test_a_flac_that_does_not_tell_its_length(tmp_path, n_frames, n_channels):
    samples = 0.1 * np.random.default_rng(0).standard_normal((n_frames, n_channels))
    for sound in sounds(tmp_path / "a.flac", bytes(flac_of_unknown_length(samples))):
        np.testing.assert_array_equal(load_audio(sound), ordinary(samples, "FLAC"))


@pytest.mark.parametrize("riff", [0, 8, 36, 0x7FFF_F024, 0xFFFF_FFFF])
@pytest.mark.parametrize("length", LEFT_OPEN)
def test_a_wav_that_does_not_tell_its_length(tmp_path, noise, riff, length):
    data = encoded(noise)
    struct.pack_into("<I", data, 4, riff)
    struct.pack_into("<I", data, data.index(b"data") + 4, length)
    for sound in sounds(tmp_path / "a.wav", bytes(data)):
        np.testing.assert_array_equal(load_audio(sound), ordinary(noise))


@pytest.mark.parametrize("length", LEFT_OPEN)
def test_an_au_that_does_not_tell_its_length(tmp_path, noise, length):
    data = encoded(noise, "AU")
    struct.pack_into(">I", data, 8, length)
    for sound in sounds(tmp_path / "a.au", bytes(data)):
        np.testing.assert_array_equal(load_audio(sound), ordinary(noise))


@pytest.mark.parametrize("length", [0, -1])
def test_an_rf64_that_does_not_tell_its_length(tmp_path, noise, length):
    data = encoded(noise, "RF64")
    struct.pack_into("<q", data, data.index(b"ds64") + 16, length)
    for sound in sounds(tmp_path / "a.wav", bytes(data)):
        np.testing.assert_array_equal(load_audio(sound), ordinary(noise))


@pytest.mark.parametrize("length", [-1, 4])  # as the standard says; as libsndfile begins one
def test_a_caf_that_does_not_tell_its_length(tmp_path, noise, length):
    data = encoded(noise, "CAF")
    struct.pack_into(">q", data, data.index(b"data") + 4, length)
    for sound in sounds(tmp_path / "a.caf", bytes(data)):
        np.testing.assert_array_equal(load_audio(sound), ordinary(noise))


@pytest.mark.parametrize(("container", "subtype"), LOSSLESS)
def test_a_recorder_that_was_killed(tmp_path, noise, container, subtype):
    path = tmp_path / "a"
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, subtype, format=container) as recorder:
        recorder.write(noise)
        recorder.flush()
        found = path.read_bytes()  # the length is written at the end, which never came
    for sound in sounds(tmp_path / "found", found):
        np.testing.assert_array_equal(load_audio(sound), load_audio(path))


def test_a_killed_recorder_of_flac_left_whole_frames(tmp_path, noise):
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1) as recorder:
        recorder.write(noise)
        recorder.flush()
        found = path.read_bytes()
    heard = load_audio(found)
    assert len(heard) == 3 * 4096
    np.testing.assert_array_equal(heard, ordinary(noise, "FLAC")[: len(heard)])


@pytest.mark.parametrize("kind", ["wav", "flac", "au", "aiff", "caf", "rf64"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_what_ffmpeg_writes_into_a_pipe(tmp_path, noise, ffmpeg, kind, n_channels):
    source, path = tmp_path / "source.wav", tmp_path / "a"
    samples = np.column_stack([noise, np.roll(noise, 9)])[:, :n_channels]
    soundfile.write(source, samples, SAMPLE_RATE)
    form = ["wav", "-rf64", "always"] if kind == "rf64" else [kind]
    command = ["ffmpeg", "-v", "error", "-i", str(source), "-f", *form, "pipe:1"]
    written = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    for sound in sounds(path, written):
        np.testing.assert_array_equal(load_audio(sound), load_audio(source))


# --- and no further -------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", [b"", b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf59.27.100\0"])
def test_a_wav_without_sound_is_empty(tmp_path, noise, behind):
    """Not all that says 0 was left open: what else is in the file is no sound."""
    data = encoded(noise)
    start = data.index(b"data") + 8
    struct.pack_into("<I", data, start - 4, 0)
    for sound in sounds(tmp_path / "a.wav", bytes(data[:start] + behind * 50)):
        with pytest.raises(errors.EmptyAudioError):
            load_audio(sound)


def test_chunks_behind_a_sound_whose_length_is_told_are_no_sound(tmp_path, noise):
    data = encoded(noise) + b"LIST\x04\0\0\0INFO"
    for sound in sounds(tmp_path / "a.wav", bytes(data)):
        np.testing.assert_array_equal(load_audio(sound), ordinary(noise))


def test_a_header_alone_is_empty(tmp_path):
    for container in ("WAV", "RF64", "AIFF", "AU"):
        for sound in sounds(tmp_path / "a", bytes(encoded(np.zeros(0), container))):
            with pytest.raises(errors.EmptyAudioError):
                load_audio(sound)


def test_a_wav_of_unknown_length_over_ten_minutes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.wav"
    data = encoded(np.zeros(0))
    with path.open("wb") as file:
        file.write(data)
        file.truncate(10**10)  # zeros that take no room
    with pytest.raises(errors.TooLongError):
        load_audio(path)


@pytest.mark.parametrize("where", ["middle", "missing", "cut", "last byte"])
def test_damage_in_a_flac_of_unknown_length_is_no_end(tmp_path, monkeypatch, where):
    samples = 0.1 * np.random.default_rng(0).standard_normal(150_000)
    data = flac_of_unknown_length(samples)
    half = len(data) // 2
    if where == "middle":
        data[half] ^= 0x10
    elif where == "missing":
        del data[half : half + 20_000]
    else:
        del data[-1 if where == "last byte" else half :]
    monkeypatch.setenv("PATH", "/nonexistent")  # ffmpeg would read what is left
    for sound in sounds(tmp_path / "a.flac", bytes(data)):
        with pytest.raises(errors.UnreadableAudioError):
            load_audio(sound)


def without_tag(data: bytes) -> bytes:
    """An MP3 without its first frame, which counts the others: as a pipe leaves it."""
    second = next(
        at
        for at in range(4, len(data))
        if data[at : at + 2] == data[:2] and data[at + 3] & 0xC0 == data[3] & 0xC0
    )
    assert b"Xing" in data[:second] or b"Info" in data[:second]
    return data[second:]


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\x01\x10" + bytes(0x90)])
def test_an_mp3_that_does_not_count_its_frames_is_read_to_its_end(tmp_path, mode, tag):
    """Loud noise first, so that its bit rate is no guess of what comes after it."""
    rate = 16_000
    noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, rate)
    tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(19 * rate) / rate)
    path = tmp_path / "tagged.mp3"
    soundfile.write(path, np.concatenate([noise, tone]), rate, format="MP3", bitrate_mode=mode)
    whole = load_audio(path)
    for sound in sounds(tmp_path / "a.mp3", tag + without_tag(path.read_bytes())):
        heard = load_audio(sound)
        # the tag also tells what the encoder added at either end: up to three frames of 576
        assert len(whole) <= len(heard) <= len(whole) + 4 * 576
        # the tone, as the codec has it; the noise is three times as loud
        assert np.abs(heard[-rate:]).max() == pytest.approx(0.1, rel=0.2)


def test_an_aac_that_begins_in_silence_is_not_taken_for_a_long_one(tmp_path, noise, ffmpeg):
    sound = np.concatenate([np.zeros(3 * SAMPLE_RATE), *[noise] * 20])
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE)
    ffmpeg("-i", tmp_path / "a.wav", "-f", "adts", tmp_path / "a.aac")
    heard = load_audio(tmp_path / "a.aac")
    assert abs(len(heard) - len(sound)) <= 3 * 1024  # whole frames, and the encoder's delay
