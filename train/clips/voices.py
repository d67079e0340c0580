"""What makes another speaker of a voice. Explicit parameters, nothing is drawn here.

Every function takes a waveform (n_samples,) at 16 kHz, full scale 1, and returns another, float32.
"""

import librosa
import numpy as np
import soxr
from scipy.fft import dct, idct

from ser.sound.audio import SAMPLE_RATE

N_FFT = 512
HOP_LENGTH = 128
ENVELOPE_TERMS = 40  # of its cosine transform: finer than formants, coarser than harmonics
MAX_CHANGE_DB = 20.0


def speed(waveform: np.ndarray, rate: float) -> np.ndarray:
    """Play it `rate` times as fast: shorter, and pitch and formants higher (Ko et al., 2015)."""
    return soxr.resample(waveform, SAMPLE_RATE * rate, SAMPLE_RATE).astype(np.float32)


def stretch(waveform: np.ndarray, rate: float) -> np.ndarray:
    """Speak it `rate` times as fast, pitch and formants as they were."""
    return librosa.effects.time_stretch(waveform, rate=rate)


def shift_pitch(waveform: np.ndarray, n_semitones: float) -> np.ndarray:
    """Move pitch and formants together, at the same tempo."""
    return librosa.effects.pitch_shift(waveform, sr=SAMPLE_RATE, n_steps=n_semitones)


def warp_vocal_tract(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Move the formants to `factor` times their frequency and leave the pitch where it is.

    The smooth envelope of each frame's spectrum is read at f / factor, as a shorter vocal tract
    would shape it; what lies under it stays. Vocal-tract-length perturbation after Jaitly & Hinton
    (2013), who warp the whole spectrum.
    """
    spectrum = librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP_LENGTH)
    log_power = np.log(np.abs(spectrum) + 1e-7)
    cepstrum = dct(log_power, axis=0, norm="ortho")
    cepstrum[ENVELOPE_TERMS:] = 0
    envelope = idct(cepstrum, axis=0, norm="ortho")
    bins = np.arange(len(envelope))
    read = np.minimum(bins / factor, bins[-1])
    below = read.astype(int)
    above = np.minimum(below + 1, bins[-1])
    share = (read - below)[:, None]
    warped = (1 - share) * envelope[below] + share * envelope[above]
    limit = MAX_CHANGE_DB / 20 * np.log(10)
    change = np.exp(np.clip(warped - envelope, -limit, limit))
    out = librosa.istft(spectrum * change, hop_length=HOP_LENGTH, length=len(waveform))
    return out.astype(np.float32)
