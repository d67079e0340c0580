"""A fitted model -> a small graph for ONNX Runtime: checkpoint format 2.

The matrix products' weights become 8-bit integers, a scale for each channel; activations are
quantised as they come, by ONNX Runtime. All weights lie in safetensors shards, from which the graph
reads them: nothing is stored twice.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, numpy_helper
from safetensors.numpy import save

from ser.checkpoints import checkpoint
from ser.checkpoints.config import GRAPH_NAME, describe_files
from ser.pipeline import EmotionPipeline
from train.judge.finished import load_run
from train.release.traced import traced

SHARD_BYTES = 9_000_000
IN_GRAPH_BYTES = 1024  # smaller tensors stay in the graph: shapes and other constants
QUANTIZED, TRANSPOSED = "_quantized", "_Transposed"  # ONNX Runtime's suffixes
SCALES = np.linspace(1.0, 2.0, 11)  # of the one that uses all 8 bits; twice as wide is 7 bits
SMALLEST = 1e-12  # of a channel's largest weight, so that there is a scale
PAIR_BOUND = 128  # of two weights' sizes: 255 times as much fits into 16 bits


def quantize(run: Path, folder: Path) -> None:
    """Write the model of a run into `folder` as checkpoint format 2, with the run's figures.

    Raises ValueError for a folder that is not empty, an ensemble or a model that is asked about
    stretched clips, and CheckpointError where the run does not load.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: name another place for the graph.")
    loaded = load_run(run).checkpoint
    if loaded.config.files:
        raise ValueError(f"{run} holds a graph already.")
    if loaded.config.members or loaded.config.stretches:
        raise ValueError("Only one model that answers plainly becomes a graph: no ensemble.")
    if not hasattr(loaded.model, "judged"):
        raise ValueError(f"Nobody has said how {loaded.config.model_name} becomes a graph.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        graph = _quantized(traced(loaded.model, Path(scratch)), Path(scratch))
    shards = _move_weights_out(graph, folder)
    onnx.save_model(graph, folder / GRAPH_NAME)
    config = replace(
        loaded.config, format_version=2, files=describe_files(folder, [GRAPH_NAME, *shards])
    )
    checkpoint.save_config(folder, replace(config, golden=None))
    golden = EmotionPipeline(checkpoint.load(folder)).golden_answer()
    checkpoint.save_config(folder, replace(config, golden=golden))
    if (run / checkpoint.METRICS_NAME).exists():
        shutil.copyfile(run / checkpoint.METRICS_NAME, folder / checkpoint.METRICS_NAME)


def _quantized(path: Path, scratch: Path) -> onnx.ModelProto:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folded, small = scratch / "folded.onnx", scratch / "int8.onnx"
    quant_pre_process(path, folded, skip_symbolic_shape=True)  # what is constant becomes a weight
    quantize_dynamic(
        folded,
        small,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul"],
    )
    graph, exact = onnx.load(small), _arrays(onnx.load(folded))
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    for name in [n.removesuffix(QUANTIZED) for n in tensors if n.endswith(QUANTIZED)]:
        weights = exact[name] if name in exact else exact[name.removesuffix(TRANSPOSED)].T
        for kind, array in zip((QUANTIZED, "_scale"), eight_bits(weights), strict=True):
            tensors[name + kind].CopyFrom(numpy_helper.from_array(array, name + kind))
    return graph


def _arrays(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def eight_bits(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_in, n_out) float32 as int8 and a scale (n_out,): of those tried the nearest.

    A wider scale rounds more, a narrower one leaves more pairs to be bounded.
    """
    largest = np.maximum(np.abs(weights).max(axis=0), SMALLEST)
    found, scales = np.zeros(weights.shape, np.int8), np.zeros(len(largest), np.float32)
    least = np.full(len(largest), np.inf)
    for factor in SCALES:
        scale = (factor * largest / 127).astype(np.float32)
        tried = bound_pairs(np.rint(weights / scale).clip(-127, 127).astype(np.int8))
        error = np.square(tried * scale - weights).sum(axis=0)
        better = error < least
        found[:, better], scales[better], least[better] = (
            tried[:, better],
            scale[better],
            error[better],
        )
    return found, scales


def bound_pairs(weights: np.ndarray) -> np.ndarray:
    """Make weights (n_in, n_out) int8 such that no sum of two products saturates.

    Processors without VNNI multiply rows 2k and 2k + 1 by activations of 8 bits and add both in 16
    bits. Where two weights are too large together, each is brought nearer to 0 by half of what is
    too much.
    """
    n_in, n_out = weights.shape
    padded = np.zeros((n_in + n_in % 2, n_out), np.int16)
    padded[:n_in] = weights
    pairs = padded.reshape(-1, 2, n_out)
    excess = np.maximum(np.abs(pairs).sum(axis=1) - PAIR_BOUND, 0)
    less = np.stack([(excess + 1) // 2, excess // 2], axis=1)
    bounded = np.sign(pairs) * (np.abs(pairs) - less)
    return bounded.reshape(-1, n_out)[:n_in].astype(np.int8)


def _move_weights_out(graph: onnx.ModelProto, folder: Path) -> list[str]:
    """Put the graph's larger constants into safetensors shards; their names."""
    arrays = _arrays(graph)
    large = {name: array for name, array in arrays.items() if array.nbytes >= IN_GRAPH_BYTES}
    groups = _groups(large)
    names = [f"model-{n + 1:05}-of-{len(groups):05}.safetensors" for n in range(len(groups))]
    places = {}
    for name, group in zip(names, groups, strict=True):
        shard = {key: np.ascontiguousarray(large[key]) for key in group}
        (folder / name).write_bytes(save(shard))
        places |= {key: (name, *span) for key, span in _spans(folder / name).items()}
    for tensor in graph.graph.initializer:
        if tensor.name in places:
            location, start, stop = places[tensor.name]
            tensor.CopyFrom(numpy_helper.from_array(arrays[tensor.name], tensor.name))
            external_data_helper.set_external_data(tensor, location, start, stop - start)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
    return names


def _groups(arrays: dict[str, np.ndarray]) -> list[list[str]]:
    """Names of arrays in their order, in as few shards as their size asks for."""
    groups, n_bytes = [[]], 0
    for name, array in arrays.items():
        if groups[-1] and n_bytes + array.nbytes > SHARD_BYTES:
            groups.append([])
            n_bytes = 0
        groups[-1].append(name)
        n_bytes += array.nbytes
    return groups


def _spans(path: Path) -> dict[str, Sequence[int]]:
    """Where in a safetensors file the bytes of each tensor begin and end."""
    data = path.read_bytes()
    n_header = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n_header])
    return {
        name: [8 + n_header + at for at in told["data_offsets"]]
        for name, told in header.items()
        if name != "__metadata__"
    }
