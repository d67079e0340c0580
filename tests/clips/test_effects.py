"""Effects on tones and noise whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from train.clips import effects

pytestmark = pytest.mark.numeric

TIME_S = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE


def tone(hz: float, peak: float = 0.3) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hz * TIME_S)).astype(np.float32)


def level_db(waveform: np.ndarray, hz: float) -> float:
    """Level of one frequency, relative to a sine of peak 1."""
    turning = np.exp(-2j * np.pi * hz * TIME_S[: len(waveform)])
    return 20 * np.log10(2 * abs(np.mean(waveform * turning)) + 1e-12)


def rms(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def test_gain_is_exact_and_clips_at_full_scale():
    expected = tone(200) / 10
    bounds.assert_within(bounds.rounding(3, expected), effects.gain(tone(200), -20), expected)
    louder = effects.gain(tone(200, peak=0.8), 6)
    assert louder.max() == 1 and louder.min() == -1
    assert np.mean(louder == 1) > 0.1


def test_noise_is_measured_against_the_speech_not_the_pauses(noise):
    """Half of the clip is silent: the noise is 20 dB under the other half."""
    voice = np.concatenate([tone(200), np.zeros_like(TIME_S, dtype=np.float32)])
    under = np.resize(noise, len(voice))
    added = effects.add_noise(voice, under, 20) - voice
    # Noise laid under a voice is rounded as the voice is.
    share = bounds.rounding(2, np.abs(voice).max() / rms(added))
    error = bounds.decibels(2 * share, 20)
    assert 20 * np.log10(rms(tone(200)) / rms(added)) == pytest.approx(20, abs=error)
    np.testing.assert_array_equal(effects.add_noise(voice, 0 * under, 20), voice)
    assert not effects.add_noise(0 * voice, under, 20).any()


def test_hum_has_the_lines_of_mains_and_nothing_between():
    for seed in range(8):
        hum = effects.mains_hum(len(TIME_S), np.random.default_rng(seed))
        power = np.square(np.abs(np.fft.rfft(hum * np.hanning(len(hum)))))
        hz = np.fft.rfftfreq(len(hum), 1 / SAMPLE_RATE)
        mains = hz[power.argmax()]
        base = min(effects.MAINS_HZ, key=lambda f: abs(mains / f - round(mains / f)))
        away = np.abs(hz / base - np.rint(hz / base)) * base
        top = base * effects.HUM_PARTIALS
        drift_hz = 4 / TIME_S[-1] + effects.MAINS_DRIFT * top  # Hann's main lobe, the grid's drift
        assert power[away > drift_hz].sum() < 1e-4 * power.sum()
        assert power[hz > top * (1 + effects.MAINS_DRIFT) + 2].sum() < 1e-4 * power.sum()


@pytest.mark.parametrize("db_per_octave", [3.0, -3.0])
def test_tilt_moves_each_octave_by_as_much_and_keeps_the_level(db_per_octave):
    chord = tone(500, 0.1) + tone(1000, 0.1) + tone(2000, 0.1) + tone(4000, 0.1)
    tilted = effects.tilt(chord, db_per_octave)
    levels = [level_db(tilted, hz) for hz in (500, 1000, 2000, 4000)]
    # What rings on beyond either end is under a hundredth of the two seconds, or 0.1 dB.
    np.testing.assert_allclose(np.diff(levels), db_per_octave, atol=0.1)
    assert rms(tilted) == pytest.approx(rms(chord), rel=bounds.rounding(2))  # of each sample
    assert not effects.tilt(np.zeros(1000, np.float32), db_per_octave).any()


def test_telephone_passes_its_band_only_and_adds_the_noise_of_eight_bits():
    lost = {
        hz: level_db(effects.telephone(tone(hz)), hz) - level_db(tone(hz), hz)
        for hz in (60, 1000, 2000, 6000)
    }
    assert abs(lost[1000]) < 0.5 and abs(lost[2000]) < 0.5
    assert lost[60] < -30 and lost[6000] < -40
    heard = effects.telephone(tone(1000))
    pure = 10 ** (level_db(heard, 1000) / 20) / np.sqrt(2)
    snr_db = 10 * np.log10(pure**2 / (rms(heard) ** 2 - pure**2))
    assert 30 < snr_db < 42  # G.711 gives about 37 dB over most of its range


def test_telephone_maps_silence_to_almost_nothing():
    step = np.expm1(np.log1p(effects.MU) / effects.MU) / effects.MU  # of the code, at zero
    assert np.abs(effects.telephone(np.zeros(5000, np.float32))).max() < 2 * step


@pytest.mark.parametrize("n_samples", [4801, 16_000, 16_001])
def test_length_and_type_stay(n_samples, noise):
    waveform = np.resize(noise, n_samples)
    for change in (
        lambda x: effects.gain(x, 6),
        lambda x: effects.add_noise(x, x, 10),
        lambda x: effects.tilt(x, 3),
        effects.telephone,
    ):
        changed = change(waveform)
        assert changed.shape == (n_samples,) and changed.dtype == np.float32


ROOM = effects.Room((5, 4, 3), (0.2, 0.43, 0.5), (0.64, 0.55, 0.39), rt60_s=0.4)


def test_a_click_in_a_room_rings_for_its_time():
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[1000] = 0.5
    heard = effects.reverberate(click, ROOM)
    first = int(np.argmax(np.abs(heard) > 0.5 * np.abs(heard).max()))
    assert abs(first - 1000) <= 1
    assert np.abs(heard[:950]).max() < 0.05 * np.abs(heard).max()
    left_db = 10 * np.log10(np.cumsum(np.square(heard[::-1], dtype=np.float64))[::-1] + 1e-20)
    start, stop = (int(np.argmax(left_db < left_db[0] - fall)) for fall in (5, 25))
    # Sabine's formula takes the sound for evenly spread, which it is not in so small a room.
    assert 3 * (stop - start) / SAMPLE_RATE == pytest.approx(ROOM.rt60_s, rel=0.25)


def test_a_room_keeps_length_and_level_and_longer_echoes_change_more():
    chirp = np.sin(2 * np.pi * (200 + 400 * TIME_S) * TIME_S).astype(np.float32) * 0.3
    changes = []
    for rt60_s in (0.05, 0.2, 0.5):  # the first is deader than this room can be
        heard = effects.reverberate(chirp, replace(ROOM, rt60_s=rt60_s))
        assert len(heard) == len(chirp) and heard.dtype == np.float32
        assert rms(heard) == pytest.approx(rms(chirp), rel=bounds.rounding(2))  # of each sample
        changes.append(rms(heard - chirp))
    assert changes[0] < changes[1] < changes[2]
    assert not effects.reverberate(0 * chirp, ROOM).any()


@pytest.mark.parametrize("codec", effects.CODECS)
def test_a_codec_loses_more_the_more_it_compresses(codec, speech):
    lost_db = []
    for compression in (0.0, 0.99):
        heard = effects.lossy(speech, codec, compression)
        assert len(heard) == len(speech) and heard.dtype == np.float32
        lost_db.append(20 * np.log10(rms(heard - speech) / rms(speech)))
    assert lost_db[0] < -15  # and nothing is shifted in time
    assert lost_db[0] < lost_db[1] - 5
