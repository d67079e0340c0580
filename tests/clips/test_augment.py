"""Augmentation does what its numbers say."""

from dataclasses import fields

import numpy as np
import pytest
import soundfile

from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from train.clips.augment import (
    Augmentation,
    AugmentConfig,
    Background,
    apply,
    background_noise,
    draw,
)
from train.clips.effects import Room, active_rms
from train.corpora import CorpusError

pytestmark = pytest.mark.numeric

NOTHING = Augmentation(None, None, None, 0)


@pytest.fixture
def tone():
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    return (0.25 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)


def peak_hz(waveform):
    return np.abs(np.fft.rfft(waveform)).argmax() * bin_hz(waveform)


def bin_hz(waveform):
    return SAMPLE_RATE / len(waveform)


def test_nothing_happens_to_a_copy_that_drew_nothing(tone):
    np.testing.assert_array_equal(apply(tone, NOTHING), tone)


def test_stretch_changes_length_and_keeps_pitch(tone):
    out = apply(tone, Augmentation(1.05, None, None, 0))
    assert len(out) == pytest.approx(len(tone) / 1.05, abs=0.5)  # a whole number
    assert peak_hz(out) == pytest.approx(500, abs=bin_hz(out))


def test_pitch_changes_by_semitones_and_keeps_length(tone):
    out = apply(tone, Augmentation(None, 1.0, None, 0))
    assert len(out) == len(tone)
    assert peak_hz(out) == pytest.approx(500 * 2 ** (1 / 12), abs=bin_hz(out))


def test_noise_is_a_factor_of_a_peak_of_one(tone):
    out = apply(tone, Augmentation(None, None, 0.004, 7))
    noise = out - tone / tone.max()
    error = 5 / np.sqrt(2 * len(tone))  # standard errors of a deviation
    assert noise.std() == pytest.approx(0.004, rel=error)


def of_share(share, n):
    """Four standard errors of how often it happens in `n` draws."""
    return 4 * np.sqrt(share * (1 - share) / n)


def test_each_kind_happens_by_itself_at_its_rate_and_within_its_range():
    config = AugmentConfig(copies=1)
    rng = np.random.default_rng(0)
    drawn = [draw(config, rng) for _ in range(4000)]
    happens = np.array(
        [
            [a.stretch_rate is not None, a.pitch_semitones is not None, a.noise_factor is not None]
            for a in drawn
        ]
    )
    np.testing.assert_allclose(happens.mean(axis=0), 0.3, atol=of_share(0.3, 4000))
    assert happens.all(axis=1).mean() == pytest.approx(0.027, abs=of_share(0.027, 4000))
    stretches = [a.stretch_rate for a in drawn if a.stretch_rate]
    pitches = [a.pitch_semitones for a in drawn if a.pitch_semitones]
    factors = [a.noise_factor for a in drawn if a.noise_factor]
    assert 0.95 <= min(stretches) < 0.955 and 1.045 < max(stretches) <= 1.05
    assert -1 <= min(pitches) < -0.9 and 0.9 < max(pitches) <= 1
    assert 0.001 <= min(factors) < 0.0015 and 0.0045 < max(factors) <= 0.005


def test_the_generator_alone_decides(tone):
    config = AugmentConfig(copies=1, probability=1.0)
    one, two, other = (apply(tone, draw(config, np.random.default_rng(s))) for s in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert len(one) != len(other)


KINDS = {
    "speed": "speed_rate",
    "vocal_tract": "vocal_tract",
    "room": "room",
    "background": "background",
    "gain": "gain_db",
    "tilt": "tilt_db_per_octave",
    "telephone": "telephone",
    "codec": "codec",
}


def test_the_founding_draws_are_what_they_were():
    drawn = draw(AugmentConfig(copies=1, probability=0.5), np.random.default_rng((0, 17, 3)))
    rng = np.random.default_rng((0, 17, 3))
    stretch, pitch, noise = rng.uniform(0.95, 1.05), rng.uniform(-1, 1), rng.uniform(0.001, 0.005)
    happens = rng.random(3) < 0.5
    expected = [v if h else None for v, h in zip((stretch, pitch, noise), happens, strict=True)]
    assert [drawn.stretch_rate, drawn.pitch_semitones, drawn.noise_factor] == expected
    assert drawn.noise_seed == rng.integers(2**32)
    assert all(getattr(drawn, name) is None for name in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_each_other_kind_happens_at_its_own_rate_and_changes_no_other_draw(kind):
    config = AugmentConfig(copies=1, **{f"{kind}_probability": 0.3})
    every = AugmentConfig(copies=1, **{f"{k}_probability": 1.0 for k in KINDS})
    n_happened = 0
    for seed in range(100):
        drawn, founding, full = (
            draw(c, np.random.default_rng(seed)) for c in (config, AugmentConfig(copies=1), every)
        )
        value = getattr(drawn, KINDS[kind])
        n_happened += value is not None
        assert value in (None, getattr(full, KINDS[kind]))
        for field in fields(Augmentation):
            if field.name != KINDS[kind]:
                assert getattr(drawn, field.name) == getattr(founding, field.name)
    assert n_happened / 100 == pytest.approx(0.3, abs=of_share(0.3, 100))


def test_draws_stay_within_their_ranges():
    config = AugmentConfig(
        copies=1,
        max_speed=0.1,
        min_snr_db=5,
        max_snr_db=8,
        backgrounds=["pink", "white"],
        codecs=["mp3"],
        **{f"{k}_probability": 1.0 for k in KINDS},
    )
    drawn = [draw(config, np.random.default_rng(seed)) for seed in range(200)]
    rates = [a.speed_rate for a in drawn]
    assert 0.9 <= min(rates) < 0.91 and 1.09 < max(rates) <= 1.1
    assert {a.background.kind for a in drawn} == {"pink", "white"}
    assert all(5 <= a.background.snr_db <= 8 for a in drawn)
    assert all(0.15 <= a.room.rt60_s <= 0.5 for a in drawn)
    assert {a.codec[0] for a in drawn} == {"mp3"}


@pytest.fixture
def corpus_of_noise(tmp_path, monkeypatch):
    """Two clips of noise: a low and a high tone."""
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    (tmp_path / "noise").mkdir()
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for name, hz in (("low", 200), ("high", 3000)):
        samples = 0.3 * np.sin(2 * np.pi * hz * t)
        soundfile.write(tmp_path / "noise" / f"{name}.wav", samples, SAMPLE_RATE)


@pytest.mark.parametrize("kind", ["clips", "pink", "white"])
def test_a_background_lies_under_the_voice_at_its_ratio(tone, corpus_of_noise, kind):
    background = Background(kind, 10.0, 0.7, 3)
    noise = apply(tone, Augmentation(None, None, None, 0, background=background)) - tone
    rms = np.sqrt(np.mean(np.square(noise, dtype=np.float64)))
    ratio_db = 20 * np.log10(active_rms(tone) / rms)
    # Noise laid under a voice is rounded as the voice is.
    share = bounds.rounding(2, (tone.max() + np.abs(noise).max()) / rms)
    assert ratio_db == pytest.approx(10, abs=bounds.decibels(2 * share, 10))


def test_backgrounds_are_what_they_are_called(corpus_of_noise):
    clips = [background_noise(Background("clips", 0, place, 3), 20000) for place in (0.2, 0.7)]
    assert [peak_hz(clip) for clip in clips] == pytest.approx(
        [3000, 200], abs=bin_hz(clips[0])
    )  # by name
    for kind, fall_db in (("white", 0.0), ("pink", -3.0)):
        power = np.abs(np.fft.rfft(background_noise(Background(kind, 0, 0, 1), 2**17))) ** 2
        n = 2 ** np.arange(10, 16)
        octaves = [10 * np.log10(power[start : 2 * start].mean()) for start in n]
        # Four standard errors; the power of noise deviates by as much as it is.
        errors = 4 * bounds.decibels(np.sqrt(1 / n[:-1] + 1 / n[1:]), 0)
        bounds.assert_within(errors, np.diff(octaves), np.full(len(errors), fall_db))


def test_without_clips_of_noise_it_says_so(tone, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    with pytest.raises(CorpusError, match="noise"):
        apply(tone, Augmentation(None, None, None, 0, background=Background("clips", 0, 0, 0)))


@pytest.mark.parametrize(
    "change",
    [
        {"speed_rate": 1.1},
        {"vocal_tract": 1.1},
        {"room": Room((4, 3, 2.5), (0.3, 0.4, 0.5), (0.7, 0.6, 0.5), 0.3)},
        {"gain_db": 3.0},
        {"tilt_db_per_octave": 3.0},
        {"telephone": True},
        {"codec": ("mp3", 0.9)},
        {"codec": ("opus", 0.9)},
    ],
    ids=str,
)
def test_what_is_drawn_is_applied(tone, change):
    out = apply(tone, Augmentation(None, None, None, 0, **change))
    assert out.dtype == np.float32 and np.isfinite(out).all()
    assert len(out) != len(tone) or np.abs(out - tone).max() > 1e-3


def test_everything_at_once_is_a_sound(speech, corpus_of_noise):
    probabilities = {f"{kind}_probability": 1.0 for kind in KINDS}
    config = AugmentConfig(copies=1, probability=1.0, **probabilities)
    for seed in range(3):
        out = apply(speech, draw(config, np.random.default_rng(seed)))
        assert out.dtype == np.float32 and np.isfinite(out).all()
        assert 0.7 * len(speech) < len(out) < 1.4 * len(speech)
        again = apply(speech, draw(config, np.random.default_rng(seed)))
        np.testing.assert_array_equal(out, again)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"speed_probability": 1.5}, "speed_probability is a number from 0 to 1, not 1.5"),
        ({"backgrounds": ["rain"]}, "backgrounds are one or more of clips, pink, white"),
        ({"codecs": "mp3"}, "codecs are one or more"),
        ({"min_snr_db": 20, "max_snr_db": 10}, "max_snr_db is a number from 20"),
    ],
)
def test_a_slip_is_named(wrong, word):
    with pytest.raises(ValueError, match=word):
        AugmentConfig(**wrong)
