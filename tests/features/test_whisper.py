import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from ser.features import FeatureConfig, extract, frame_times_s
from ser.features.whisper import HOP_LENGTH, N_MELS, POWER_FLOOR, whisper_log_mel
from ser.sound.windows import hear
from tests import bounds
from tests.bounds import assert_within

pytestmark = pytest.mark.numeric

CONFIG = FeatureConfig(kind="whisper", version=2)


def test_log_mel_is_that_of_transformers(speech):
    speech = speech[8000:]  # begins amid the voice, for what lies before it counts
    extractor = WhisperFeatureExtractor(feature_size=N_MELS)
    theirs = extractor(speech, sampling_rate=16_000, padding=False, return_tensors="np")
    expected = theirs["input_features"][0].T
    assert_within(bounds.whisper_levels(speech, expected), whisper_log_mel(speech), expected)


def test_silence_is_the_floor():
    level = np.log10(POWER_FLOOR)
    found = whisper_log_mel(np.zeros(1600, np.float32))
    expected = np.full(found.shape, (level + 4) / 4)
    assert_within(bounds.rounding(2, level) / 4, found, expected)  # the floor, its logarithm


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
