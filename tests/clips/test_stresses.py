"""What the stress report does to a clip: levels, lengths and responses that are known."""

import io

import numpy as np
import pytest
import soundfile

from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.high_pass import high_pass
from ser.sound.segments import clip_segments
from ser.sound.speech import STEP
from tests import bounds
from train.clips import background_sounds, effects, stresses
from train.clips.effects import Room
from train.clips.stresses import LINE, ROOM, SMALL


@pytest.fixture
def no_sounds(tmp_path, monkeypatch):
    """Neither gathered sounds nor CREMA-D; returns where sounds would lie."""
    monkeypatch.setenv("SER_SOUNDS", str(tmp_path / "sounds"))
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))
    for cached in (stresses.files_of, background_sounds.babblers):
        cached.cache_clear()
    yield tmp_path / "sounds"
    for cached in (stresses.files_of, background_sounds.babblers):
        cached.cache_clear()


def test_every_change_keeps_the_voice_in_the_clip(speech, no_sounds):
    made = {name: t for name, t in stresses.stresses().items() if t.change}
    assert len(made) > 20
    for name, test in made.items():
        changed = test.change(speech, np.random.default_rng(0))
        assert changed.dtype == np.float32 and np.isfinite(changed).all(), name
        assert abs(len(changed) - len(speech)) <= 0.1 * SAMPLE_RATE, name
        spectrum = (
            np.fft.rfft(changed, 2 * len(speech)) * np.fft.rfft(speech, 2 * len(speech)).conj()
        )
        agreement = np.fft.irfft(spectrum).max() / np.linalg.norm(changed) / np.linalg.norm(speech)
        assert agreement > 0.3, name


def test_what_cannot_be_made_says_why(no_sounds):
    missing = {name: t.missing for name, t in stresses.stresses().items() if not t.change}
    assert missing["music, SNR 20 dB"] == stresses.NO_SOUNDS
    assert "CREMA-D" in missing["babble, SNR 20 dB"]
    assert {"coughing and sneezing, SNR 20 dB", "telephone, AMR"} <= set(missing)


def test_a_sound_of_a_background_lies_as_far_below_the_speech_as_its_name_says(speech, no_sounds):
    (no_sounds / "machines").mkdir(parents=True)
    hum = np.sin(2 * np.pi * 400 * np.arange(8000) / 8000).astype(np.float32)
    soundfile.write(no_sounds / "machines" / "hum.wav", hum, 8000, subtype="FLOAT")
    test = stresses.stresses()["environment, SNR 20 dB"]
    added = test.change(speech, np.random.default_rng(0)) - speech
    snr = effects.active_rms(speech) / np.sqrt(np.mean(np.square(added, dtype=np.float64)))
    # The sum is rounded to float32 and the speech taken from it again.
    error = bounds.rounding(2, np.abs(speech).max()) / np.sqrt(np.mean(added**2))
    assert 20 * np.log10(snr) == pytest.approx(20, abs=bounds.decibels(2 * error, 20))
    assert test.unchanged == 0.9 and test.ua_loss == 0.05


def test_an_excerpt_is_as_long_as_asked_and_at_16_khz(tmp_path):
    samples = np.sin(2 * np.pi * 440 * np.arange(44_100 * 3) / 44_100)
    soundfile.write(tmp_path / "a.wav", np.stack([samples, samples], axis=1), 44_100)
    heard = background_sounds.excerpt(tmp_path / "a.wav", 1.0, np.random.default_rng(0))
    assert len(heard) == SAMPLE_RATE
    assert np.abs(np.fft.rfft(heard)).argmax() == 440
    whole = background_sounds.excerpt(tmp_path / "a.wav", 9.0, np.random.default_rng(0))
    assert len(whole) == 3 * SAMPLE_RATE


def test_only_what_is_no_speech_is_cut_off(speech, no_sounds):
    around = np.zeros(SAMPLE_RATE // 4, np.float32)
    clip = np.concatenate([around, speech, around])
    tests = stresses.stresses()
    for name in ("up to 0.1 s before speech cut off", "up to 0.1 s after speech cut off"):
        cut = tests[name].change(clip, np.random.default_rng(0))
        assert len(clip) - len(cut) == 0.1 * SAMPLE_RATE
        first = clip_segments(high_pass(speech))[0][0].start * STEP
        tight = tests[name].change(speech[first:], np.random.default_rng(0))
        assert "after" in name or len(speech) - first - len(tight) <= 2 * STEP


@pytest.mark.parametrize("rt60_s", stresses.ROOMS)
def test_a_room_has_the_reverberation_time_of_its_name(rt60_s):
    told = stresses._told_of(stresses.ROOMS[rt60_s])
    assert told["measured_rt60_s"] == pytest.approx(rt60_s, abs=0.02)


def test_the_reverberation_time_of_a_known_decay():
    at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    decay = noise * 10 ** (-3 * at / 0.5)  # 60 dB in half a second
    assert effects.measured_rt60_s(decay) == pytest.approx(0.5, rel=0.05)


def test_a_room_heard_in_one_step_or_in_two(speech):
    room = Room((4.0, 3.0, 2.5), (0.3, 0.4, 0.6), (0.6, 0.6, 0.5), 0.3)
    in_two = effects.through_room(speech, *effects.room_response(room))
    np.testing.assert_array_equal(effects.reverberate(speech, room), in_two)


def kbit_s(waveform, codec, compression, bitrate_mode=None):
    file = io.BytesIO()
    file_format, subtype = effects.CODECS[codec]
    told = {"compression_level": compression, "bitrate_mode": bitrate_mode}
    soundfile.write(file, waveform, SAMPLE_RATE, format=file_format, subtype=subtype, **told)
    return 8 * len(file.getvalue()) / (len(waveform) / SAMPLE_RATE) / 1000


def test_mp3_has_the_bit_rate_of_its_name(speech):
    long = np.tile(speech, 10)
    assert kbit_s(long, "mp3", **effects.MP3_32) == pytest.approx(32, rel=0.01)


def test_opus_has_the_bit_rate_of_its_name_on_average(ravdess):
    """It gives each sound what it needs."""
    clips = np.concatenate([load_audio(u.path) for u in ravdess[::144]])
    assert kbit_s(clips, "opus", **effects.OPUS_16) == pytest.approx(16, abs=1.5)


def test_what_comes_through_mp3_is_not_late(speech, no_sounds):
    heard = stresses.stresses()["MP3, 32 kbit/s"].change(speech, np.random.default_rng(0))
    assert len(heard) == len(speech)
    spectrum = np.fft.rfft(heard) * np.fft.rfft(speech).conj()
    assert np.fft.irfft(spectrum).argmax() == 0


def test_lines_pass_what_their_names_say():
    at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = (0.1 * np.sin(2 * np.pi * hz * at) for hz in (100, 5000))

    def level(change, sound):
        return np.sqrt(np.mean(np.square(change(sound.astype(np.float32))[2000:-2000])))

    for change in (effects.telephone_band, effects.g711, effects.gsm):
        assert level(change, high) < 0.02 * level(lambda x: x, high)
    assert level(effects.telephone_band, low) < 0.05 * level(lambda x: x, low)
    assert level(effects.g711, low) == pytest.approx(level(lambda x: x, low), rel=0.05)


def test_a_microphone_has_the_response_that_it_was_given():
    click = np.zeros(4096, np.float32)
    click[2048] = 1.0
    heard = effects.coloured(click, (0, 1000, 4000, 8000), (0.0, 0.0, 12.0, 12.0))
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(heard)))
    at = {hz: gain_db[round(hz * 4096 / SAMPLE_RATE)] for hz in (500, 6000)}
    assert at[6000] - at[500] == pytest.approx(12, abs=0.5)  # the window of the filter smooths


def test_families_and_bounds_are_those_of_the_report(no_sounds):
    tests = stresses.stresses().values()
    assert {t.unchanged for t in tests if t.family == SMALL} == {0.95}
    assert {t.ua_loss for t in tests if t.family in (LINE, ROOM)} == {0.05}
    curve = [t for t in tests if t.name.startswith("white noise") and t.family != SMALL]
    assert [t.unchanged is not None for t in curve] == [False, True, False, False, False]
