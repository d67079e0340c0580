import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from ser.features import FeatureConfig, extract, frame_times_s
from ser.features.whisper import HOP_LENGTH, N_MELS, POWER_FLOOR, RANGE, whisper_log_mel
from ser.sound.windows import hear

CONFIG = FeatureConfig(kind="whisper", version=2)


def test_log_mel_is_that_of_transformers(speech):
    extractor = WhisperFeatureExtractor(feature_size=N_MELS)
    theirs = extractor(speech, sampling_rate=16_000, padding=False, return_tensors="np")
    expected = theirs["input_features"][0].T
    # A power is summed up in float32 from 400 products, relative to the loudest bin of its frame:
    # what lies as far under that as the range allows has the largest error.
    bound = 400 * np.finfo(np.float32).eps * 10 ** (RANGE / 2) / np.log(10) / 4
    np.testing.assert_allclose(whisper_log_mel(speech), expected, rtol=0, atol=bound)


def test_silence_is_the_floor():
    expected = (np.log10(POWER_FLOOR) + 4) / 4
    np.testing.assert_allclose(whisper_log_mel(np.zeros(1600, np.float32)), expected, rtol=1e-6)


def test_frames_and_their_times_agree_with_the_samples(speech):
    (window,) = hear(speech, CONFIG.version).windows
    features = extract(window.samples, CONFIG)
    assert features.shape == (len(window.samples) // HOP_LENGTH, CONFIG.n_features)
    times_s = frame_times_s(window.samples, CONFIG)
    assert len(times_s) == len(features)
    assert np.diff(times_s) == pytest.approx(0.01)


@pytest.mark.parametrize("wrong", [{"kind": "whisper+mfcc39"}, {"hop_length": 80}])
def test_it_stands_alone(wrong):
    with pytest.raises(ValueError, match="stands alone"):
        FeatureConfig(**{"kind": "whisper", **wrong})


def test_a_version_that_is_none_is_refused():
    with pytest.raises(ValueError, match="version of the front-end"):
        FeatureConfig(version=3)


def test_version_1_is_not_told_so_that_older_code_reads_it():
    assert "version" not in FeatureConfig().to_dict()
    assert FeatureConfig(**CONFIG.to_dict()) == CONFIG
