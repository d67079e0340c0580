"""A recording from its file to its timeline: channels, damage, limits, memory."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.recordings import reading
from ser.recordings.timeline import NO_SPEECH, CancelledError, Segment, Timeline, timeline
from ser.sound import errors
from ser.sound.audio import SAMPLE_RATE
from tests.cli.typed import ROOT
from tests.recordings.conversations import joined


@pytest.fixture(scope="module")
def heard(pipeline, turns):
    return timeline(pipeline, (SAMPLE_RATE, turns.samples))


def borders(found):
    return [(segment.start_s, segment.end_s) for segment in found.segments]


# --- what it says -----------------------------------------------------------------------------


def test_a_timeline_says_what_it_heard(heard, turns, pipeline):
    assert heard.duration_s == pytest.approx(len(turns.samples) / SAMPLE_RATE)
    assert 0 < heard.speech_s < sum(end - start for start, end in borders(heard)) + 1e-9
    assert sum(heard.shares().values()) == pytest.approx(1)
    assert heard.warnings == [] and heard.channels == [None]
    assert heard.model["name"] == pipeline.checkpoint.name
    said = json.loads(json.dumps(heard.to_dict()))
    assert [s["label"] for s in said["segments"]] == [s.label for s in heard.segments]
    for segment in said["segments"]:
        assert list(segment["probabilities"]) == list(LABELS)
        assert segment["end_ms"] > segment["start_ms"] >= 0


def segment(start_s, end_s, label, share=1.0, channel=None):
    probabilities = np.full(8, 0.0)
    probabilities[LABELS.index(label or "neutral")] = 1.0
    return Segment(start_s, end_s, channel, label, probabilities, 1.0, share)


def test_shares_are_of_the_time_of_speech():
    segments = [segment(0, 4, "happy", 0.5), segment(5, 11, "sad"), segment(12, 14, None)]
    shares = Timeline(segments, 20.0, [], {}).shares()
    assert (shares["happy"], shares["sad"]) == (0.25, 0.75)
    assert Timeline([], 5.0, [], {}).shares() == dict.fromkeys(LABELS, 0.0)


def test_a_track_goes_from_middle_to_middle_and_pauses_in_silence():
    happy, sad = LABELS.index("happy"), LABELS.index("sad")
    segments = [segment(0, 2, "happy"), segment(2.4, 4.4, "sad"), segment(10, 12, "happy")]
    times_s, drawn = Timeline(segments, 13.0, [], {}).track()
    assert times_s.tolist() == np.arange(0, 13, 0.5).tolist()
    at = dict(zip(times_s.tolist(), drawn, strict=True))
    assert at[1.0][happy] == 1.0 and at[0.5][happy] == 1.0
    assert at[2.0][sad] == pytest.approx(1 / 2.4)  # 1 s after the first middle, of 2.4 s
    assert np.nansum(drawn, axis=1).max() == pytest.approx(1)
    silent = [t for t, p in at.items() if np.isnan(p).all()]
    assert silent == [4.5, *np.arange(5, 10, 0.5), 12.5]
    by_channel = Timeline([segment(0, 2, "happy", channel=2)], 3.0, [], {}, [1, 2])
    assert np.isnan(by_channel.track(1)[1]).all() and not np.isnan(by_channel.track(2)[1]).all()


def test_noise_and_a_tone_are_a_timeline_without_speech(pipeline, noise):
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    for sound in (noise, tone):
        found = timeline(pipeline, (SAMPLE_RATE, sound))
        assert (found.segments, found.warnings, found.speech_s) == ([], [NO_SPEECH], 0)


def test_only_some_emotions(pipeline, turns, heard):
    found = timeline(pipeline, (SAMPLE_RATE, turns.samples), emotions=["happy", "sad"])
    assert borders(found) == borders(heard)
    for some, every in zip(found.segments, heard.segments, strict=True):
        kept = every.probabilities[[2, 3]]
        assert some.probabilities[[2, 3]] == pytest.approx(kept / kept.sum())
        assert some.confidence == some.probabilities.max() and some.label in ("happy", "sad")
    with pytest.raises(ValueError, match="none of the emotions"):
        timeline(pipeline, (SAMPLE_RATE, turns.samples), emotions=["joy", "sad"])


@pytest.fixture(scope="module")
def second_version(tmp_path_factory):
    """A pipeline of front-end version 2, of random weights."""
    torch.manual_seed(0)
    arguments = {"size": 64, "n_heads": 2, "layers": [1, 2]}
    features = FeatureConfig(kind="whisper", version=2)
    config = CheckpointConfig("whisper_statistics", arguments, features)
    model = config.build()
    for parameter in model.encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    folder = tmp_path_factory.mktemp("second")
    checkpoint.save(folder, model, config)
    return EmotionPipeline.from_pretrained(folder)


def test_version_two_of_the_front_end_hears_the_same_utterances(second_version, turns, heard):
    found = timeline(second_version, (SAMPLE_RATE, turns.samples))
    assert borders(found) == borders(heard)
    for one in found.segments:
        assert one.probabilities.sum() == pytest.approx(1)
    for size in (1, 2_000, 4_800):  # less than a model needs
        (one,) = timeline(second_version, (SAMPLE_RATE, turns.samples[: 25_000 + size])).segments
        assert np.isfinite(one.probabilities).all()


# --- channels ---------------------------------------------------------------------------------


def shifted(turns):
    """The same turns by another person, each in the pauses of the first."""
    other = joined(turns.clips[::-1], [2.6, 1.0, 1.6, 1.0]).samples[: len(turns.samples)]
    return np.pad(other, (0, len(turns.samples) - len(other)))


CHANNELS = {
    "the same twice": (lambda x, _: [x, x], [None], ""),
    "another microphone": (lambda x, _: [x, 0.2 * np.roll(x, 90)], [None], ""),
    "a person each": (lambda x, y: [x, y], [1, 2], "differ: each was heard by itself"),
    "a dead one": (lambda x, _: [0 * x, x], [2], "Silent: channel 1"),
    "an inverted one": (lambda x, _: [x, -x], [1], "cancel each other"),
    "an offset is dead": (lambda x, _: [x, 0 * x + 0.2], [1], "Silent: channel 2"),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels(pipeline, turns, heard, name):
    make, channels, sentence = CHANNELS[name]
    samples = np.stack(make(turns.samples, shifted(turns)), axis=1).astype(np.float32)
    found = timeline(pipeline, (SAMPLE_RATE, samples))
    assert found.channels == channels
    assert sentence in " ".join(found.warnings) and (not sentence) == (not found.warnings)
    for channel in channels:
        own = [(s.start_s, s.end_s) for s in found.segments if s.channel == channel]
        if name == "another microphone":
            np.testing.assert_allclose(own, borders(heard), atol=0.1)
        elif channels != [1, 2] or channel == 1:
            assert own == borders(heard)
        else:
            assert len(own) == len(turns.clips)
    starts = [s.start_s for s in found.segments]
    assert starts == sorted(starts)


def test_hum_in_one_channel_leaves_the_speech_of_the_other(pipeline, turns, heard):
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(len(turns.samples)) / SAMPLE_RATE)
    samples = np.stack([hum, turns.samples], axis=1).astype(np.float32)
    found = timeline(pipeline, (SAMPLE_RATE, samples))
    assert borders(found) == borders(heard)
    assert {segment.channel for segment in found.segments} == {2}


# --- files, whole and not ---------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_a_file_by_name_and_by_its_bytes(pipeline, turns, heard, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, turns.samples, SAMPLE_RATE)
    for source in (path, path.read_bytes()):
        found = timeline(pipeline, source)
        np.testing.assert_allclose(borders(found), borders(heard), atol=0.15)


def test_ffmpeg_reads_more_than_ten_minutes(turns, tmp_path, ffmpeg):
    soundfile.write(tmp_path / "a.wav", turns.samples, SAMPLE_RATE)
    times = ("-stream_loop", 60, "-i", tmp_path / "a.wav")
    ffmpeg(*times, "-c:a", "pcm_s16le", tmp_path / "a.mkv")
    read = reading.Reading(tmp_path / "a.mkv")
    n_frames = sum(len(block) for block in read.blocks())
    assert n_frames / read.rate_hz == pytest.approx(61 * len(turns.samples) / SAMPLE_RATE, abs=0.2)
    assert n_frames / read.rate_hz > 601


SILENT = np.zeros(SAMPLE_RATE, np.float32)
BAD = {
    "no bytes": (b"", errors.EmptyAudioError),
    "no samples": ((SAMPLE_RATE, SILENT[:0]), errors.EmptyAudioError),
    "one sample": ((SAMPLE_RATE, SILENT[:1]), errors.TooShortError),
    "silent": ((SAMPLE_RATE, SILENT), errors.SilentError),
    "silent twice": ((SAMPLE_RATE, np.zeros((SAMPLE_RATE, 2))), errors.SilentError),
    "an offset": ((SAMPLE_RATE, SILENT + 0.3), errors.SilentError),
    "no numbers": ((SAMPLE_RATE, np.full(SAMPLE_RATE, np.nan)), errors.NotFiniteError),
    "no numbers twice": ((SAMPLE_RATE, np.full((SAMPLE_RATE, 2), np.inf)), errors.NotFiniteError),
    "a rate of none": ((100, SILENT), errors.UnsupportedRateError),
    "nine channels": ((SAMPLE_RATE, np.zeros((SAMPLE_RATE, 9))), errors.TooManyChannelsError),
    "words": (b"only words" * 20, errors.UnreadableAudioError),
    "a number": (3.5, errors.UnreadableAudioError),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence(pipeline, name):
    source, kind = BAD[name]
    with pytest.raises(kind) as told:
        timeline(pipeline, source)
    assert str(told.value).endswith((".", "!")) and len(str(told.value)) > 20


def test_what_is_no_file(pipeline, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        timeline(pipeline, tmp_path / "none.wav")
    with pytest.raises(errors.UnreadableAudioError, match="folder"):
        timeline(pipeline, tmp_path)
    with pytest.raises(errors.UnreadableAudioError, match="a pipe or a device"):
        timeline(pipeline, "/dev/zero")


def test_over_three_hours_is_refused_before_it_is_read(pipeline, tmp_path):
    soundfile.write(tmp_path / "a.wav", SILENT[:1], SAMPLE_RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    endless = tmp_path / "endless.wav"
    data[40:44] = struct.pack("<I", 0)  # as a recorder leaves it that was killed
    endless.write_bytes(data)
    with endless.open("r+b") as file:
        file.truncate(10**10)  # zeros that take no room
    with pytest.raises(errors.TooLongError, match="Longer than 3 hours"):
        timeline(pipeline, endless)


def test_an_endless_file_of_unknown_length_is_left_at_three_hours(tmp_path, monkeypatch, speech):
    monkeypatch.setattr(reading, "MAX_DURATION_S", 3.0)
    soundfile.write(tmp_path / "a.flac", np.tile(speech, 4), SAMPLE_RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # the number of samples, as in a pipe: unknown
    data[22:26] = bytes(4)
    read = reading.Reading(bytes(data))
    assert read.n_frames is None
    with pytest.raises(errors.TooLongError):
        for _ in read.blocks():
            assert read.n_read <= 3 * SAMPLE_RATE


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3"])
def test_a_file_cut_in_half_is_heard_as_far_as_it_goes_and_says_so(
    pipeline, turns, tmp_path, suffix
):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, turns.samples, SAMPLE_RATE)
    assert timeline(pipeline, path).warnings == []
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    whole_s = len(turns.samples) / SAMPLE_RATE
    for source in (path, path.read_bytes()):
        found = timeline(pipeline, source)
        assert 0.25 * whole_s < found.duration_s < 0.7 * whole_s  # whole blocks only
        assert found.segments
        assert any(
            text.startswith("Cut off: 0:1") or text.startswith("Damaged after")
            for text in found.warnings
        ), found.warnings


def damaged_flac(turns, tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.tile(turns.samples, 4), SAMPLE_RATE)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = bytes(60_000)
    path.write_bytes(data)
    return path


def test_damage_in_the_middle_loses_nothing_before_it(pipeline, turns, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # where no ffmpeg lies
    found = timeline(pipeline, damaged_flac(turns, tmp_path))
    whole_s = 4 * len(turns.samples) / SAMPLE_RATE
    assert 0.3 * whole_s < found.duration_s < 0.6 * whole_s
    assert len(found.segments) >= len(turns.clips)
    assert any(text.startswith("Damaged after 0:") for text in found.warnings)


def test_another_decoder_goes_on_behind_the_damage(turns, tmp_path, ffmpeg):
    read = reading.Reading(damaged_flac(turns, tmp_path))
    n_frames = sum(len(block) for block in read.blocks())
    assert n_frames == read.n_read > 0.7 * read.n_frames


# --- progress, cancel, memory -----------------------------------------------------------------


def test_progress_goes_from_start_to_end(pipeline, turns):
    told = []
    timeline(pipeline, (SAMPLE_RATE, turns.samples), progress=lambda *said: told.append(said))
    heard_s, total_s = zip(*told, strict=True)
    assert list(heard_s) == sorted(heard_s)
    assert set(total_s) == {len(turns.samples) / SAMPLE_RATE} and heard_s[-1] == total_s[-1]


@pytest.mark.parametrize("n_channels", [1, 2])
def test_cancel(pipeline, turns, n_channels):
    samples = np.stack([turns.samples] * n_channels, axis=1)
    asked = []
    with pytest.raises(CancelledError):
        timeline(
            pipeline, (SAMPLE_RATE, samples), cancelled=lambda: asked.append(1) or len(asked) > 2
        )
    assert len(asked) == 3


MEMORY = """
import sys
from pathlib import Path
import numpy as np
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
from ser.recordings import timeline as module
from ser.recordings.judged import Answer
from ser.sound.audio import load_audio
from ser.checkpoints.checkpoint import GOLDEN_CLIP
one_thread()
keep_memory()
pipeline = EmotionPipeline.from_pretrained()
module.timeline(pipeline, GOLDEN_CLIP)
even = np.full(8, 1 / 8)
module.judge = lambda *_: Answer("calm", even, 1 / 8)  # its time is long, its memory none
found = module.timeline(pipeline, sys.argv[1])
most_kb = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(len(found.segments), int(most_kb) // 1024)
"""


def test_memory_does_not_grow_with_the_recording(turns, tmp_path):
    most = {}
    for minutes in (2, 30):
        path = tmp_path / f"{minutes}.wav"
        n_times = round(minutes * 60 * SAMPLE_RATE / len(turns.samples))
        soundfile.write(path, np.tile(turns.samples, n_times), SAMPLE_RATE)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)], cwd=ROOT, capture_output=True, text=True
        )
        n_segments, most[minutes] = map(int, done.stdout.split())
        assert n_segments >= n_times * len(turns.clips)
    size_mb = 30 * 60 * SAMPLE_RATE * 4 / 2**20  # of the samples, were they all held
    assert most[30] - most[2] < 0.25 * size_mb
