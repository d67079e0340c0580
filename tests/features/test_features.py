"""Known-answer signals, and the founding bugs that features had."""

import json

import librosa
import numpy as np
import pytest

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.features import FeatureConfig, extract, frame_times_s, front_end, mel, speech_span
from ser.sound.audio import SAMPLE_RATE, load_audio

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


def test_mfcc39_is_librosas(speech):
    # Before normalisation the largest difference is 6e-5 dB; a quiet derivative's std magnifies it.
    np.testing.assert_allclose(extract(speech, WHOLE), librosa_mfcc39(speech), atol=1e-3)


def test_unnormalised_mfcc_equal_librosas_within_a_ten_thousandth_of_a_db(speech):
    scaled = speech / np.abs(speech).max()
    mel = librosa.feature.melspectrogram(
        y=scaled,
        sr=SAMPLE_RATE,
        **FRAMES,
    )
    for range_db in (80.0, 50.0):
        config = FeatureConfig(trim_db=None, dynamic_range_db=range_db)
        expected = librosa.power_to_db(mel, top_db=range_db).T
        np.testing.assert_allclose(front_end._log_mel(scaled, config), expected, atol=1e-4)


def test_mel_filters_are_librosas():
    expected = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=512, n_mels=40)
    np.testing.assert_allclose(mel.mel_filters(512, 40), expected, atol=1e-8)


def test_trim_is_librosas(speech):
    padded = np.concatenate([np.zeros(8000), speech, np.zeros(5000)]).astype(np.float32)
    start, stop = speech_span(padded, FeatureConfig(trim_db=25.0))
    _, (first, last) = librosa.effects.trim(padded, top_db=25, frame_length=400, hop_length=160)
    margin = front_end.TRIM_MARGIN_FRAMES * 160
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
    assert np.mean(values[:, 13]) == pytest.approx(level_per_db, rel=0.05)
    assert np.mean(values[:, 26]) == pytest.approx(0.0, abs=0.1)


def test_a_constant_offset_does_not_decide(speech):
    config = FeatureConfig(dynamic_range_db=50.0)
    np.testing.assert_allclose(extract(speech + 0.01, config), extract(speech, config), atol=1e-2)


@pytest.mark.parametrize("kind", ["mfcc39", "logmel"])
def test_shape_and_normalisation(speech, kind):
    config = FeatureConfig(kind=kind)
    values = extract(speech, config)
    assert values.dtype == np.float32
    assert values.shape == (len(frame_times_s(speech, config)), config.n_features)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-3)


def test_loudness_does_not_decide(speech):
    quiet = extract(speech * np.float32(10 ** (-30 / 20)), FeatureConfig())
    np.testing.assert_allclose(quiet, extract(speech, FeatureConfig()), atol=1e-3)


def test_deltas_are_of_the_whole_sequence(speech):
    """The founding bug: slopes computed chunk by chunk differ at every seam."""
    scaled = speech / np.abs(speech).max()
    whole = front_end._mfcc39(scaled, WHOLE)
    half = len(scaled) // 320 * 160
    parts = [front_end._mfcc39(part, WHOLE) for part in (scaled[:half], scaled[half:])]
    seam = half // 160
    assert np.abs(whole[seam - 3 : seam, 13:26] - parts[0][-4:-1, 13:26]).max() > 1.0


def test_times_are_of_the_original_recording(speech):
    config = FeatureConfig()
    early = np.pad(speech, SAMPLE_RATE // 2)
    later = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), early])
    np.testing.assert_allclose(extract(later, config), extract(early, config), atol=1e-3)
    np.testing.assert_allclose(
        frame_times_s(later, config), frame_times_s(early, config) + 1.0, atol=1e-9
    )


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
