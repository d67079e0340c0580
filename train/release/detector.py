"""Silero's detector -> the same network written as matrix products, which ONNX Runtime runs faster.

`python -m train detector` writes `ser/sound/silero/as_products.onnx` from the official file beside
it. A step is four frames at most, far too few for the library's convolutions: each becomes one
product with all frames of a step, zeros where its kernel does not reach. The weights stay what they
are, so the answers do but for rounding.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ser.sound.speech import CONTEXT, MODEL, OFFICIAL, STEP

FRAME, HOP = 256, 128  # of its short-time Fourier transform, over a step mirrored at its end
N_FRAMES = (CONTEXT + STEP + CONTEXT - FRAME) // HOP + 1
N_BINS = FRAME // 2 + 1
STRIDES = (1, 2, 2, 1)  # of the four convolutions, three wide each


def write(source: Path = OFFICIAL, target: Path = MODEL) -> None:
    """Write the products of the official sequence model."""
    read = onnx.load(source)
    given = {t.name: numpy_helper.to_array(t) for t in read.graph.initializer}
    recurrent = next(node for node in read.graph.node if node.op_type == "LSTM")
    kept = {
        "spectrum": given["stft.forward_basis_buffer"][:, 0].T,
        "block": np.array([0, -1, HOP]),
        "of_step": np.array([-1, N_FRAMES * N_BINS]),
        "mirror": np.array([0, 0, 0, CONTEXT]),
        "real_and_imaginary": np.array([N_BINS, N_BINS]),
        **{name: np.array([value]) for name, value in (("zero", 0), ("one", 1), ("last", -1))},
        "many": np.array([np.iinfo(np.int64).max]),
    }
    nodes = [
        helper.make_node("Pad", ["input", "mirror"], ["mirrored"], mode="reflect"),
        helper.make_node("Reshape", ["mirrored", "block"], ["blocks"]),
        helper.make_node("Slice", ["blocks", "zero", "last", "one"], ["earlier"]),
        helper.make_node("Slice", ["blocks", "one", "many", "one"], ["later"]),
        helper.make_node("Concat", ["earlier", "later"], ["frames"], axis=2),
        helper.make_node("MatMul", ["frames", "spectrum"], ["bins"]),
        helper.make_node("Split", ["bins", "real_and_imaginary"], ["real", "imaginary"], axis=2),
        helper.make_node("Mul", ["real", "real"], ["real_power"]),
        helper.make_node("Mul", ["imaginary", "imaginary"], ["imaginary_power"]),
        helper.make_node("Add", ["real_power", "imaginary_power"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["magnitude"]),
        helper.make_node("Reshape", ["magnitude", "of_step"], ["heard0"]),
    ]
    n_frames = N_FRAMES
    for n, stride in enumerate(STRIDES):
        weight, bias = given[f"encoder.{n}.weight"], given[f"encoder.{n}.bias"]
        product = as_product(weight, n_frames, stride)
        n_frames = product.shape[1] // len(bias)
        kept |= {f"weight{n}": product, f"bias{n}": np.tile(bias, n_frames)}
        nodes += [
            helper.make_node("Gemm", [f"heard{n}", f"weight{n}", f"bias{n}"], [f"sum{n}"]),
            helper.make_node("Relu", [f"sum{n}"], [f"heard{n + 1}"]),
        ]
    assert n_frames == 1
    kept |= {name: given[name] for name in recurrent.input[1:4]}
    kept |= {"output": given["output.weight"][:, :, 0].T, "output_bias": given["output.bias"]}
    nodes += [
        helper.make_node("Unsqueeze", [f"heard{len(STRIDES)}", "one"], ["sequence"]),
        helper.make_node(
            "LSTM",
            ["sequence", *recurrent.input[1:4], "", "h", "c"],
            ["states", "hn", "cn"],
            hidden_size=given["output.weight"].shape[1],
        ),
        helper.make_node("Relu", ["states"], ["positive"]),
        helper.make_node("MatMul", ["positive", "output"], ["product"]),
        helper.make_node("Add", ["product", "output_bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
        helper.make_node("Reshape", ["probability", "last"], ["speech_probs"]),
    ]
    graph = helper.make_graph(
        nodes,
        "silero_vad_16k_sequence as matrix products",
        read.graph.input,
        read.graph.output,
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in kept.items()],
    )
    model = helper.make_model(graph, opset_imports=read.opset_import, ir_version=read.ir_version)
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, target)


def as_product(weight: np.ndarray, n_frames: int, stride: int) -> np.ndarray:
    """A convolution (channel out, channel in, 3) over `n_frames`, filled up by one at either end.

    (frame in x channel in, frame out x channel out): so many frames side by side give as many.
    """
    n_out, n_in, width = weight.shape
    n_after = (n_frames - 1) // stride + 1
    product = np.zeros((n_frames, n_in, n_after, n_out), np.float32)
    for after in range(n_after):
        for tap in range(width):
            before = after * stride + tap - 1
            if 0 <= before < n_frames:
                product[before, :, after] = weight[:, :, tap].T
    return product.reshape(n_frames * n_in, n_after * n_out)
