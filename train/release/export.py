"""A checkpoint -> one ONNX file, from samples to probabilities and attention.

It runs in plain ONNX Runtime, also in a browser, and needs nothing of this project. All that
`EmotionPipeline` does with a recording of 15 s or less is in it but two things: hum of the mains is
not taken out, and nothing is refused.
"""

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import onnx
from onnx import TensorProto, helper

from ser.checkpoints.checkpoint import Checkpoint, CheckpointConfig
from ser.labels import LABELS
from ser.models.graph import GraphModel
from ser.pipeline import EmotionPipeline
from ser.sentences import FAIRLY_SURE, SURE
from ser.sound import speech
from ser.sound.audio import MIN_DURATION_S, SAMPLE_RATE, SILENCE_PEAK_DB
from ser.sound.windows import MAX_WINDOW_S
from train.release import heard, seen
from train.release.card import LICENSE
from train.release.licences import check_may_be_handed_on
from train.release.nodes import IR_VERSION, OPSET, Nodes, told
from train.release.traced import traced

INPUTS = {"samples": (TensorProto.FLOAT, [1, "n_samples"])}
OUTPUTS = {
    "probabilities": (TensorProto.FLOAT, [1, len(LABELS)]),
    "attention": (TensorProto.FLOAT, [1, "n_frames"]),
    "times_s": (TensorProto.FLOAT, [1, "n_frames"]),
    "is_speech": (TensorProto.BOOL, [1]),
}
BEFORE = (
    f"Give one channel at {SAMPLE_RATE} Hz, floats within -1 and 1, more than {MIN_DURATION_S} s "
    f"and at most {MAX_WINDOW_S:.0f} s of it. Refuse silence (a peak under {SILENCE_PEAK_DB:.0f} "
    "dBFS). Where is_speech is false there is no answer: nobody is heard to speak."
)
HUM = " Take hum of the mains out first, where there is any."  # version 2 of the front-end does


def export(source: str | None, target: Path, despite_licence: bool = False) -> None:
    """Write what `EmotionPipeline.from_pretrained(source)` answers by as one file.

    Raises CheckpointError for a checkpoint that cannot be used, ValueError for one that cannot be
    exported, with the reason, or that learned from a corpus whose licence allows no derived works
    (unless `despite_licence`).
    """
    if target.is_dir():
        raise ValueError(f"{target} is a folder: name the file.")
    loaded = EmotionPipeline.from_pretrained(source).checkpoint
    config = loaded.config
    if not despite_licence:
        check_may_be_handed_on(config)
    if config.members or config.stretches:
        raise ValueError("Only one model that answers plainly can be exported: no ensemble.")
    model = _whole(loaded)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    onnx.save_model(model, part)
    part.replace(target)


def _whole(loaded: Checkpoint) -> onnx.ModelProto:
    g = Nodes()
    write = _of_all if loaded.config.features.version == 1 else _of_speech
    outputs = write(g, loaded.config, _network(loaded))
    for value, name in zip(outputs, OUTPUTS, strict=True):
        g.nodes.append(helper.make_node("Identity", [value], [name]))
    graph = helper.make_graph(
        g.nodes,
        "from samples to probabilities and attention",
        [told(name, kind, shape) for name, (kind, shape) in INPUTS.items()],
        [told(name, kind, shape) for name, (kind, shape) in OUTPUTS.items()],
        g.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    helper.set_model_props(model, _metadata(loaded))
    onnx.checker.check_model(model, full_check=True)
    return model


def _metadata(loaded: Checkpoint) -> dict[str, str]:
    return {
        "labels": json.dumps(loaded.config.labels),
        "sample_rate_hz": str(SAMPLE_RATE),
        "longest_s": str(MAX_WINDOW_S),
        "more_than_s": str(MIN_DURATION_S),
        "certainty": json.dumps(loaded.config.certainty or (FAIRLY_SURE, SURE)),
        "before": BEFORE + (HUM if loaded.config.features.version == 2 else ""),
        "front_end": str(loaded.config.features.version),
        "license": LICENSE,
        "model": loaded.name,
        "revision": loaded.revision,
        "recipe": loaded.config.training.get("recipe", ""),
    }


def _network(loaded: Checkpoint) -> onnx.ModelProto:
    """From features to logits: the checkpoint's own graph, or one in float32."""
    if isinstance(loaded.model, GraphModel):
        return onnx.load(loaded.model.path)
    with tempfile.TemporaryDirectory() as scratch:
        return onnx.load(traced(loaded.model, Path(scratch)))


class _Judged(NamedTuple):
    """Of a window: probabilities (1, 8), attention (n_frames,), and speech (1, 2) if it has it."""

    probabilities: str
    attention: str
    speech: str | None


def _judged(g: Nodes, config: CheckpointConfig, network: onnx.ModelProto, window: str) -> _Judged:
    """`EmotionPipeline._judge` of a window's samples (n,)."""
    given = {"features": seen.features(g, window, config.features)}
    for value in network.graph.input[1:]:
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        given[value.name] = g.ConstantOfShape(shape)
    answer = g.include(network, given)
    logits = g.Div(answer["logits"], config.temperature)
    if config.distance_slope:
        logits = g.Div(logits, g.Pow(answer["distance"], config.distance_slope))
    return _Judged(
        g.Softmax(logits, axis=1), g.Squeeze(answer["attention"], [0]), answer.get("speech")
    )


def _of_all(g: Nodes, config: CheckpointConfig, network: onnx.ModelProto) -> tuple[str, ...]:
    """`OUTPUTS` by version 1 of the front-end: one window, trimmed where it is quiet."""
    samples = g.Squeeze("samples", [0])
    found = heard.find_windows(g, heard.high_passed(g, samples), onnx.load(speech.MODEL))
    start, stop = seen.span(g, samples, config.features)
    judged = _judged(g, config, network, g.cut(samples, start, stop))
    times_s = _times_s(g, start, g.Shape(judged.attention), config)
    is_speech = g.Greater(found.n_segments, 0)
    return (
        judged.probabilities,
        g.Unsqueeze(judged.attention, [0]),
        g.Unsqueeze(times_s, [0]),
        is_speech,
    )


def _times_s(g: Nodes, start: str, n_frames: str, config: CheckpointConfig) -> str:
    """Centres (n_frames,) of frames from a sample on."""
    frame = g.Range(0, g.Squeeze(n_frames), 1)
    at = g.Add(start, g.Mul(frame, config.features.hop_length))
    return g.Div(g.Cast(at, to=TensorProto.FLOAT), float(SAMPLE_RATE))


def _of_speech(g: Nodes, config: CheckpointConfig, network: onnx.ModelProto) -> tuple[str, ...]:
    """`OUTPUTS` by version 2 of the front-end: each window is judged, and votes."""
    filtered = heard.high_passed(g, g.Squeeze("samples", [0]))
    found = heard.find_windows(g, filtered, onnx.load(speech.MODEL))

    b = g.inner()
    turn = b.Reshape("window", [1])
    first, last = b.Gather(found.first, turn), b.Gather(found.last, turn)
    samples = b.Mul(b.cut(filtered, first, last), b.Gather(found.gain, turn))
    judged = _judged(b, config, network, samples)
    n_frames = b.Shape(judged.attention)
    times_s = _times_s(b, first, n_frames, config)
    carried = {
        "attention_so_far": (judged.attention, TensorProto.FLOAT),
        "times_so_far": (times_s, TensorProto.FLOAT),
        "windows_so_far": (b.Expand(turn, n_frames), TensorProto.INT64),
    }
    inputs = [told("window", TensorProto.INT64, [])]
    outputs = []
    for name, (value, kind) in carried.items():
        inputs.append(told(name, kind, [None]))
        outputs.append(told(b.Concat(name, value, axis=0), kind, [None]))
    outputs.append(told(judged.probabilities, TensorProto.FLOAT, [1, len(LABELS)]))
    if judged.speech:
        outputs.append(told(judged.speech, TensorProto.FLOAT, [1, 2]))
    none = g.cut(filtered, [0], [0])
    start = [none, none, g.Cast(none, to=TensorProto.INT64)]
    n_windows = g.Squeeze(g.Shape(found.first))
    attention, times_s, of_window, probabilities, *scores = g.repeated(
        n_windows, start, b, inputs, outputs
    )

    votes, is_speech = _gated(g, config, found.n_spoken, scores, found.n_segments)
    shares = g.Div(votes, g.ReduceSum(votes))
    mean = g.MatMul(g.Unsqueeze(shares, [0]), g.Squeeze(probabilities, [1]))
    attention = g.Mul(attention, g.Gather(shares, of_window))
    return mean, g.Unsqueeze(attention, [0]), g.Unsqueeze(times_s, [0]), is_speech


def _gated(
    g: Nodes, config: CheckpointConfig, votes: str, scores: list[str], n_segments: str
) -> tuple[str, str]:
    """`ser.gate.gate`: the votes that count, and whether somebody speaks, (1,)."""
    if not config.speech_thresholds:
        return votes, g.Greater(n_segments, 0)
    voices = g.Squeeze(g.cut(scores[0], [0], [1], 2), [1, 2])
    counted = g.Where(g.GreaterOrEqual(voices, config.speech_thresholds[0]), votes, 0.0)
    is_speech = g.Greater(g.ReduceMax(counted), 0.0)
    return g.Where(is_speech, counted, votes), is_speech
