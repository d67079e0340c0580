"""Fundamental frequency, voicing and the regularity of the voice, frame by frame.

Candidates are peaks of the autocorrelation of 64 ms windows; the path through them that costs
least is the pitch (after P. Boersma, IFA Proceedings 17, 1993). The voice's regularity is read off
four successive periods around each frame.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch

from ser.sound.audio import SAMPLE_RATE

WINDOW_LENGTH = 1024
N_FFT = 2048
MIN_HZ, MAX_HZ = 60.0, 700.0
SHORTEST_LAG = int(SAMPLE_RATE / MAX_HZ)
LONGEST_LAG = int(np.ceil(SAMPLE_RATE / MIN_HZ))
N_CANDIDATES = 6
COMPRESSION = 0.35  # of the power, so that one strong formant is not taken for the pitch
PITCH_BAND_HZ = (50.0, 2500.0)
OCTAVE_COST = 0.06  # an octave lower must fit this much better
OCTAVE_JUMP_COST = 0.5
VOICING_CHANGE_COST = 0.15
UNVOICED_STRENGTH = 0.33
QUIET_DB = 25.0  # under the loudest frame, from where on voicing becomes unlikely
IMPOSSIBLE = -9.0

N_PERIODS = 4
POINTS_A_PERIOD = 48
INAUDIBLE = 1e-5  # product of the norms of two periods, 60 dB under the peak
MAX_SHIFT = 8  # points by which successive periods may differ
DEFAULT_HZ = 150.0  # where no frame is voiced


class Pitch(NamedTuple):
    """All (n_frames,). `f0_hz` is interpolated where `voiced` is False.

    `strength`: height of the chosen autocorrelation peak, 0 to 1. `harmonics_to_noise_db`: from the
    autocorrelation of the whole band at that lag.
    """

    f0_hz: np.ndarray
    voiced: np.ndarray
    strength: np.ndarray
    harmonics_to_noise_db: np.ndarray


class Regularity(NamedTuple):
    """All (n_frames,), of four successive periods; without jitter and shimmer where unvoiced.

    `jitter`: mean change of the period, as a share of it. `shimmer`: mean change of the amplitude,
    in nepers. `correlation`: mean correlation of one period (1/150 s where unvoiced) with the next.
    """

    jitter: np.ndarray
    shimmer: np.ndarray
    correlation: np.ndarray


def track(power: np.ndarray) -> Pitch:
    """Follow the pitch through `power` (n_bins, n_frames) of `WINDOW_LENGTH` Hann windows."""
    spectrum = torch.from_numpy(np.ascontiguousarray(power.T))
    lags = torch.fft.irfft(spectrum)[:, : LONGEST_LAG + 2].numpy()
    energy = lags[:, :1] + 1e-12
    whole_band = lags / energy / _window_autocorrelation()
    compressed = torch.fft.irfft(spectrum**COMPRESSION * _pitch_band())[:, : LONGEST_LAG + 2]
    correlation = (compressed / (compressed[:, :1] + 1e-12)).numpy()

    hz, strengths = _candidates(correlation)
    level_db = 10 * np.log10(energy)
    quiet = np.maximum(0.0, level_db.max() - level_db - QUIET_DB)
    emission = np.concatenate([strengths, UNVOICED_STRENGTH + quiet / 30], axis=1)
    path = _cheapest_path(emission, np.log2(hz))
    voiced = path < N_CANDIDATES
    chosen = np.where(voiced, path, strengths.argmax(axis=1))[:, None]
    frame_hz = np.take_along_axis(hz, chosen, axis=1)[:, 0]

    lag = np.clip(np.round(SAMPLE_RATE / frame_hz).astype(int), SHORTEST_LAG, LONGEST_LAG - 1)
    near = lag[:, None] + np.arange(-2, 3)
    height = np.take_along_axis(whole_band, near, axis=1).max(axis=1).clip(1e-3, 1 - 1e-4)
    return Pitch(
        _interpolated(frame_hz, voiced),
        voiced,
        np.take_along_axis(correlation, lag[:, None], axis=1)[:, 0],
        10 * np.log10(height / (1 - height)),
    )


def regularity(waveform: np.ndarray, pitch: Pitch, hop_length: int) -> Regularity:
    """Compare successive periods of `waveform` (n_samples,) around each frame of `pitch`."""
    n_frames = len(pitch.f0_hz)
    period = SAMPLE_RATE / np.where(pitch.voiced, pitch.f0_hz, DEFAULT_HZ)
    steps = np.arange(N_PERIODS * POINTS_A_PERIOD) / POINTS_A_PERIOD - N_PERIODS / 2
    margin = int(N_PERIODS / 2 * SAMPLE_RATE / MIN_HZ) + 2
    padded = np.pad(waveform, margin)
    at = margin + np.arange(n_frames)[:, None] * hop_length + steps * period[:, None]
    at = at.clip(0, len(padded) - 2)  # the last frame's centre may lie a hop beyond the end
    left = at.astype(np.int64)
    share = (at - left).astype(np.float32)
    periods = padded[left] * (1 - share) + padded[left + 1] * share
    periods = periods.reshape(n_frames, N_PERIODS, POINTS_A_PERIOD)

    amplitude = np.ptp(periods, axis=2) + 1e-6
    shimmer = np.abs(np.diff(np.log(amplitude), axis=1)).mean(axis=1)
    periods = periods - periods.mean(axis=2, keepdims=True)
    spectra = np.fft.rfft(periods, axis=2)
    cross = np.fft.irfft(spectra[:, 1:] * spectra[:, :-1].conj(), n=POINTS_A_PERIOD, axis=2)
    size = np.sqrt((periods**2).sum(axis=2))
    cross = cross / (size[:, 1:] * size[:, :-1] + INAUDIBLE)[:, :, None]
    near = np.concatenate([cross[:, :, -MAX_SHIFT:], cross[:, :, : MAX_SHIFT + 1]], axis=2)
    peak = near.argmax(axis=2, keepdims=True).clip(1, 2 * MAX_SHIFT - 1)
    shift = (peak - MAX_SHIFT + _peak_offset(near, peak))[:, :, 0] / POINTS_A_PERIOD
    jitter = np.abs(np.diff(shift, axis=1)).mean(axis=1)
    return Regularity(
        np.where(pitch.voiced, jitter, 0.0),
        np.where(pitch.voiced, shimmer, 0.0),
        near.max(axis=2).mean(axis=1),
    )


def _candidates(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz and strength of the highest peaks, each (n_frames, N_CANDIDATES)."""
    middle = correlation[:, 1:-1]
    is_peak = (middle > correlation[:, :-2]) & (middle >= correlation[:, 2:])
    is_peak[:, : SHORTEST_LAG - 1] = False
    lags = np.arange(1, correlation.shape[1] - 1)
    score = middle - OCTAVE_COST * np.log2(MIN_HZ * lags / SAMPLE_RATE)
    score = np.where(is_peak, score, IMPOSSIBLE)
    best = np.argpartition(-score, N_CANDIDATES, axis=1)[:, :N_CANDIDATES]
    lag = best + 1 + _peak_offset(correlation, best + 1)
    return SAMPLE_RATE / lag, np.take_along_axis(score, best, axis=1)


def _peak_offset(values: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """How far the top of the parabola through three points lies from the middle one, -0.5 to 0.5.

    `peak` (..., n_peaks) indexes the last axis of `values`.
    """
    before, at, after = (np.take_along_axis(values, peak + k, axis=-1) for k in (-1, 0, 1))
    bend = before - 2 * at + after
    flat = np.abs(bend) < 1e-9
    return np.where(flat, 0.0, 0.5 * (before - after) / np.where(flat, 1.0, bend)).clip(-0.5, 0.5)


def _cheapest_path(emission: np.ndarray, octave: np.ndarray) -> np.ndarray:
    """Viterbi through (n_frames, N_CANDIDATES + 1) strengths, the last one unvoiced: (n_frames,).

    `octave` (n_frames, N_CANDIDATES) is the candidates' pitch; jumps and changes of voicing cost.
    """
    n_frames, n_states = emission.shape
    cost = np.full((n_frames - 1, n_states, n_states), VOICING_CHANGE_COST)
    cost[:, -1, -1] = 0.0
    cost[:, :-1, :-1] = OCTAVE_JUMP_COST * np.abs(octave[1:, None, :] - octave[:-1, :, None])
    came_from = np.zeros((n_frames, n_states), dtype=np.int64)
    score = emission[0]
    states = np.arange(n_states)
    for frame in range(1, n_frames):
        arriving = score[:, None] - cost[frame - 1]
        came_from[frame] = arriving.argmax(axis=0)
        score = arriving[came_from[frame], states] + emission[frame]
    path = np.empty(n_frames, dtype=np.int64)
    path[-1] = score.argmax()
    for frame in range(n_frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def _interpolated(hz: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """The pitch between voiced frames on a straight line of log frequency, held at either end."""
    if not voiced.any():
        return np.full(len(hz), DEFAULT_HZ)
    at = np.flatnonzero(voiced)
    return 2 ** np.interp(np.arange(len(hz)), at, np.log2(hz[at]))


@cache
def _window_autocorrelation() -> np.ndarray:
    spectrum = torch.fft.rfft(torch.hann_window(WINDOW_LENGTH), N_FFT).abs().square()
    lags = torch.fft.irfft(spectrum)[: LONGEST_LAG + 2]
    return (lags / lags[0]).numpy()


@cache
def _pitch_band() -> torch.Tensor:
    """Soft band-pass (n_bins,): the harmonics that carry the pitch, without hum and hiss."""
    hz = torch.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    low_hz, high_hz = PITCH_BAND_HZ
    return torch.sigmoid((hz - low_hz) / 10) * torch.sigmoid((high_hz - hz) / 150)
