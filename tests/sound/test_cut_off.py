"""Half-arrived files: where the header tells how long the sound should be, a warning does, too."""

import io
import re

import numpy as np
import pytest
import soundfile

from ser.recordings.reading import Reading
from ser.sound.audio import MISSING_S, AudioError, read_audio
from tests.sound.hostile import CONTAINERS, encoded, voice

SECONDS = 4.0
TELLING = ["wav", "flac", "aiff", "au", "caf"]  # whose header has the length


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("suffix", TELLING)
def test_both_lengths_are_told(suffix, tenth):
    data = encoded(voice(SECONDS), suffix)
    try:
        sound = read_audio(data[: len(data) * tenth // 10])
    except AudioError:
        return  # which is a sentence, too
    there_s = len(sound.waveform) / 16_000
    assert there_s < SECONDS
    if SECONDS - there_s > MISSING_S:
        (warning,) = sound.warnings
        promised, there = map(float, re.findall(r"([\d.]+) s", warning))
        assert promised == pytest.approx(SECONDS, abs=0.06), warning
        assert there == pytest.approx(there_s, abs=0.06)


@pytest.mark.parametrize("suffix", ["m4a", "webm", "opus", "mp3"])
def test_so_they_are_of_what_ffmpeg_reads(tmp_path, ffmpeg, suffix):
    source, path = tmp_path / "a.wav", tmp_path / f"a.{suffix}"
    soundfile.write(source, voice(20.0), 16_000)
    more = ["-movflags", "faststart"] if suffix == "m4a" else []
    ffmpeg("-i", source, "-b:a", "64k", *more, path)
    assert read_audio(path).warnings == []
    data = path.read_bytes()
    try:
        sound = read_audio(data[: len(data) // 2])
    except AudioError:
        return
    there_s = len(sound.waveform) / 16_000
    assert 5 < there_s < 15
    if suffix == "opus":
        assert sound.warnings == ["Cut off: the end of the file is missing."]
    else:
        assert re.search(r"Cut off: 0:(19|20) were promised", sound.warnings[0])


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_whole_file_is_not_called_cut_off(suffix, rate_hz):
    form, subtype = CONTAINERS[suffix]
    for n_channels in (1, 2):
        samples = np.repeat(voice(3.3, rate_hz)[:, None], n_channels, axis=1)
        file = io.BytesIO()
        soundfile.write(file, samples, rate_hz, format=form, subtype=subtype)
        assert read_audio(file.getvalue()).warnings == []


@pytest.mark.parametrize("suffix", ["m4a", "webm", "aac", "wma", "opus", "mp3", "mp4"])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_nor_is_a_whole_one_of_ffmpeg(tmp_path, ffmpeg, suffix, rate_hz):
    source, path = tmp_path / "a.wav", tmp_path / f"a.{suffix}"
    soundfile.write(source, voice(3.3, rate_hz), rate_hz)
    ffmpeg("-i", source, path)
    assert read_audio(path).warnings == []


@pytest.mark.parametrize("suffix", ["m4a", "3gp"])
def test_of_joined_mp4_one_is_heard_and_both_lengths_are_told(tmp_path, ffmpeg, suffix):
    source, path = tmp_path / "a.wav", tmp_path / f"a.{suffix}"
    soundfile.write(source, voice(2.5), 16_000)
    ffmpeg("-i", source, "-c:a", "aac", path)
    one = path.read_bytes()
    assert read_audio(one).warnings == []
    (told,) = read_audio(one + one).warnings
    assert re.fullmatch(r"Cut off: 5\.\d s were promised, 2\.\d s are there\.", told)


@pytest.mark.parametrize("tenth", range(3, 10))
def test_an_ogg_says_where_it_ends(tmp_path, tenth):
    data = encoded(voice(20.0), "ogg")
    path = tmp_path / "a.ogg"
    path.write_bytes(data[: len(data) * tenth // 10])
    missing = ["Cut off: the end of the file is missing."]
    assert read_audio(path).warnings == read_audio(path.read_bytes()).warnings == missing
    reading = Reading(path)
    assert sum(map(len, reading.blocks())) == reading.n_read and reading.warnings() == missing
    path.write_bytes(data + path.read_bytes())
    assert read_audio(path).warnings == missing  # of the second of two
    path.write_bytes(data + data)
    assert read_audio(path).warnings == []


def test_a_prediction_says_it_first(pipeline):
    data = encoded(voice(SECONDS), "wav")
    warnings = pipeline.predict(data[: len(data) // 2]).warnings
    assert warnings[0] == "Cut off: 4.0 s were promised, 2.0 s are there."
