"""Channels that hear different things: those with a voice are heard, and what was done is said."""

import json

import numpy as np
import pytest
import soundfile

from ser.__main__ import main
from ser.sound.audio import SAMPLE_RATE, load_audio, read_audio
from tests.page.app_server import EXAMPLES


@pytest.fixture(scope="module")
def two() -> np.ndarray:
    """Two voices, (n_samples, 2): one after the other begins, each in a channel of its own."""
    voices = [load_audio(EXAMPLES / f"{name}.flac") for name in ("low-and-slow", "high-and-slow")]
    n = max(map(len, voices)) + SAMPLE_RATE
    first, second = voices
    return np.column_stack(
        [np.pad(first, (0, n - len(first))), np.pad(second, (n - len(second), 0))]
    )


def hum(n: int, rate_hz: int, peak: float) -> np.ndarray:
    t = np.arange(n) / rate_hz
    return (sum(peak / k * np.sin(2 * np.pi * 50 * k * t) for k in range(1, 6))).astype("f4")


FAULTY = {
    "hum": lambda n: hum(n, SAMPLE_RATE, 0.2),
    "quiet hum": lambda n: hum(n, SAMPLE_RATE, 0.002),
    "noise": lambda n: 0.05 * np.random.default_rng(0).standard_normal(n).astype("f4"),
    "crackle": lambda n: (np.random.default_rng(0).random(n) > 0.999).astype("f4") * 0.3,
}


@pytest.mark.parametrize("fault", FAULTY)
@pytest.mark.parametrize("voice_channel", [0, 1])
def test_a_faulty_channel_is_left_out_and_said(speech, fault, voice_channel):
    voice = 0.3 * speech / np.abs(speech).max()
    channels = [voice, FAULTY[fault](len(voice))]
    heard = read_audio((SAMPLE_RATE, np.column_stack(channels[:: 1 - 2 * voice_channel])))
    np.testing.assert_array_equal(heard.waveform, voice)
    assert heard.warnings == [
        f"Only channel {voice_channel + 1} was heard: nobody speaks in the others."
    ]


def test_one_of_several(speech):
    voice = 0.3 * speech / np.abs(speech).max()
    others = [FAULTY[name](len(voice)) for name in ("hum", "noise")]
    heard = read_audio((SAMPLE_RATE, np.column_stack([others[0], voice, others[1], voice])))
    np.testing.assert_allclose(heard.waveform, voice, atol=1e-7)
    assert heard.warnings == ["Only channels 2 and 4 were heard: nobody speaks in the others."]


@pytest.mark.parametrize("rate_hz", [8_000, SAMPLE_RATE, 44_100])
def test_two_people_are_said(two, rate_hz, tmp_path):
    at = np.arange(0, len(two) - 1, SAMPLE_RATE / rate_hz)
    samples = np.column_stack([np.interp(at, np.arange(len(two)), one) for one in two.T])
    soundfile.write(tmp_path / "call.wav", samples, rate_hz)
    heard = read_audio(tmp_path / "call.wav")
    assert len(heard.warnings) == 1
    assert "Different people speak in channels 1 and 2" in heard.warnings[0]
    mean = load_audio((rate_hz, samples.mean(axis=1).astype("f4")))
    np.testing.assert_allclose(heard.waveform, mean, atol=1e-3)


def test_the_answer_and_the_command_line_say_it(two, tmp_path, capsys):
    soundfile.write(tmp_path / "call.wav", two, SAMPLE_RATE)
    assert main(["--json", str(tmp_path / "call.wav")]) == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert sum("Different people speak" in warning for warning in warnings) == 1


@pytest.mark.parametrize("delay_s", [0.0, 0.003, 0.02])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_one_voice_at_two_microphones_is_their_mean(speech, delay_s, gain):
    delay = int(delay_s * SAMPLE_RATE)
    far = gain * np.pad(speech, (delay, 0))[: len(speech)]
    stereo = np.column_stack([speech, far]).astype("f4")
    heard = read_audio((SAMPLE_RATE, stereo))
    np.testing.assert_array_equal(heard.waveform, stereo.mean(axis=1, dtype="f4"))
    assert heard.warnings == []


def test_a_voice_over_hum_in_one_of_two_is_one_person(speech):
    voice = 0.3 * speech / np.abs(speech).max()
    t = np.arange(len(voice)) / SAMPLE_RATE
    hummed = voice + 0.2 * np.sin(2 * np.pi * 50 * t)
    heard = read_audio((SAMPLE_RATE, np.column_stack([voice, hummed]).astype("f4")))
    assert heard.warnings == []


def test_where_nobody_speaks_it_is_the_mean(noise):
    other = np.random.default_rng(1).standard_normal(len(noise)).astype("f4") * np.linspace(
        0, 0.2, len(noise), dtype="f4"
    )
    stereo = np.column_stack([noise, other])
    heard = read_audio((SAMPLE_RATE, stereo))
    np.testing.assert_array_equal(heard.waveform, stereo.mean(axis=1, dtype="f4"))
    assert heard.warnings == []
