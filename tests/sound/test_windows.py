"""Cuts: everything covered, nothing over 15 s, pauses preferred."""

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from ser.sound.windows import MAX_WINDOW_S, MIN_REST_S, cut_windows

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("seconds", [0.4, 14.99, 15.0, 15.01, 16.0, 29.9, 30.1, 47.3, 600.0])
def test_windows_cover_all_and_keep_the_limit(seconds):
    noise = np.random.default_rng(0).standard_normal(int(seconds * SAMPLE_RATE)).astype("f4")
    windows = cut_windows(noise)
    assert windows[0][0] == 0 and windows[-1][1] == len(noise)
    assert all(a[1] == b[0] for a, b in zip(windows, windows[1:], strict=False))
    lengths = np.array([b - a for a, b in windows]) / SAMPLE_RATE
    assert lengths.max() <= MAX_WINDOW_S
    assert len(windows) == 1 or lengths.min() >= MIN_REST_S - 0.01


def test_the_cut_lies_in_the_pause():
    noise = np.random.default_rng(0).standard_normal(20 * SAMPLE_RATE).astype("f4")
    pause = slice(int(11.8 * SAMPLE_RATE), int(12.2 * SAMPLE_RATE))
    noise[pause] *= 1e-3
    (_, cut), _ = cut_windows(noise)
    assert pause.start < cut < pause.stop
