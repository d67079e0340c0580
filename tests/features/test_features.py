"""Known-answer signals, and the founding bugs that features had."""

import json

import librosa
import numpy as np
import pytest
import scipy.signal

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.features import (
    FeatureConfig,
    extract,
    frame_times_s,
    front_end,
    mel,
    spectral,
    speech_span,
)
from ser.sound.audio import SAMPLE_RATE, load_audio
from tests import bounds

pytestmark = pytest.mark.numeric

WHOLE = FeatureConfig(trim_db=None)

FRAMES = {  # the founding definition, in librosa's words
    "n_fft": 512,
    "win_length": 400,
    "hop_length": 160,
    "window": "hamming",
    "n_mels": 40,
    "pad_mode": "constant",
}


def librosa_mfcc39(waveform: np.ndarray) -> np.ndarray:
    waveform = waveform - waveform.mean()
    mfcc = librosa.feature.mfcc(
        y=waveform / np.abs(waveform).max(),
        sr=SAMPLE_RATE,
        n_mfcc=13,
        **FRAMES,
    )
    deltas = [librosa.feature.delta(mfcc, order=order) for order in (1, 2)]
    values = np.concatenate([mfcc, *deltas]).T
    return (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-8)


def scaled(waveform: np.ndarray) -> np.ndarray:
    waveform = waveform - waveform.mean()
    return waveform / np.abs(waveform).max()


def level_bound(waveform: np.ndarray, config: FeatureConfig, noise: float = 0.0) -> np.ndarray:
    """Of `_log_mel`, (n_frames, n_mels) in dB, with as much noise in a sample."""
    window = scipy.signal.get_window("hamming", config.window_length)
    frames = bounds.windowed(waveform, window, config.n_fft, config.hop_length)
    filters = mel.mel_filters(config.n_fft, config.n_mels)
    of_log = bounds.log_energy(frames, filters, config.dynamic_range_db, noise)
    return bounds.decibels(of_log, front_end._log_mel(waveform, config))


def mfcc39_bound(waveform: np.ndarray, config: FeatureConfig, noise: float = 0.0) -> np.ndarray:
    """Of `extract`, (n_frames, 39): that of the levels through each step, all errors in line."""
    start, stop = speech_span(waveform, config)
    speech = scaled(waveform[start:stop])
    of_mfcc = level_bound(speech, config, noise) @ np.abs(spectral.dct(config.n_mels)[:, :13])
    width = front_end.DELTA_WIDTH
    around = np.pad(of_mfcc, ((width // 2, width // 2), (0, 0)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(around, width, axis=0).max(axis=2)
    kernels = [scipy.signal.savgol_coeffs(width, order, deriv=order) for order in (1, 2)]
    bound = np.concatenate([of_mfcc, *(np.abs(k).sum() * around for k in kernels)], axis=1)
    values = front_end._mfcc39(speech, config)
    deviation = values.std(axis=0)
    away = np.abs(values - values.mean(axis=0)) / deviation
    return (bound + (1 + away) * bound.mean(axis=0)) / deviation  # mean and deviation err, too


def test_mfcc39_is_librosas(speech):
    bounds.assert_within(
        mfcc39_bound(speech, WHOLE), extract(speech, WHOLE), librosa_mfcc39(speech)
    )


@pytest.mark.parametrize("range_db", [80.0, 50.0])
def test_unnormalised_levels_are_librosas_but_for_roundings(speech, range_db):
    config = FeatureConfig(trim_db=None, dynamic_range_db=range_db)
    mel = librosa.feature.melspectrogram(y=scaled(speech), sr=SAMPLE_RATE, **FRAMES)
    expected = librosa.power_to_db(mel, top_db=range_db).T
    found = front_end._log_mel(scaled(speech), config)
    bounds.assert_within(level_bound(scaled(speech), config), found, expected)


def test_mel_filters_are_librosas():
    expected = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=512, n_mels=40)
    # Both are float64 rounded to float32, once here and twice there; at a triangle's foot two
    # frequencies of up to 8 kHz cancel in float64.
    foot = bounds.rounding(2, SAMPLE_RATE / 2, bounds.FLOAT64) * expected.max()
    bound = bounds.rounding(2, expected) + foot
    bounds.assert_within(bound, mel.mel_filters(512, 40), expected)


def test_trim_is_librosas(speech):
    padded = np.concatenate([np.zeros(8000), speech, np.zeros(5000)]).astype(np.float32)
    start, stop = speech_span(padded, FeatureConfig(trim_db=25.0))
    _, (first, last) = librosa.effects.trim(padded, top_db=25, frame_length=400, hop_length=160)
    margin = front_end.TRIM_MARGIN_FRAMES * 160
    # A frame more or less: a constant offset is no sound here, and is one to librosa.
    assert abs(start - (first - margin)) <= 160
    assert abs(stop - (last + margin)) <= 160


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0])
def test_a_tone_is_loudest_in_the_band_around_it(hz):
    waveform = np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    edges = librosa.mel_frequencies(n_mels=42, fmax=8000)
    band = int(front_end._log_mel(waveform, WHOLE)[50].argmax())
    assert edges[band] < hz < edges[band + 2]


def test_slope_and_curvature_of_a_growing_sound_are_known():
    """The level of a sound that grows by 100 dB/s: slope 1 dB a frame, curvature 0."""
    t = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    waveform = (10 ** (100 * (t - 0.5) / 20) * np.sign(rng.standard_normal(len(t)))).astype("f4")
    values = front_end._mfcc39(waveform, WHOLE)[10:-10]
    level_per_db = np.sqrt(40)  # orthonormal DCT: c0 is sqrt(n_mels) times the mean band
    level, n = values[:, 0], len(values)
    noise = (level - np.polyval(np.polyfit(np.arange(n), level, 1), np.arange(n))).std()
    noise *= np.sqrt(WHOLE.window_length / WHOLE.hop_length)  # windows overlap: fewer than n
    for order, expected in ((1, level_per_db), (2, 0.0)):
        kernel = scipy.signal.savgol_coeffs(front_end.DELTA_WIDTH, order, deriv=order)
        weights = np.convolve(np.full(n, 1 / n), kernel)  # of each frame in the mean derivative
        error = 3 * noise * np.linalg.norm(weights)  # standard errors
        assert np.mean(values[:, 13 * order]) == pytest.approx(expected, abs=error)


def test_a_constant_offset_does_not_decide(speech):
    config = FeatureConfig(dynamic_range_db=50.0)
    peak = np.abs(speech).max()
    noise = bounds.rounding(1, (peak + 0.01) / peak)  # each sample is rounded with the offset
    bound = mfcc39_bound(speech, config, noise)
    bounds.assert_within(bound, extract(speech + 0.01, config), extract(speech, config))


@pytest.mark.parametrize("kind", ["mfcc39", "logmel"])
def test_shape_and_normalisation(speech, kind):
    config = FeatureConfig(kind=kind)
    values = extract(speech, config)
    assert values.dtype == np.float32
    assert values.shape == (len(frame_times_s(speech, config)), config.n_features)
    start, stop = speech_span(speech, config)
    (compute,) = (part.compute for part in config.parts)
    before = compute(scaled(speech[start:stop]), config)
    # Mean and deviation are sums over the frames of values that lie far from zero.
    size = np.abs(before).max(axis=0) / before.std(axis=0)
    bound = bounds.rounding(len(before), size)
    bounds.assert_within(bound, values.mean(axis=0), np.zeros(config.n_features))
    bounds.assert_within(bound, values.std(axis=0), np.ones(config.n_features))


def test_loudness_does_not_decide(speech):
    quiet = extract(speech * np.float32(2.0**-5), FeatureConfig())  # -30 dB, and no bit is lost
    np.testing.assert_array_equal(quiet, extract(speech, FeatureConfig()))


def test_deltas_are_of_the_whole_sequence(speech):
    """The founding bug: slopes computed chunk by chunk differ at every seam."""
    loud = scaled(speech)
    whole = front_end._mfcc39(loud, WHOLE)
    half = len(loud) // 320 * 160
    parts = [front_end._mfcc39(part, WHOLE) for part in (loud[:half], loud[half:])]
    seam = half // 160
    assert np.abs(whole[seam - 3 : seam, 13:26] - parts[0][-4:-1, 13:26]).max() > 1.0


def test_times_are_of_the_original_recording(speech):
    config = FeatureConfig()
    early = np.pad(speech, SAMPLE_RATE // 2)
    later = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), early])
    np.testing.assert_array_equal(extract(later, config), extract(early, config))  # trimmed alike
    expected = frame_times_s(early, config) + 1.0
    bound = bounds.rounding(2, expected, bounds.FLOAT64)  # a quotient, and the sum above
    bounds.assert_within(bound, frame_times_s(later, config), expected)


@pytest.mark.parametrize("where", [0, 5000, 15_999])
def test_a_click_keeps_enough_frames_for_deltas(where):
    waveform = np.zeros(16_000, np.float32)
    waveform[where] = 1.0
    assert len(extract(waveform, FeatureConfig())) >= front_end.DELTA_WIDTH


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(400, np.float32),  # one frame
        np.zeros((2, 16_000), np.float32),  # what librosa silently misreads
        np.zeros(16_000, np.int16),
        np.full(16_000, np.nan, np.float32),
    ],
)
def test_what_is_no_whole_recording_is_refused(waveform):
    with pytest.raises(ValueError):
        extract(waveform, FeatureConfig())


def test_config_is_a_value_that_survives_json(speech):
    config = FeatureConfig(trim_db=25.0)
    reloaded = FeatureConfig(**json.loads(json.dumps(config.to_dict())))
    assert reloaded == config
    np.testing.assert_array_equal(extract(speech, reloaded), extract(speech, config))
    with pytest.raises(ValueError, match="mfcc39"):
        FeatureConfig(kind="mfcc40")


def test_file_equals_array(speech):
    from_file = extract(load_audio(GOLDEN_CLIP), FeatureConfig())
    from_array = extract(load_audio((SAMPLE_RATE, speech)), FeatureConfig())
    np.testing.assert_array_equal(from_file, from_array)
