"""The least that an answer can take on this machine; part of `benchmarks.peers`."""

from pathlib import Path

import numpy as np
import soundfile

from benchmarks.serving import timed

PEAK_SIZE = 1024  # of square matrices whose product shows what a core can do


def limit(path: Path, seconds: float) -> dict[str, float]:
    """What cannot be undercut here: reading a file, and the default's products at full speed.

    A core's full speed is that of one large product of 8-bit integers in ONNX Runtime, in which
    the default computes; the least of many runs, for the limit is what the machine can do.
    """
    reading_ms = min(timed(lambda: soundfile.read(path, dtype="float32")))
    product, given = square_product()
    product_ms = min(timed(lambda: product.run(None, given), 50))
    per_ms = PEAK_SIZE**3 / product_ms
    n_products = multiply_adds(round(seconds * 100))
    return {
        "reading_ms": round(reading_ms, 2),
        "billion_multiply_adds_a_second": round(per_ms / 1e6, 1),
        "million_multiply_adds": round(n_products / 1e6),
        "products_ms": round(n_products / per_ms, 2),
    }


def square_product():
    """A session that multiplies two matrices of 8-bit integers, and what it takes."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = rng.integers(-60, 60, (PEAK_SIZE, PEAK_SIZE), dtype=np.int8)
    sizes = [PEAK_SIZE, PEAK_SIZE]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, sizes)],
        [helper.make_tensor_value_info("c", TensorProto.INT32, sizes)],
        [numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session, {"a": rng.integers(0, 255, sizes, dtype=np.uint8)}


def multiply_adds(n_frames: int) -> int:
    """Of Whisper-base's convolutions and first three layers, for frames of 10 ms."""
    size, n_mels, n_layers, steps = 512, 80, 3, n_frames // 2
    convolutions = 3 * n_mels * size * n_frames + 3 * size * size * steps
    layer = 4 * size * size * steps + 8 * size * size * steps + 2 * steps * steps * size
    return convolutions + n_layers * layer
