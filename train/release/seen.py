"""What a model sees of a window, as ONNX: `ser.features.extract`.

A short-time Fourier transform is a convolution with cosines and sines, one every hop: exact at
every length, and fast in ONNX Runtime also where it runs in a browser. Inside, features are
(n_features, n_frames).
"""

import math

import numpy as np
from onnx import TensorProto

from ser.features import DELTA_WIDTH, FeatureConfig, front_end, spectral, whisper
from ser.features.mel import mel_filters
from train.release.nodes import ALL, Nodes

FAR = 10**9  # frames, more than there are


def features(g: Nodes, window: str, config: FeatureConfig) -> str:
    """Features (1, n_frames, n_features) of a window of samples (n,).

    For version 1 they are cut to `span` already. Raises ValueError for kinds that are not here.
    """
    unknown = sorted(set(config.kind.split("+")) - set(_KINDS))
    if unknown:
        raise ValueError(f"Features of kind {' and '.join(unknown)} cannot be exported.")
    if config.version == 1:
        window = g.Sub(window, g.ReduceMean(window))
        peak = g.ReduceMax(g.Abs(window))
        window = g.Div(window, g.Where(g.Equal(peak, 0.0), 1.0, peak))
    columns = [_KINDS[kind](g, window, config) for kind in config.kind.split("+")]
    return g.Unsqueeze(g.Transpose(g.Concat(*columns, axis=0), perm=[1, 0]), [0])


def span(g: Nodes, window: str, config: FeatureConfig) -> tuple[str, str]:
    """`front_end.speech_span` of a window (n,): where it starts and stops, (1,) each."""
    n = g.Shape(window)
    if config.trim_db is None:
        return g.Mul(n, 0), n
    length, half = config.window_length, config.window_length // 2
    padded = g.Pad(g.Cast(window, to=TensorProto.DOUBLE), [half + 1, half])
    means = []
    for values in (padded, g.Mul(padded, padded)):
        sums = g.CumSum(values, 0)
        after = g.Slice(sums, [length], g.Add(n, length + 1), [0], [config.hop_length])
        before = g.Slice(sums, [0], g.Add(n, 1), [0], [config.hop_length])
        means.append(g.Div(g.Sub(after, before), np.array(float(length))))
    power = g.Max(g.Sub(means[1], g.Mul(means[0], means[0])), np.array(0.0))
    least = g.Mul(g.ReduceMax(power), np.array(10 ** (-config.trim_db / 10)))
    loud = g.Squeeze(g.NonZero(g.Greater(power, least)), [0])
    first = g.cut(g.Concat(loud, [0], axis=0), [0], [1])  # all of a flat line
    last = g.cut(g.Concat([FAR], loud, axis=0), [-1], [ALL])
    margin = front_end.TRIM_MARGIN_FRAMES
    start = g.Mul(g.Max(g.Sub(first, margin), 0), config.hop_length)
    return start, g.Min(g.Mul(g.Add(last, 1 + margin), config.hop_length), n)


def _whisper(g: Nodes, window: str, _: FeatureConfig) -> str:
    """`whisper.whisper_log_mel`."""
    n_fft, hop = whisper.N_FFT, whisper.HOP_LENGTH
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    mirrored = g.Pad(window, [n_fft // 2, n_fft // 2], mode="reflect")
    power = _power(g, mirrored, hann, n_fft, hop)
    power = g.cut(power, [0], g.Div(g.Shape(window), hop), 1)  # one more at the end is not seen
    mel = g.MatMul(mel_filters(n_fft, whisper.N_MELS), power)
    log_mel = g.Div(g.Log(g.Max(mel, whisper.POWER_FLOOR)), math.log(10))
    floor = g.Sub(g.ReduceMax(log_mel, keepdims=0), whisper.RANGE)
    return g.Div(g.Add(g.Max(log_mel, floor), 4.0), 4.0)


def _log_mel(g: Nodes, window: str, config: FeatureConfig) -> str:
    """`front_end._log_mel`, before it is normalised."""
    length = config.window_length
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / length)
    padded = g.Pad(window, [length // 2, length // 2])
    power = _power(g, padded, hamming, config.n_fft, config.hop_length)
    mel = g.MatMul(mel_filters(config.n_fft, config.n_mels), power)
    db = g.Mul(g.Log(g.Max(mel, front_end.POWER_FLOOR)), 10 / math.log(10))
    return g.Max(db, g.Sub(g.ReduceMax(db, keepdims=0), config.dynamic_range_db))


def _mfcc39(g: Nodes, window: str, config: FeatureConfig) -> str:
    """`front_end._mfcc39`: coefficients, slopes and curvatures, normalised."""
    dct = spectral.dct(config.n_mels)[:, : config.n_mfcc].T.astype(np.float32)
    mfcc = g.MatMul(dct, _log_mel(g, window, config))
    frames = np.arange(DELTA_WIDTH) - DELTA_WIDTH // 2
    parts = [mfcc]
    for order in (1, 2):
        kernel = np.linalg.pinv(np.vander(frames, order + 1, increasing=True))[order]
        kernel = (math.factorial(order) * kernel).astype(np.float32)
        inside = g.Squeeze(g.Conv(g.Unsqueeze(mfcc, [1]), kernel[None, None]), [1])
        ends = [0, DELTA_WIDTH // 2, 0, DELTA_WIDTH // 2]
        parts.append(g.Pad(inside, ends, mode="edge"))
    return _normalised(g, g.Concat(*parts, axis=0))


def _normalised(g: Nodes, values: str) -> str:
    away = g.Sub(values, g.ReduceMean(values, [1]))
    deviation = g.Sqrt(g.ReduceMean(g.Mul(away, away), [1]))
    return g.Div(away, g.Add(deviation, 1e-8))


def _power(g: Nodes, padded: str, window: np.ndarray, n_fft: int, hop: int) -> str:
    """Power (n_bins, n_frames) of samples (n,), a window every hop."""
    turns = np.outer(np.arange(n_fft // 2 + 1), np.arange(len(window))) / n_fft
    waves = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)]) * window
    spectrum = g.Conv(g.Unsqueeze(padded, [0, 1]), waves[:, None].astype(np.float32), strides=[hop])
    square = g.Squeeze(g.Mul(spectrum, spectrum), [0])
    real, imaginary = g.Split(square, axis=0, num_outputs=2, n_outputs=2)
    return g.Add(real, imaginary)


_KINDS = {
    "whisper": _whisper,
    "mfcc39": _mfcc39,
    "logmel": lambda g, window, config: _normalised(g, _log_mel(g, window, config)),
}
