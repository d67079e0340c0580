"""Figures and their words, on predictions whose picture is known."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ser import plots, sentences
from ser.features import FeatureConfig
from ser.labels import EMOTIONS
from ser.prediction import Prediction
from tests import bounds
from tests.bounds import assert_within

HOP_S = 0.01


def prediction(
    duration_s: float = 4.0,
    spans_s: tuple = ((0.5, 3.5),),
    names: tuple = tuple(FeatureConfig().names),
) -> Prediction:
    """Even attention on frames in `spans_s`, a tone, and 93 % for angry."""
    times_s = np.concatenate([np.arange(start, stop, HOP_S) for start, stop in spans_s])
    seconds = np.arange(int(duration_s * 16_000)) / 16_000
    return Prediction(
        probabilities=np.array([0.01, 0.01, 0.01, 0.01, 0.93, 0.01, 0.01, 0.01]),
        attention=np.full(len(times_s), 1 / len(times_s)),
        attention_times_s=times_s,
        duration_s=duration_s,
        timings_ms={"audio": 1.0, "features": 2.0, "model": 3.0, "total": 6.0},
        warnings=[],
        speech_share=None,
        model={"name": "test", "revision": "0"},
        waveform=(0.1 * np.sin(2 * np.pi * 100 * seconds)).astype(np.float32),
        features=np.zeros((len(times_s), len(names)), dtype=np.float32),
        feature_names=list(names),
    )


def listening_to(start_s: float, stop_s: float, given: Prediction) -> Prediction:
    times_s = given.attention_times_s
    weights = np.where((times_s >= start_s - 1e-9) & (times_s < stop_s - 1e-9), 10.0, 1.0)
    return replace(given, attention=weights / weights.sum())


ALL = (
    plots.probability_bars,
    plots.attention_over_waveform,
    plots.waveform,
    plots.attention,
    plots.feature_heatmap,
)


def test_bars_come_in_label_order_with_percentages_and_own_colours():
    (bar,) = plots.probability_bars(prediction()).data
    assert [name.split()[-1].strip("</b>") for name in bar.y] == [e.name for e in EMOTIONS]
    assert list(bar.text) == [f"{p}\u00a0%" for p in (1, 1, 1, 1, 93, 1, 1, 1)]
    assert list(bar.marker.color) == [e.color for e in EMOTIONS]
    assert bar.y[4].startswith("<b>") and not any(bar.y[i].startswith("<b>") for i in (0, 7))


def test_a_share_that_rounds_to_nothing_is_not_called_nothing():
    assert sentences.percent(0.0049) == "under 1\u00a0%"
    assert sentences.percent(0.0) == "0\u00a0%"
    assert sentences.percent(1.0) == "100\u00a0%"


@pytest.mark.numeric
def test_attention_stands_above_the_waveform_on_one_axis_in_seconds():
    figure = plots.attention_over_waveform(prediction())
    area, line, wave = figure.data
    assert figure.layout.xaxis.matches == "x2"
    assert tuple(figure.layout.xaxis2.range) == (0, 4.0)
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    assert (area.yaxis, line.yaxis, wave.yaxis) == ("y", "y", "y2")
    assert figure.layout.xaxis2.ticksuffix == " s"
    assert_within(bounds.rounding(1, 4.0), [line.x[0], line.x[-1]], [0.5, 3.49])


@pytest.mark.numeric
def test_attention_is_drawn_as_times_the_average():
    given = prediction()
    even = plots.attention(given).data[1].y
    assert_within(bounds.rounding(3), even, np.ones(len(even)))
    doubled = np.where(given.attention_times_s < 2.0, 2.0, 1.0)
    line = plots.attention(replace(given, attention=doubled / doubled.sum())).data[1]
    assert_within(bounds.rounding(3, 4 / 3), [line.y[0], line.y[-1]], [4 / 3, 2 / 3])


@pytest.mark.parametrize("duration_s", [40.0, 599.0])
def test_no_line_crosses_a_gap_between_windows(duration_s):
    spans_s = ((0.5, 10.0), (duration_s - 10.003, duration_s - 0.5))
    area, line = plots.attention(prediction(duration_s, spans_s)).data
    inside = (line.x > 11) & (line.x < duration_s - 11)
    assert inside.any() and np.isnan(line.y[inside]).all() and not line.connectgaps
    assert (area.y[inside] == 0).all()
    judged = (line.x > 0.6) & (line.x < 9.9) | (line.x > duration_s - 9.8) & (
        line.x < duration_s - 0.6
    )
    assert not np.isnan(line.y[judged]).any()


def test_frames_one_hop_apart_leave_no_hole():
    # 0.01 s has no exact binary form: frames must not fall together, nor skip a bin.
    for start_s in (0.0, 0.005, 0.37, 7.123):
        line = plots.attention(prediction(30.0, ((start_s, start_s + 12.0),))).data[1]
        assert len(line.y) == 1200 and not np.isnan(line.y).any()


def test_a_click_in_ten_minutes_of_quiet_stays_visible():
    given = prediction(600.0)
    quiet = np.zeros_like(given.waveform)
    quiet[1_234_567] = 0.8
    quiet[7_654_321] = -0.6
    (wave,) = plots.waveform(replace(given, waveform=quiet)).data
    assert len(wave.x) <= plots.MAX_POINTS
    assert wave.y.max() == np.float32(0.8) and wave.y.min() == np.float32(-0.6)
    stretch_s = 600 / (plots.MAX_POINTS // 2)  # drawn at its middle
    assert wave.x[wave.y.argmax()] == pytest.approx(1_234_567 / 16_000, abs=stretch_s / 2)


@pytest.mark.parametrize("draw", ALL)
def test_ten_minutes_make_a_small_figure(draw):
    spans_s = tuple((start, start + 14.0) for start in range(0, 590, 15))
    assert len(draw(prediction(600.0, spans_s)).to_json()) < 150_000


def test_the_heat_map_names_its_39_rows():
    names = list(plots.feature_heatmap(prediction()).data[0].y)
    assert names[:2] == ["MFCC 1", "MFCC 2"]
    assert (names[13], names[26], names[38]) == ("delta 1", "delta-delta 1", "delta-delta 13")
    given = prediction(names=("pitch_semitones", "voiced"))
    assert list(plots.feature_heatmap(given).data[0].y) == ["pitch semitones", "voiced"]


def test_the_heat_map_of_many_bands_fits_a_phones_screen_and_names_every_tenth():
    bands = prediction(names=tuple(f"mel_band_{n}" for n in range(1, 81))).feature_names
    figure = plots.feature_heatmap(prediction(names=bands))
    assert figure.layout.height < 640 and figure.layout.yaxis.dtick == 10
    assert plots.feature_heatmap(prediction()).layout.yaxis.dtick == 1


@pytest.mark.numeric
def test_the_heat_map_averages_frames_into_columns():
    given = prediction(20.0, ((0.0, 16.0),))  # 1600 frames, four a column
    ramp = np.arange(1600, dtype=np.float32)[:, None] * np.ones(39, dtype=np.float32)
    (heat,) = plots.feature_heatmap(replace(given, features=ramp)).data
    assert heat.z.shape == (39, 400)
    ramp = ramp[:, 0]  # is shown in standard deviations from its mean
    expected = (np.arange(400) * 4 + 1.5 - ramp.mean()) / ramp.std()
    of_sums = bounds.rounding(len(ramp), np.abs(expected).max())  # mean and deviation
    assert_within(of_sums, heat.z[0], expected)
    assert_within(bounds.rounding(1, 16.0), heat.x, np.arange(400) * 0.04 + 0.015)


def test_the_heat_map_bears_attention_on_another_grid():
    given = prediction()
    coarse = replace(
        given, attention=given.attention[::4] * 4, attention_times_s=given.attention_times_s[::4]
    )
    assert plots.feature_heatmap(coarse).data[0].z.shape[1] <= 300


@pytest.mark.numeric
def test_the_strongest_half_second_is_found_marked_and_told():
    given = listening_to(2.0, 2.5, prediction())
    start_s, stop_s, share, times_average = sentences.strongest_span(given)
    assert (start_s, stop_s) == pytest.approx((2.0, 2.5))
    assert share == pytest.approx(500 / 750)  # 50 frames of weight 10 among 250 of weight 1
    assert times_average == pytest.approx(share * 300 / 50)
    (box,) = plots.attention_over_waveform(given).layout.shapes
    assert (box.x0, box.x1) == pytest.approx((2.0, 2.5))
    assert "from 2.0 to 2.5 s" in sentences.attention_sentence(given)
    assert "67\u00a0% of the attention" in sentences.attention_sentence(given)


def test_even_attention_is_not_given_a_peak():
    assert "about equally" in sentences.attention_sentence(prediction())
    assert not plots.attention_over_waveform(prediction()).layout.shapes


@pytest.mark.parametrize(
    ("best", "words"),
    [
        (0.93, "😠 angry. The model is sure (93\u00a0%); next comes 😐 neutral (1\u00a0%)."),
        (0.6, "😠 angry. The model is fairly sure (60\u00a0%); next comes 😢 sad (34\u00a0%)."),
        (0.48, "perhaps 😠 angry (48\u00a0%). The model is unsure; next comes 😢 sad (46\u00a0%)."),
    ],
)
def test_the_sentence_says_how_sure(best, words):
    p = np.full(8, 0.01)
    p[4], p[3] = best, 0.94 - best if best < 0.9 else 0.01
    sentence = sentences.answer_sentence(replace(prediction(), probabilities=p))
    assert sentence == f"Perceived expression: {words}"


@pytest.mark.parametrize("draw", ALL)
def test_figures_stand_on_light_and_dark_pages_and_let_a_finger_scroll(draw):
    layout = draw(prediction()).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    assert layout.dragmode is False and layout.width is None


@pytest.mark.parametrize("draw", ALL)
def test_one_frame_is_enough_to_draw(draw):
    assert draw(prediction(0.5, ((0.2, 0.205),))).to_json()


def test_drawing_needs_no_model():
    check = "import sys, ser.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=60).returncode == 0
