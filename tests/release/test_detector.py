"""Silero's detector as matrix products is Silero's detector."""

import numpy as np
import onnxruntime
import pytest
import torch

from ser.sound.speech import CONTEXT, MODEL, N_STATE, OFFICIAL, STEP
from tests import bounds
from train.release import detector

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def both():
    return [onnxruntime.InferenceSession(path) for path in (OFFICIAL, MODEL)]


@pytest.mark.parametrize("n_steps", [1, 2, 61])
@pytest.mark.parametrize("gain", [1e-4, 0.1, 1.0])
def test_it_answers_as_the_official_file_does(both, speech, n_steps, gain):
    steps = np.lib.stride_tricks.sliding_window_view(speech, CONTEXT + STEP)[::STEP][-n_steps:]
    given = np.random.default_rng(n_steps).normal(size=(2, 1, 1, N_STATE)).astype(np.float32)
    inputs = {"input": gain * steps, "h": np.tanh(given[0]), "c": given[1]}
    expected, found = (session.run(None, inputs) for session in both)
    assert expected[0].shape == (n_steps,)
    for ours, theirs in zip(found, expected, strict=True):  # other batches, the same network
        bounds.assert_within(bounds.STREAM_FOR_FILE * np.maximum(1, np.abs(theirs)), ours, theirs)


def test_the_file_here_is_the_one_that_is_written(tmp_path):
    detector.write(target=tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == MODEL.read_bytes()


@pytest.mark.parametrize(("n_frames", "stride"), [(4, 1), (4, 2), (2, 2), (1, 1)])
def test_a_convolution_is_a_product(n_frames, stride):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(5, 3, 3)).astype(np.float32)
    frames = rng.normal(size=(2, n_frames, 3)).astype(np.float32)
    expected = torch.nn.functional.conv1d(
        torch.from_numpy(frames).transpose(1, 2), torch.from_numpy(weight), None, stride, 1
    )
    expected = expected.transpose(1, 2).flatten(1).numpy()
    product = detector.as_product(weight, n_frames, stride)
    bound = bounds.product(frames.reshape(2, -1), product)
    bounds.assert_within(bound, frames.reshape(2, -1) @ product, expected)
