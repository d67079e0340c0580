"""Prediction -> Plotly figures; `ser.sentences` tells the same in words.

Figures are transparent, so they stand on a light and on a dark page; long recordings are thinned
to what a screen can show, so a figure stays small however long the sound is.

Words are English unless `tell` gives them in another language: it takes a sentence and the values
that belong in it, as `str.format` does.
"""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ser.labels import EMOTIONS
from ser.prediction import Prediction
from ser.sentences import PRONOUNCED, Tell, english, percent, strongest_span
from ser.sound.audio import SAMPLE_RATE

MAX_POINTS = 2000  # of a curve, more than a screen has columns
MAX_COLUMNS = 400  # of a heat map
TEXT_COLOR = "#808080"  # readable on white and on black
GRID_COLOR = "rgba(128, 128, 128, 0.25)"
WAVEFORM_COLOR = "#808080"
ATTENTION_COLOR = "#8b5cf6"  # none of the eight emotions' colours
SPAN_COLOR = "rgba(139, 92, 246, 0.18)"


# --- figures ----------------------------------------------------------------------------------


def probability_bars(prediction: Prediction, tell: Tell = english) -> go.Figure:
    """Draw eight horizontal bars in label order, each with its percentage in text."""
    names = [f"{emotion.emoji} {tell(emotion.name)}" for emotion in EMOTIONS]
    best = int(prediction.probabilities.argmax())
    names[best] = f"<b>{names[best]}</b>"
    figure = go.Figure(
        go.Bar(
            x=np.asarray(prediction.probabilities, dtype=np.float32),
            y=names,
            orientation="h",
            text=[percent(p, tell) for p in prediction.probabilities],
            textposition="outside",
            cliponaxis=False,
            marker={
                "color": [emotion.color for emotion in EMOTIONS],
                "line": {"color": TEXT_COLOR, "width": 1},  # yellow stands out on white, too
            },
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", ticks="", showgrid=False)
    figure.update_xaxes(range=[0, 1.15], visible=False)  # room for the label of a full bar
    return _styled(figure, height=320)


def attention_over_waveform(prediction: Prediction, tell: Tell = english) -> go.Figure:
    """Draw attention above the waveform on one axis, in seconds of the original recording."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    figure.add_traces(_attention_traces(prediction, tell), rows=1, cols=1)
    figure.add_trace(_waveform_trace(prediction), row=2, col=1)
    _mark_strongest_span(figure, prediction)
    figure.update_yaxes(
        title_text=tell("attention,<br>times the average"), rangemode="tozero", row=1, col=1
    )
    figure.update_yaxes(title_text=tell("waveform"), row=2, col=1)
    return _styled_in_time(figure, prediction, height=340)


def waveform(prediction: Prediction) -> go.Figure:
    """Draw the waveform that the answer was made from."""
    figure = go.Figure(_waveform_trace(prediction))
    figure.update_yaxes(title_text="amplitude")
    return _styled_in_time(figure, prediction, height=240)


def attention(prediction: Prediction) -> go.Figure:
    """Draw how much each moment counted: 1 where it counted as much as all others on average."""
    figure = go.Figure(_attention_traces(prediction))
    _mark_strongest_span(figure, prediction)
    figure.update_yaxes(title_text="times the average", rangemode="tozero")
    return _styled_in_time(figure, prediction, height=240)


def feature_heatmap(prediction: Prediction, tell: Tell = english) -> go.Figure:
    """Draw what the model saw: one named row a feature, in standard deviations from its mean."""
    n_frames, n_features = prediction.features.shape
    times_s = prediction.attention_times_s
    if len(times_s) != n_frames:  # a model whose attention has another time grid
        times_s = np.linspace(times_s[0], times_s[-1], n_frames)
    values = prediction.features
    values = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-8)
    centres_s, means = _binned(times_s, values, MAX_COLUMNS)
    figure = go.Figure(
        go.Heatmap(
            x=centres_s,
            y=[name.replace("_", " ") for name in prediction.feature_names],
            z=means.T,
            zmin=-3,
            zmax=3,
            colorscale="Viridis",
            colorbar={
                "orientation": "h",
                "thickness": 8,
                "y": 1,
                "yanchor": "bottom",
                "title": {
                    "text": tell("standard deviations"),
                    "side": "top",
                    "font": {"size": 12},
                },
            },
            hoverongaps=False,
            hovertemplate="%{y}, %{x:.2f} s: %{z:.1f}<extra></extra>",
        )
    )
    is_scale = len({name.rstrip("0123456789") for name in prediction.feature_names}) == 1
    row, step = (5, 10) if is_scale and n_features > 40 else (13, 1)  # px; a name each, or a scale
    figure.update_yaxes(autorange="reversed", showgrid=False, dtick=step, tickfont_size=10)
    _styled_in_time(figure, prediction, height=140 + row * n_features)
    return figure.update_layout(margin_t=90)  # holds the colour bar, too


# --- traces and style -------------------------------------------------------------------------


def _waveform_trace(prediction: Prediction) -> go.Scatter:
    times_s, samples = _envelope(prediction.waveform)
    return go.Scatter(
        x=times_s,
        y=samples,
        mode="lines",
        line={"color": WAVEFORM_COLOR, "width": 1},
        hoverinfo="skip",
    )


def _attention_traces(prediction: Prediction, tell: Tell = english) -> list[go.Scatter]:
    """Give an area and a line on it; Plotly would fill an area across gaps, so it is 0 there."""
    relative = prediction.attention * len(prediction.attention) / prediction.attention.sum()
    centres_s, means = _binned(prediction.attention_times_s, relative[:, None], MAX_POINTS)
    line = means[:, 0]
    return [
        go.Scatter(
            x=centres_s,
            y=np.nan_to_num(line),
            mode="none",
            fill="tozeroy",
            fillcolor=SPAN_COLOR,
            hoverinfo="skip",
        ),
        go.Scatter(
            x=centres_s,
            y=line,
            mode="lines",
            connectgaps=False,
            line={"color": ATTENTION_COLOR, "width": 2},
            hovertemplate=f"%{{x:.2f}} s: %{{y:.1f}} {tell('times the average')}<extra></extra>",
        ),
    ]


def _mark_strongest_span(figure: go.Figure, prediction: Prediction) -> None:
    start_s, stop_s, _, times_average = strongest_span(prediction)
    if times_average >= PRONOUNCED:
        figure.add_shape(
            type="rect",
            xref="x",
            yref="paper",
            x0=start_s,
            x1=stop_s,
            y0=0,
            y1=1,
            fillcolor=SPAN_COLOR,
            line_width=0,
            layer="below",
        )


def _styled_in_time(figure: go.Figure, prediction: Prediction, height: int) -> go.Figure:
    figure.update_xaxes(range=[0, prediction.duration_s], ticksuffix=" s")
    return _styled(figure, height)


def _styled(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},  # the top holds the label that the page lays on
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        font={"color": TEXT_COLOR, "size": 13},
        showlegend=False,
        dragmode=False,  # a finger on the plot scrolls the page
        bargap=0.25,
    )
    axes = {
        "automargin": True,
        "fixedrange": True,
        "zeroline": False,
        "gridcolor": GRID_COLOR,
        "title_font_size": 12,
    }
    figure.update_xaxes(**axes)
    figure.update_yaxes(**axes)
    return figure


# --- thinning ---------------------------------------------------------------------------------


def _envelope(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give times (s) and samples; lowest and highest of each stretch where they are too many."""
    if len(samples) <= MAX_POINTS:
        return (np.arange(len(samples)) / SAMPLE_RATE).astype(np.float32), samples
    edges = np.linspace(0, len(samples), MAX_POINTS // 2 + 1).astype(int)
    extremes = [extreme.reduceat(samples, edges[:-1]) for extreme in (np.minimum, np.maximum)]
    centres_s = (edges[:-1] + edges[1:]) / (2 * SAMPLE_RATE)
    return np.repeat(centres_s, 2).astype(np.float32), np.stack(extremes, axis=1).ravel()


def _binned(times_s: np.ndarray, values: np.ndarray, n_most: int) -> tuple[np.ndarray, np.ndarray]:
    """Average frames (n_frames, n_values) in equal bins of time, at most `n_most` of them.

    Returns the bins' centres (n_bins,) and means (n_bins, n_values); NaN where no frame lies, so
    a gap between two windows of a long recording stays a gap.
    """
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.01
    width_s = max(step_s, (times_s[-1] - times_s[0] + step_s) / n_most)
    # Rounded, so that frames exactly one bin apart do not share one by an error in the last digit.
    positions = np.round((times_s - times_s[0] + step_s / 2) / width_s, 6)
    bins = positions.astype(int)
    firsts = np.flatnonzero(np.diff(bins, prepend=-1))
    counts = np.diff(firsts, append=len(bins))
    means = np.full((bins[-1] + 1, values.shape[1]), np.nan, dtype=np.float32)
    means[bins[firsts]] = np.add.reduceat(values, firsts, axis=0) / counts[:, None]
    centres_s = times_s[0] - step_s / 2 + (np.arange(len(means)) + 0.5) * width_s
    return centres_s.astype(np.float32), means
