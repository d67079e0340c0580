"""What a model sees of a window, as ONNX: `ser.features.extract`.

A short-time Fourier transform is a convolution with cosines and sines, one every hop: exact at
every length, and fast in ONNX Runtime also where it runs in a browser.
"""

import math

import numpy as np

from ser.features import FeatureConfig, whisper
from ser.features.front_end import WHISPER
from ser.features.mel import mel_filters
from train.release.nodes import Nodes

KINDS = (WHISPER,)  # that can be exported


def features(g: Nodes, window: str, config: FeatureConfig) -> str:
    """Features (1, n_frames, n_features) of a window of samples (n,)."""
    log_mel = _whisper(g, window)
    return g.Unsqueeze(g.Transpose(log_mel, perm=[1, 0]), [0])


def _whisper(g: Nodes, window: str) -> str:
    """`whisper.whisper_log_mel`, (N_MELS, n_frames)."""
    n_fft, hop = whisper.N_FFT, whisper.HOP_LENGTH
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    mirrored = g.Pad(window, [n_fft // 2, n_fft // 2], mode="reflect")
    power = _power(g, mirrored, hann, n_fft, hop)
    power = g.cut(power, [0], g.Div(g.Shape(window), hop), 1)  # one more at the end is not seen
    mel = g.MatMul(mel_filters(n_fft, whisper.N_MELS), power)
    log_mel = g.Div(g.Log(g.Max(mel, whisper.POWER_FLOOR)), math.log(10))
    floor = g.Sub(g.ReduceMax(log_mel, keepdims=0), whisper.RANGE)
    return g.Div(g.Add(g.Max(log_mel, floor), 4.0), 4.0)


def _power(g: Nodes, padded: str, window: np.ndarray, n_fft: int, hop: int) -> str:
    """Power (n_bins, n_frames) of samples (n,), a window every hop."""
    turns = np.outer(np.arange(n_fft // 2 + 1), np.arange(len(window))) / n_fft
    waves = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)]) * window
    spectrum = g.Conv(g.Unsqueeze(padded, [0, 1]), waves[:, None].astype(np.float32), strides=[hop])
    square = g.Squeeze(g.Mul(spectrum, spectrum), [0])
    real, imaginary = g.Split(square, axis=0, num_outputs=2, n_outputs=2)
    return g.Add(real, imaginary)
