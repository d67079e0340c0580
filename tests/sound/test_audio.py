"""Any file or array -> checked mono float32 at 16 kHz, or a sentence."""

import contextlib
import io
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from ser.sound import decoders, errors
from ser.sound.audio import SAMPLE_RATE, load_audio
from tests import bounds
from tests.bounds import SIXTEEN_BITS

ROOT = Path(__file__).parent.parent.parent


def tone(seconds: float = 1.0, rate: int = SAMPLE_RATE, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype("float32")


# --- what is read -----------------------------------------------------------------------------


def test_16_khz_mono_float_comes_back_unchanged(noise):
    np.testing.assert_array_equal(load_audio((SAMPLE_RATE, noise)), noise)


@pytest.mark.numeric
@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 192_000])
def test_a_tone_keeps_its_pitch_level_and_length_at_any_rate(rate):
    waveform = load_audio((rate, tone(rate=rate)))
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - SAMPLE_RATE) <= 1
    middle = slice(2000, 14_000)
    # soxr's HQ filter is right to 20 bits of full scale.
    np.testing.assert_allclose(waveform[middle], tone()[middle], atol=2**-19)


@pytest.mark.numeric
@pytest.mark.parametrize(
    ("dtype", "scale", "offset", "step"),
    [
        ("int16", 2**15, 0, 2**-15),
        ("int32", 2**31, 0, 2**-31),
        ("uint8", 2**7, 2**7, 2**-7),
        ("int8", 2**7, 0, 2**-7),
        ("float64", 1, 0, 0),
    ],
)
def test_integers_are_scaled_by_their_range(noise, dtype, scale, offset, step):
    samples = (noise * scale + offset).astype(dtype)  # cut off, not rounded
    bound = step + bounds.rounding(2)
    bounds.assert_within(bound, load_audio((SAMPLE_RATE, samples)), noise)


def test_stereo_is_averaged(noise):
    stereo = np.stack([noise, np.zeros_like(noise)], axis=1)
    np.testing.assert_array_equal(load_audio((SAMPLE_RATE, stereo)), noise / 2)


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 48_000])
def test_of_channels_in_opposite_phase_the_louder_is_read(rate):
    voice = tone(6.0, rate)  # several blocks
    opposite = np.stack([-0.8 * voice, voice], axis=1)
    np.testing.assert_array_equal(load_audio((rate, opposite)), load_audio((rate, voice)))


@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_so_are_those_of_a_file(tmp_path, ffmpeg, name):
    source, path = tmp_path / "source.wav", tmp_path / name
    voice = tone(6.0)
    soundfile.write(source, np.stack([-0.8 * voice, voice], axis=1), SAMPLE_RATE)
    ffmpeg("-i", source, "-b:a", "128k", path)
    for sound in (path, path.read_bytes()):
        heard = load_audio(sound)[4000:80_000]
        assert heard.std() == pytest.approx(voice.std(), rel=0.03)  # the codec: a quarter of a dB


@pytest.mark.parametrize("n_channels", [2, 8])
@pytest.mark.parametrize("phase", [1.0, 0.0, -0.25])
def test_channels_that_do_not_cancel_are_averaged(noise, n_channels, phase):
    """The same, silent, or an echo: quiet beside the loudest channel, but nothing is lost."""
    others = np.repeat(phase / (n_channels - 1) * noise[:, None], n_channels - 1, axis=1)
    channels = np.column_stack([others, noise])
    mean = channels.mean(axis=1, dtype=np.float32)
    np.testing.assert_array_equal(load_audio((SAMPLE_RATE, channels)), mean)


def test_opposite_offsets_are_silence():
    with pytest.raises(errors.SilentError):
        load_audio((SAMPLE_RATE, np.full((SAMPLE_RATE, 2), [0.5, -0.5])))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_file_bytes_and_array_are_one_sound(tmp_path, noise, name):
    path = tmp_path / name
    soundfile.write(path, noise, SAMPLE_RATE)
    from_file = load_audio(path)
    np.testing.assert_array_equal(from_file, load_audio(str(path)))
    np.testing.assert_array_equal(from_file, load_audio(path.read_bytes()))
    exact = name in ("a.wav", "a.flac", "a.aiff")
    if exact:
        np.testing.assert_allclose(from_file, noise, atol=SIXTEEN_BITS)
    assert abs(len(from_file) - len(noise)) <= (0 if exact else 3000)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("mode", ["VARIABLE", "AVERAGE", "CONSTANT"])
def test_an_mp3_is_heard_block_by_block_as_it_is_at_once(tmp_path, speech, rate_hz, mode):
    """Its frames need those before them, also at the beginning of a block."""
    path = tmp_path / "a.mp3"
    samples = soxr.resample(np.tile(speech, 4), SAMPLE_RATE, rate_hz)
    soundfile.write(path, samples, rate_hz, bitrate_mode=mode, compression_level=0.8)
    at_once, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with decoders.open_directly(path, 60.0) as stream:
        by_blocks = np.concatenate(list(stream.blocks))
    assert len(at_once) > 2 * decoders.BLOCK_FRAMES
    np.testing.assert_allclose(by_blocks, at_once, rtol=0, atol=SIXTEEN_BITS)


@pytest.mark.parametrize("name", ["a.m4a", "a.webm", "a.aac", "a.wma", "a.opus"])
def test_ffmpeg_reads_the_rest(tmp_path, ffmpeg, name):
    source, path = tmp_path / "a.wav", tmp_path / name
    soundfile.write(source, tone(2.0, 48_000), 48_000)
    ffmpeg("-i", source, "-b:a", "128k", path)
    waveform = load_audio(path)
    np.testing.assert_array_equal(waveform, load_audio(path.read_bytes()))
    assert 1.9 < len(waveform) / SAMPLE_RATE < 2.2
    spectrum = np.abs(np.fft.rfft(waveform[8000:24_000]))
    assert abs(spectrum.argmax() - 440) <= 1  # one bin is 1 Hz


def test_a_name_that_looks_like_an_option_or_a_protocol(tmp_path, ffmpeg, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-i", "http:a.m4a", "concat:a|b"):
        soundfile.write("source.wav", tone(), SAMPLE_RATE)
        ffmpeg("-i", "source.wav", "-f", "mp4", f"file:{name}")
        assert len(load_audio(name)) > 15_000


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ((SAMPLE_RATE, np.zeros(0, np.float32)), errors.EmptyAudioError),
        (b"", errors.EmptyAudioError),
        ((SAMPLE_RATE, tone(0.3)), errors.TooShortError),
        ((SAMPLE_RATE, np.zeros(601 * SAMPLE_RATE, np.int16)), errors.TooLongError),
        ((SAMPLE_RATE, np.zeros((SAMPLE_RATE, 9), np.float32)), errors.TooManyChannelsError),
        ((SAMPLE_RATE, np.zeros((9, SAMPLE_RATE), np.float32)), errors.TooManyChannelsError),
        ((SAMPLE_RATE, np.full(SAMPLE_RATE, np.nan)), errors.NotFiniteError),
        ((SAMPLE_RATE, np.full(SAMPLE_RATE, np.inf)), errors.NotFiniteError),
        ((SAMPLE_RATE, np.zeros(SAMPLE_RATE)), errors.SilentError),
        ((SAMPLE_RATE, tone() * 1e-4), errors.SilentError),
        ((SAMPLE_RATE, np.full(SAMPLE_RATE, 0.5)), errors.SilentError),
        ((1000, tone()), errors.UnsupportedRateError),
        ((SAMPLE_RATE, np.zeros((1, 1, 1))), errors.UnreadableAudioError),
        ((SAMPLE_RATE, np.array(["a"] * 9000)), errors.UnreadableAudioError),
        (b"these are words, not sound" * 9, errors.UnreadableAudioError),
        (b"RIFF\x00\x00\x00\x00WAVEfmt nonsense", errors.UnreadableAudioError),
        (3.5, errors.UnreadableAudioError),
    ],
)
def test_what_cannot_be_judged_is_refused_by_its_own_error(source, error):
    with pytest.raises(error) as caught:
        load_audio(source)
    assert type(caught.value) is error
    assert str(caught.value).endswith(".")


def test_a_quiet_voice_is_not_silence():
    assert len(load_audio((SAMPLE_RATE, tone() * 3e-4))) == SAMPLE_RATE


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_audio(tmp_path / "missing.wav")
    with pytest.raises(errors.UnreadableAudioError):
        load_audio(tmp_path)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "m4a", "webm"])
def test_a_file_cut_in_half_is_refused_or_read_as_far_as_it_goes(tmp_path, ffmpeg, suffix):
    source, path = tmp_path / "a.wav", tmp_path / f"a.{suffix}"
    soundfile.write(source, tone(4.0), SAMPLE_RATE)
    ffmpeg("-i", source, path)
    data = path.read_bytes()
    with contextlib.suppress(errors.UnreadableAudioError, errors.EmptyAudioError):
        assert len(load_audio(data[: len(data) // 2])) < 4 * SAMPLE_RATE


def test_a_webm_that_claims_no_length_is_cut_at_ten_minutes(tmp_path, ffmpeg):
    path = tmp_path / "a.webm"
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=620", "-f", "webm", "-b:a", "16k", "-live", "1", path)
    with pytest.raises(errors.TooLongError):
        load_audio(path)


def test_ffmpeg_is_killed_at_its_deadline(tmp_path, ffmpeg, monkeypatch):
    path = tmp_path / "a.m4a"
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=60", path)
    fake = tmp_path / "bin" / "ffmpeg"  # a decoder that hangs, whatever it is asked
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexec sleep 321\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    monkeypatch.setattr(decoders, "FFMPEG_TIMEOUT_S", 0.5)
    start = time.monotonic()
    with pytest.raises(errors.UnreadableAudioError, match="stopped"):
        load_audio(path)
    assert time.monotonic() - start < 5
    assert subprocess.run(["pgrep", "-f", "sleep 321"], capture_output=True).returncode == 1


# --- without ffmpeg, or a part of it --------------------------------------------------------------


def damaged_flac() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(6.0), SAMPLE_RATE, format="FLAC")
    data = bytearray(file.getvalue())
    data[len(data) // 2] ^= 0x10
    return bytes(data)


WITHOUT = {
    "a kind that only ffmpeg reads": (b"\x1aE\xdf\xa3" + bytes(100), "needs {}, which is not"),
    "a broken header": (b"RIFF\x00\x00\x00\x00WAVEfmt nonsense", "without {}, which is not"),
    "a broken middle": (damaged_flac(), "without {}, which is not"),
}


@pytest.mark.parametrize("missing", ["ffmpeg", "ffprobe"])
@pytest.mark.parametrize("what", WITHOUT)
def test_without_ffmpeg_the_sentence_says_so(tmp_path, monkeypatch, what, missing):
    if missing == "ffprobe":
        (tmp_path / "ffmpeg").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    data, sentence = WITHOUT[what]
    path = tmp_path / "sound"
    path.write_bytes(data)
    for sound in (path, data):
        with pytest.raises(errors.UnreadableAudioError, match=sentence.format(missing)) as told:
            load_audio(sound)
        assert "damaged" not in str(told.value)
        assert "M4A" not in str(told.value)  # nor is advised what cannot be read here


def test_what_is_no_sound_is_not_put_down_to_a_missing_ffmpeg(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(errors.UnreadableAudioError, match="not a sound file") as told:
        load_audio(b"these are words, not sound" * 9)
    assert "ffmpeg" not in str(told.value) and "M4A" not in str(told.value)


# --- memory -------------------------------------------------------------------------------------


def peak_memory_mb(path: Path) -> tuple[float, str]:
    """Peak memory of a process that loads `path`, and what it said."""
    code = (
        "import re, sys\nfrom ser.sound.audio import load_audio\n"
        "try:\n    print(len(load_audio(sys.argv[1])))\n"
        "except ValueError as error:\n    print(type(error).__name__)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    command = [sys.executable, "-c", code, str(path)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    said, megabytes = out.split()
    return float(megabytes), said


@pytest.fixture(scope="module")
def flac_bomb(tmp_path_factory) -> Path:
    """Two hours of eight silent channels in a small file."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.flac"
    minute = np.zeros((60 * 8000, 8), np.int16)
    with soundfile.SoundFile(path, "w", 8000, 8, "PCM_16") as sound:
        for _ in range(120):
            sound.write(minute)
    assert path.stat().st_size < 10e6
    return path


def test_a_small_file_of_two_hours_costs_little_memory(flac_bomb):
    megabytes, said = peak_memory_mb(flac_bomb)
    assert said == "TooLongError"
    assert megabytes < 300


def test_nor_does_one_that_hides_its_length(flac_bomb, tmp_path):
    data = bytearray(flac_bomb.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path = tmp_path / "hidden.flac"
    path.write_bytes(data)
    megabytes, said = peak_memory_mb(path)
    assert said == "TooLongError"
    assert megabytes < 300


def test_a_wav_whose_header_claims_more_than_the_file_holds(tmp_path, noise):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise, SAMPLE_RATE)
    data = bytearray(path.read_bytes())
    position = data.index(b"data") + 4
    data[position : position + 4] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(data)
    np.testing.assert_allclose(load_audio(path), noise, atol=SIXTEEN_BITS)


# --- the path a real download takes --------------------------------------------------------------


def test_original_48_khz_files_equal_the_16_khz_corpus(corpora_root):
    originals = sorted((corpora_root / "ravdess-original").rglob("*.wav"))
    assert len(originals) == 13
    for path in originals:
        small = corpora_root / "ravdess" / path.parent.name / f"{path.stem}.flac"
        np.testing.assert_allclose(load_audio(path), load_audio(small), atol=SIXTEEN_BITS)


# --- what libsndfile takes for something else -----------------------------------------------------


@pytest.mark.parametrize("n_channels", [1, 2])
def test_ima_in_aiff_is_decoded_as_apple_lays_it_out(tmp_path, speech, ffmpeg, n_channels):
    source, path = tmp_path / "a.wav", tmp_path / "a.aifc"
    soundfile.write(source, np.repeat(speech[:, None], n_channels, axis=1), SAMPLE_RATE)
    ffmpeg("-i", source, "-c:a", "adpcm_ima_qt", "-f", "aiff", path)
    for sound in (path, path.read_bytes()):
        heard = load_audio(sound)[: len(speech)]
        assert np.corrcoef(heard, speech)[0, 1] > 0.99  # four bits a sample


def ima_wav(speech: np.ndarray, *before: bytes) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, speech, SAMPLE_RATE, format="WAV", subtype="IMA_ADPCM")
    data = file.getvalue()
    return data[:12] + b"".join(before) + data[12:]


@pytest.mark.parametrize("n_before", [0, 3])
def test_ima_in_wav_is_kept_from_libsndfile(speech, ffmpeg, n_before, monkeypatch):
    """Its reader multiplies lengths of the header in 32 bits, and writes where they lead."""
    data = ima_wav(speech, *[b"JUNK\x04\0\0\0\0\0\0\0"] * n_before)
    monkeypatch.setattr(decoders, "_SoundFile", None)
    heard = load_audio(data)[: len(speech)]
    assert np.corrcoef(heard, speech)[0, 1] > 0.99


def test_without_ffmpeg_ima_is_a_sentence(monkeypatch, speech):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(errors.UnreadableAudioError, match="without ffmpeg"):
        load_audio(ima_wav(speech))


def test_without_ffmpeg_it_is_a_sentence(monkeypatch, speech):
    file = io.BytesIO()
    soundfile.write(file, speech, SAMPLE_RATE, format="AIFF", subtype="IMA_ADPCM")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(errors.UnreadableAudioError, match="without ffmpeg"):
        load_audio(file.getvalue())
