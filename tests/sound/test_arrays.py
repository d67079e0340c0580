"""Arrays in the forms that other libraries give."""

import numpy as np
import pytest
import torch

from ser.sound import errors
from ser.sound.audio import SAMPLE_RATE, load_audio

STEP = 2.0**-15


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("n_bits", [16, 24, 32])
def test_integers_wider_than_what_they_hold(noise, dtype, n_bits):
    samples = (noise * 2 ** (n_bits - 1)).astype(dtype)
    np.testing.assert_allclose(load_audio((SAMPLE_RATE, samples)), noise, atol=STEP)


def test_a_quiet_recording_of_24_bits_that_was_moved_up_stays_quiet(noise):
    samples = (noise * 2**23 / 1000).astype("int32") << 8
    np.testing.assert_allclose(load_audio((SAMPLE_RATE, samples)), noise / 1000, atol=2.0**-23)


def test_a_list_of_16_bit_samples(noise):
    samples = (noise * 2**15).astype(int).tolist()
    np.testing.assert_allclose(load_audio((SAMPLE_RATE, samples)), noise, atol=STEP)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_on_the_scale_of_16_bits(noise, dtype):
    samples = (noise * 2**15).astype(dtype)
    np.testing.assert_allclose(load_audio((SAMPLE_RATE, samples)), noise, atol=STEP)


def test_floats_beyond_full_scale_stay_as_they_are(noise):
    np.testing.assert_array_equal(load_audio((SAMPLE_RATE, noise * 30)), noise * 30)


@pytest.mark.parametrize("n_channels", [1, 2, 8])
def test_channels_first(noise, n_channels):
    first = np.repeat(noise[None], n_channels, axis=0)
    np.testing.assert_array_equal(
        load_audio((SAMPLE_RATE, first)), load_audio((SAMPLE_RATE, first.T))
    )
    np.testing.assert_allclose(load_audio((SAMPLE_RATE, torch.from_numpy(first))), noise, atol=1e-7)


@pytest.mark.parametrize("rate", [16_000.0, np.int64(16_000), np.float32(16_000)])
def test_a_rate_of_any_kind_of_number(noise, rate):
    np.testing.assert_array_equal(load_audio((rate, noise)), noise)


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        ((None, np.zeros(9000)), "sample rate of None"),
        ((float("nan"), np.zeros(9000)), "sample rate of nan"),
        (("16000", np.zeros(9000)), "sample rate of '16000'"),
        ((True, np.zeros(9000)), "sample rate of True"),
        ((22_050.5, np.zeros(9000)), "whole number of Hz"),
        ((np.zeros(9000), SAMPLE_RATE), "first of the two is an array"),
        ((SAMPLE_RATE, np.zeros(9000), "wav"), "tuple of 3"),
        ((SAMPLE_RATE, [[0.1], [0.1, 0.2]]), "no array of numbers"),
        ((SAMPLE_RATE, np.full(9000, 1e6)), "Samples up to 1e"),
        ((SAMPLE_RATE, np.full(9000, -np.inf)), "not numbers"),
        ((SAMPLE_RATE, np.float32(0.5)), r"shape \(\)"),
        ((SAMPLE_RATE, np.zeros(9000, complex)), "complex128"),
        ((SAMPLE_RATE, np.zeros(9000, bool)), "bool"),
    ],
)
def test_other_forms_are_named(sound, words):
    with pytest.raises(errors.AudioError, match=words):
        load_audio(sound)
