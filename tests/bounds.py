"""How far apart two ways to one number may come out, told from what is compared.

Processors add in different orders and with different instructions, so the last bits differ from one
to the next. A bound here counts the roundings on the way and the size of what was rounded; none is
what one processor happened to give. The contracts come first: what the project promises of its
answers, whatever the arithmetic. Those of one recording on two machines and of committed figures
made again lie in the code that checks them, `ser.pipeline` and `train.judge.verify`.

What float64 gives in a few steps is compared with an answer worked out by hand by `pytest.approx`
or `assert_allclose` as they come: their millionth, or less, is many million such roundings.
"""

import numpy as np
import scipy.signal

from ser.features import whisper
from ser.features.mel import mel_filters

FLOAT32 = 2.0**-23  # from 1 to the next number; a rounding errs by half of it
FLOAT64 = 2.0**-52

# --- contracts ----------------------------------------------------------------------------------

# Two ways through one network, such as in a batch or alone, with gradients or without. Of a logit,
# of an attention weight, or of a probability, which moves by half as much as the logits at most.
ONE_NETWORK = 1e-5

# Features as train/clips/store.py keeps them, or as they are. Of a probability.
KEPT_FEATURES = 1e-3

# A stream or the whole file, whose steps run in other batches. Of the speech detector's answer.
STREAM_FOR_FILE = 1e-4

# A graph of 8-bit weights and activations, or the float32 model it was made of. Of a probability.
EIGHT_BITS = 2e-2

# A model as one file for ONNX Runtime, or the pipeline, both in float32. Of a probability, and of a
# tenth of the largest weight of attention.
EXPORTED = 1e-4

# The same of a graph in 8 bits: where features differ in their last bit, all layers round anew. Of
# 445 clips of three corpora the median was 0.0006, 99 % lay within 0.028, the furthest at 0.035.
ROUNDED_ANEW = 5e-2

# Two figures rounded to five digits, as metrics.json has them: the last digit may be another.
FIVE_DIGITS = 1.5e-5

SIX_DIGITS = 0.5e-6  # that a JSON answer's numbers are off by
SIXTEEN_BITS = 2.0**-15  # a step of the samples, full scale 1


# --- roundings ----------------------------------------------------------------------------------


def rounding(n: int, size=1.0, eps: float = FLOAT32):
    """`n` roundings in either of two computations, of numbers as large as `size`."""
    return n * eps * np.abs(_as_float64(size))


def product(left, right, added=0.0):
    """Of `left @ right + added` in float32, summed in any order.

    Each of n terms is rounded less than n times: N. Higham, Accuracy and Stability of Numerical
    Algorithms, 2002, section 3.1.
    """
    left, right, added = (np.abs(_as_float64(values)) for values in (left, right, added))
    return rounding(left.shape[-1] + 1, left @ right + added)


def shares(weights):
    """Of the sum of float32 `weights` (..., n), each divided by the sum of all, from 1."""
    return rounding(weights.shape[-1])


def windowed(waveform, window, n_fft: int, hop_length: int, pad_mode: str = "constant"):
    """Frames (n_frames, n_fft) as a short-time Fourier transform has them, centred, in float64."""
    window = np.pad(window, (n_fft - len(window)) // 2)
    padded = np.pad(np.asarray(waveform, dtype=np.float64), n_fft // 2, mode=pad_mode)
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length] * window


def log_energy(frames, filters, range_db: float, noise: float = 0.0):
    """Of the natural logarithm of the energy that `frames` have in bands, (n_frames, n_bands).

    `frames` (n_frames, n_fft) are windowed, `filters` (n_bands, n_bins) weigh the power of their
    float32 Fourier transform. Its error is log2(n_fft) roundings of the whole frame, spread evenly
    over the bins (J. Schatzman, SIAM J. Sci. Comput. 17(5), 1996): nothing in a loud band, much in
    one far under the others, until the floor, `range_db` under the loudest, hides it. So is `noise`
    in each sample.
    """
    filters = np.asarray(filters, dtype=np.float64)
    energy = np.abs(np.fft.rfft(frames)) ** 2 @ filters.T
    energy = np.maximum(energy, energy.max() * 10 ** (-range_db / 10))
    n_fft = frames.shape[1]
    of_transform = rounding(np.log2(n_fft), np.linalg.norm(frames, axis=1))
    amplitude = of_transform + noise * np.sqrt(n_fft)
    # The error of |X|^2 is 2 |X| times that of X; Cauchy-Schwarz over the bins of a band.
    share = 2 * amplitude[:, None] * np.sqrt(filters.sum(axis=1) / energy)
    n_of_sum = (filters != 0).sum(axis=1)
    return share + rounding(n_of_sum + 4)  # and of two squares, their sum or root, the weight


def whisper_levels(waveform, expected):
    """Of Whisper's log-mel, (n_frames, n_mels), which is (log10 of the energy + 4) / 4."""
    window = scipy.signal.get_window("hann", whisper.N_FFT)
    frames = windowed(waveform, window, whisper.N_FFT, whisper.HOP_LENGTH, "reflect")
    filters = mel_filters(whisper.N_FFT, expected.shape[1])
    of_log = log_energy(frames[: len(expected)], filters, 10 * whisper.RANGE) / np.log(10)
    of_steps = rounding(2, 4 * expected - 4) + rounding(2, 4 * expected)  # logarithm, sum
    return (of_log + of_steps) / 4


def decibels(log_bound, db):
    """Of a level in dB, from the bound of its natural logarithm; rounded when taken and scaled."""
    return 10 / np.log(10) * log_bound + rounding(2, db)


def assert_within(bound, actual, expected) -> None:
    """Assert |actual - expected| <= bound everywhere; `bound` is a number or an array."""
    actual, expected = (_as_float64(values) for values in (actual, expected))
    assert actual.shape == expected.shape, f"{actual.shape} is not {expected.shape}"
    gap, bound = np.abs(actual - expected), np.broadcast_to(_as_float64(bound), actual.shape)
    if (gap <= bound).all():
        return
    worst = np.unravel_index(np.nanargmax(np.where(gap <= bound, 0, gap / bound)), gap.shape)
    raise AssertionError(
        f"{int((~(gap <= bound)).sum())} of {gap.size} values are too far off; at {worst} "
        f"{actual[worst]} is not {expected[worst]} within {bound[worst]:.3g}."
    )


def _as_float64(values) -> np.ndarray:
    detach = getattr(values, "detach", None)  # a tensor that may want gradients
    return np.asarray(detach() if detach else values, dtype=np.float64)
