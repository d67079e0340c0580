"""An array of samples, in the forms that other libraries give, -> one form, or a sentence."""

import numbers

import numpy as np

from ser.sound.errors import NotFiniteError, UnreadableAudioError, UnsupportedRateError

MAX_CHANNELS = 8
MOST_LOUD = 100.0  # of a float, 40 dB over full scale: no recording is; its scale is another one
EXPECTED = "expected (rate_hz, samples), the samples of shape (n,) or (n, n_channels)"


def checked_array(rate_hz: object, samples: object) -> tuple[int, np.ndarray]:
    """A rate, and samples (n, n_channels) that are floats around [-1, 1] or fill their integers.

    Samples (n_channels, n) are turned round. Wider integers that hold 16 or 24 bits, as numpy makes
    them of sums and lists, and floats on the scale of 16 bits are taken for what they are. Raises
    AudioError for any other form.
    """
    samples, rate_hz = _as_array(samples), _rate(rate_hz)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2:
        raise UnreadableAudioError(f"Samples of shape {samples.shape}: {EXPECTED}.")
    if samples.shape[0] <= MAX_CHANNELS < samples.shape[1]:
        samples = samples.T
    if samples.dtype.kind not in "iuf":
        raise UnreadableAudioError(f"Samples of type {samples.dtype}: expected floats or integers.")
    return rate_hz, _scaled(samples) if samples.size else samples


def _as_array(samples: object) -> np.ndarray:
    try:
        return np.asarray(samples)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; tensors that learn
        raise UnreadableAudioError(f"The samples are no array of numbers: {EXPECTED}.") from error


def _rate(rate_hz: object) -> int:
    if isinstance(rate_hz, numbers.Real) and not isinstance(rate_hz, bool) and rate_hz % 1 == 0:
        return int(rate_hz)
    if np.ndim(rate_hz):
        raise UnreadableAudioError(f"The first of the two is an array: {EXPECTED}.")
    raise UnsupportedRateError(
        f"A sample rate of {rate_hz!r} cannot be used: please give a whole number of Hz."
    )


def _scaled(samples: np.ndarray) -> np.ndarray:
    least, most = samples.min(), samples.max()
    kind = samples.dtype
    if kind.kind == "f":
        loudest = max(-float(least), float(most))
        if not loudest > MOST_LOUD:  # nor where it is no number, which is refused later
            return samples
        if not np.isfinite(loudest):
            raise NotFiniteError("It holds samples that are not numbers: please check them.")
        if loudest > 2**15:
            raise UnreadableAudioError(
                f"Samples up to {loudest:.3g}: expected floats around [-1, 1], or integers."
            )
        return (samples / 2**15).astype(np.float32)
    if kind.kind == "i" and kind.itemsize > 2:
        if _holds(16, least, most):
            return samples.astype(np.int16)
        if _holds(24, least, most) and (kind.itemsize > 4 or _uses_low_byte(samples)):
            return samples.astype(np.int32) << 8
        if kind.itemsize > 4 and _holds(32, least, most):
            return samples.astype(np.int32)
    return samples


def _uses_low_byte(samples: np.ndarray) -> bool:
    """Whether 32 bits are no quiet recording of 24, which libraries move up to the full scale."""
    return bool((samples & 0xFF).any())


def _holds(n_bits: int, least: np.integer, most: np.integer) -> bool:
    return -(2 ** (n_bits - 1)) <= int(least) and int(most) < 2 ** (n_bits - 1)
