"""What version 2 of the front-end hears of a recording, as ONNX: `ser.sound.windows.hear`.

Each function adds the nodes of the one in `ser/sound` that it names. What needs a decision a step
is written without a loop wherever the steps can be compared all at once.
"""

from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto

from ser.sound import high_pass, segments, speech, windows
from ser.sound.audio import SAMPLE_RATE
from ser.sound.speech import CONTEXT, STEP
from train.release.nodes import ALL, Nodes, told

BLOCK = 256  # samples of the high-pass that are computed together
EXACT = 1e-6  # of the largest singular value: what is less is rounding
FAR_DB = 1e9  # further than any level


class Windows(NamedTuple):
    """Of each window (n_windows,): samples [first, last), gain, samples of speech in it, a float.

    And `n_segments` (1,): how many stretches of speech were found, 0 where the loudest part stands
    in for them.
    """

    first: str
    last: str
    gain: str
    n_spoken: str
    n_segments: str


def high_passed(g: Nodes, samples: str) -> str:
    """`high_pass.high_pass` of samples (n,).

    A block hears itself through one product, and what came before through a few numbers: six poles
    have no more to remember.
    """
    response = high_pass.impulse_response()
    n_taps = len(response)
    sample, before = np.arange(BLOCK), np.arange(n_taps)
    own = np.pad(response, (BLOCK, 0))[BLOCK + sample - sample[:, None]]
    earlier = np.pad(response, (0, BLOCK))[n_taps + sample - before[:, None]]
    left, sizes, right = np.linalg.svd(earlier, full_matrices=False)
    n_kept = int((sizes > EXACT * sizes[0]).sum())
    memory = (left[:, :n_kept] * sizes[:n_kept]).T[:, None].astype(np.float32)

    n = g.Shape(samples)
    rest = g.Mod(g.Neg(n), [BLOCK])
    offset = g.cut(samples, [0], [1])
    padded = g.Pad(g.Sub(samples, offset), g.Concat([n_taps], rest, axis=0))
    blocks = g.Reshape(g.cut(padded, [n_taps], [ALL]), [-1, BLOCK])
    so_far = g.Unsqueeze(g.cut(padded, [0], [-BLOCK]), [0, 1])
    remembered = g.Squeeze(g.Conv(so_far, memory, strides=[BLOCK]), [0])
    filtered = g.Add(
        g.MatMul(blocks, own.astype(np.float32)),
        g.MatMul(g.Transpose(remembered, perm=[1, 0]), right[:n_kept].astype(np.float32)),
    )
    return g.cut(g.Reshape(filtered, [-1]), [0], n)


def step_levels(g: Nodes, steps: str) -> str:
    """`speech.step_levels_db` of steps (n, STEP)."""
    power = g.Div(g.ReduceSumSquare(steps, [1], keepdims=0), float(STEP))
    return _decibels(g, g.Max(power, 10 ** (speech.FLOOR_DB / 10)))


def speech_probabilities(
    g: Nodes, detector: onnx.ModelProto, steps: str, levels: str, expected: str
) -> str:
    """`speech.speech_probabilities` of steps (n, STEP) and their levels; `expected` is (1,)."""
    n = g.Shape(levels)
    number = _numbers(g, n)
    fading = g.Mul(g.Add(g.Cast(number, to=TensorProto.FLOAT), 1.0), speech.FADE_DB)
    is_later = g.Less(g.Unsqueeze(number, [1]), number)
    loudest = g.ReduceMax(g.Where(is_later, -FAR_DB, g.Add(levels, fading)), [1], keepdims=0)
    lacking = g.Sub(speech.LEVEL_DB, g.Sub(g.Max(loudest, expected), fading))
    gains = g.Pow(10.0, g.Div(g.Max(lacking, 0.0), 20.0))
    ends = g.cut(g.cut(steps, [STEP - CONTEXT], [ALL], 1), [0], [-1])
    contexts = g.Concat(np.zeros((1, CONTEXT), np.float32), ends, axis=0)
    lifted = g.Mul(g.Concat(contexts, steps, axis=1), g.Unsqueeze(gains, [1]))
    silence = np.zeros((speech.N_SILENT_STEPS, CONTEXT + STEP), np.float32)
    nothing = np.zeros((1, 1, speech.N_STATE), np.float32)
    state = g.Identity(nothing)
    found = g.include(
        detector, {"input": g.Concat(silence, lifted, axis=0), "h": state, "c": state}
    )
    return g.cut(found["speech_probs"], [speech.N_SILENT_STEPS], [ALL])


def find_segments(g: Nodes, probabilities: str, levels: str) -> tuple[str, str]:
    """`segments.find_segments`: where each begins and ends, (n_segments,) steps."""
    starts, stops = _spoken(g, probabilities)
    n_steps = g.Shape(levels)
    followed = g.Concat(starts, n_steps, axis=0)
    n_grown = round(segments.GROWTH_S / speech.STEP_S)

    b = g.inner()
    turn = b.Reshape("segment", [1])
    start, stop = b.Gather(starts, turn), b.Gather(stops, turn)
    earliest = b.Max(b.Sub(start, n_grown), "before")
    latest = b.Min(b.Add(stop, n_grown), b.Gather(followed, b.Add(turn, 1)))
    left, right = b.cut(levels, earliest, start), b.cut(levels, stop, latest)
    power = b.ReduceMean(b.Pow(10.0, b.Div(b.cut(levels, start, stop), 10.0)))
    quietest = b.ReduceMin(b.Concat(left, right, [FAR_DB], axis=0))
    floor = b.Max(
        b.Sub(_decibels(b, power), segments.GROWTH_DB), b.Add(quietest, segments.NOISE_DB)
    )
    backwards = b.Slice(left, [-1], [-ALL], [0], [-1])
    grown = (
        b.Sub(start, _until_no_louder(b, backwards, floor)),
        b.Add(stop, _until_no_louder(b, right, floor)),
    )
    # A new name for what is both carried and stacked: an output has one of its own.
    names = [b.Identity(grown[1]), *grown]
    found = g.repeated(
        g.Squeeze(g.Shape(starts)),
        [[0]],
        b,
        [told("segment", TensorProto.INT64, []), told("before", TensorProto.INT64, [1])],
        [told(name, TensorProto.INT64, [1]) for name in names],
    )
    return g.Reshape(found[1], [-1]), g.Reshape(found[2], [-1])


def _until_no_louder(g: Nodes, levels: str, floor: str) -> str:
    """How many levels from the first are over `floor`, (1,)."""
    over = g.Cast(g.LessOrEqual(levels, floor), to=TensorProto.INT64)
    return g.ArgMax(g.Concat(over, [1], axis=0), axis=0)


def _spoken(g: Nodes, probabilities: str) -> tuple[str, str]:
    """`segments._spoken`: steps with no longer dip between them are a chain, (n_segments,) each.

    A segment is a chain from its first step over SPEECH to its last.
    """
    is_going_on = g.GreaterOrEqual(probabilities, segments.NO_SPEECH)
    reach = int(segments.LONGEST_DIP_S / speech.STEP_S) + 1
    going_on = g.Unsqueeze(g.Cast(is_going_on, to=TensorProto.FLOAT), [0, 1])
    of_late = g.MaxPool(
        g.cut(g.Pad(going_on, [0, 0, reach, 0, 0, 0]), [0], [-1], 2), kernel_shape=[reach]
    )
    begins = g.And(is_going_on, g.Equal(g.Squeeze(of_late, [0, 1]), 0.0))
    chain = g.CumSum(g.Cast(begins, to=TensorProto.INT64), 0)
    steps = _numbers(g, g.Shape(probabilities))

    loud = g.Compress(steps, g.GreaterOrEqual(probabilities, segments.SPEECH), axis=0)
    its_chain = g.Gather(chain, loud)
    starts = g.Compress(loud, _differs(g, its_chain, is_last=False), axis=0)
    active = g.Compress(steps, is_going_on, axis=0)
    ends = g.Compress(active, _differs(g, g.Gather(chain, active), is_last=True), axis=0)
    return starts, g.Add(g.Gather(ends, g.Sub(g.Gather(chain, starts), 1)), 1)


def _differs(g: Nodes, values: str, is_last: bool) -> str:
    """Which values (n,) int64 are the last (or the first) of equal neighbours."""
    n = g.Shape(values)
    framed = g.Concat([-1], values, [-1], axis=0)
    after, before = g.cut(framed, [2], [ALL]), g.cut(framed, [0], n)
    return g.Not(g.Equal(values, after if is_last else before))


def find_windows(g: Nodes, filtered: str, detector: onnx.ModelProto) -> Windows:
    """`windows.hear` of a high-passed recording (n,) of 15 s at the most."""
    n = g.Shape(filtered)
    steps = g.Reshape(g.Pad(filtered, g.Concat([0], g.Mod(g.Neg(n), [STEP]), axis=0)), [-1, STEP])
    levels = step_levels(g, steps)
    expected = g.Min(_quantile(g, levels, segments.LEVEL_QUANTILE), speech.LEVEL_DB)
    probabilities = speech_probabilities(g, detector, steps, levels, expected)
    starts, stops = find_segments(g, probabilities, levels)
    n_segments = g.Shape(starts)
    starts, stops = _or_loudest(g, starts, stops, n_segments, levels)
    first_step, last_step = _groups(g, starts, stops)

    first, last = g.Mul(first_step, STEP), g.Min(g.Mul(last_step, STEP), n)
    lacking = g.Max(g.Sub(int(windows.SHORTEST_S * SAMPLE_RATE), g.Sub(last, first)), 0)
    margin = g.Add(g.Div(lacking, 2), int(windows.MARGIN_S * SAMPLE_RATE))
    first, last = g.Max(g.Sub(first, margin), 0), g.Min(g.Add(last, margin), n)

    numbers = g.Unsqueeze(_numbers(g, g.Shape(levels)), [0])
    is_speech = g.Unsqueeze(_any_within(g, numbers, starts, stops), [1])  # (n_steps, 1)
    is_spoken = g.Reshape(g.Expand(is_speech, g.Shape(steps)), [-1])
    spoken = g.Cast(g.cut(is_spoken, [0], n), to=TensorProto.FLOAT)
    start, stop, n_spoken, energy = _cut_windows(g, filtered, spoken, first, last)
    rms = g.Sqrt(g.Div(energy, n_spoken))
    gain = g.Where(g.Equal(energy, 0.0), 1.0, g.Div(10 ** (windows.SPEECH_LEVEL_DB / 20), rms))
    return Windows(start, stop, gain, n_spoken, n_segments)


def _cut_windows(
    g: Nodes, filtered: str, spoken: str, firsts: str, lasts: str
) -> tuple[str, str, str, str]:
    """`windows.cut_windows` of each group [first, last): start and stop of every window.

    And the samples of speech in it and their energy, floats; `spoken` (n,) is 1 where somebody
    speaks. All are (n_windows,); windows without speech are left out.
    """
    longest = int(windows.SPOKEN_WINDOW_S * SAMPLE_RATE)
    around = int(windows.PAUSE_S * SAMPLE_RATE)
    n_groups = g.Shape(firsts)
    n_turns = g.Add(n_groups, g.ReduceSum(g.Div(g.Sub(lasts, firsts), longest // 2), keepdims=1))

    b = g.inner()
    group = b.Min("group", b.Sub(n_groups, 1))  # the last one again when all are cut
    first, last = b.Gather(firsts, group), b.Gather(lasts, group)
    is_long = b.Greater(b.Sub(last, "start"), longest)
    power = b.Cast(b.cut(filtered, first, last), to=TensorProto.DOUBLE)
    power = b.Pad(b.Mul(power, power), [around // 2 + 1, around // 2])
    so_far = b.CumSum(power, 0)
    level = b.Sub(b.cut(so_far, [around], [ALL]), b.cut(so_far, [0], [-around]))
    earliest = b.Sub(b.Add("start", longest // 2), first)
    rest = int(windows.MIN_REST_S * SAMPLE_RATE)
    latest = b.Sub(b.Min(b.Add("start", longest), b.Sub(last, rest)), first)
    in_reach = b.cut(level, b.Where(is_long, earliest, [0]), b.Where(is_long, latest, [1]))
    quietest = b.Add(b.Add(earliest, first), b.ArgMin(in_reach, axis=0))
    stop = b.Where(is_long, quietest, last)
    is_there = b.Cast(b.Less("group", n_groups), to=TensorProto.FLOAT)
    speech_here = b.Mul(b.cut(spoken, "start", stop), is_there)
    heard_here = b.Mul(b.cut(filtered, "start", stop), speech_here)
    found = [b.Identity("start"), b.Identity(stop)]
    found += [b.ReduceSum(speech_here), b.ReduceSumSquare(heard_here)]
    after = b.Add("group", b.Where(is_long, [0], [1]))
    following = b.Gather(firsts, b.Min(after, b.Sub(n_groups, 1)))
    carried = [after, b.Where(is_long, stop, following)]
    kinds = [*[TensorProto.INT64] * 2, *[TensorProto.FLOAT] * 2]
    _, _, *each = g.repeated(
        g.Squeeze(n_turns),
        [[0], g.cut(firsts, [0], [1])],
        b,
        [
            told("turn", TensorProto.INT64, []),
            told("group", TensorProto.INT64, [1]),
            told("start", TensorProto.INT64, [1]),
        ],
        [
            *(told(name, TensorProto.INT64, [1]) for name in carried),
            *(told(name, kind, [1]) for name, kind in zip(found, kinds, strict=True)),
        ],
    )
    each = [g.Reshape(values, [-1]) for values in each]
    is_window = g.Greater(each[2], 0.0)
    return tuple(g.Compress(values, is_window, axis=0) for values in each)


def _or_loudest(g: Nodes, starts: str, stops: str, n_segments: str, levels: str) -> tuple[str, str]:
    """The segments; `segments.loud_segment` where there are none."""
    n_more = g.Cast(g.Equal(n_segments, 0), to=TensorProto.INT64)
    is_loud = g.Greater(levels, g.Sub(g.ReduceMax(levels), segments.LOUD_DB))
    loud = g.Compress(_numbers(g, g.Shape(levels)), is_loud, axis=0)
    first = g.cut(loud, [0], n_more)
    after = g.cut(g.Add(g.cut(loud, [-1], [ALL]), 1), [0], n_more)
    return g.Concat(starts, first, axis=0), g.Concat(stops, after, axis=0)


def _groups(g: Nodes, starts: str, stops: str) -> tuple[str, str]:
    """`windows._groups`: the first and the last step of each, (n_windows,)."""
    longest = windows.LONGEST_PAUSE_S * SAMPLE_RATE / STEP
    pauses = g.Sub(g.cut(starts, [1], [ALL]), g.cut(stops, [0], [-1]))
    is_apart = g.Greater(pauses, int(longest))
    return (
        g.Compress(starts, g.Concat([True], is_apart, axis=0), axis=0),
        g.Compress(stops, g.Concat(is_apart, [True], axis=0), axis=0),
    )


def _any_within(g: Nodes, numbers: str, starts: str, stops: str) -> str:
    """Which of `numbers` (1, n) lie in any of [starts, stops), (n,)."""
    is_in = g.And(
        g.GreaterOrEqual(numbers, g.Unsqueeze(starts, [1])),
        g.Less(numbers, g.Unsqueeze(stops, [1])),
    )
    return g.Greater(g.ReduceMax(g.Cast(is_in, to=TensorProto.INT64), [0], keepdims=0), 0)


def _quantile(g: Nodes, values: str, share: float) -> str:
    """`np.quantile` of values (n,), (1,)."""
    n = g.Shape(values)
    ordered, _ = g.TopK(values, n, largest=0, n_outputs=2)
    place = g.Mul(g.Cast(g.Sub(n, 1), to=TensorProto.FLOAT), share)
    below = g.Floor(place)
    low, high = (
        g.Gather(ordered, g.Cast(at, to=TensorProto.INT64)) for at in (below, g.Ceil(place))
    )
    return g.Add(low, g.Mul(g.Sub(high, low), g.Sub(place, below)))


def _numbers(g: Nodes, n: str) -> str:
    """0 to n - 1, of n (1,)."""
    return g.Range(0, g.Squeeze(n), 1)


def _decibels(g: Nodes, power: str) -> str:
    return g.Mul(g.Log(power), 10 / np.log(10))
