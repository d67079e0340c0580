"""Nodes of an ONNX graph, written down by calling them: `g.Add(a, 1.0)` names a new value."""

from collections.abc import Sequence
from functools import partial
from itertools import count

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper, version_converter

OPSET = 23  # since which attention is one operator
IR_VERSION = 10
ALL = np.iinfo(np.int64).max  # as the stop of a cut: to the end


class Nodes:
    """A graph that grows. Values are their names; numbers and arrays become constants.

    An int becomes int64, a float float32; a list is a tensor of one dimension.
    """

    def __init__(self, number: "count | None" = None):
        self._number = count() if number is None else number
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def __getattr__(self, operator: str):
        return partial(self.add, operator)

    def add(self, operator: str, *inputs: object, n_outputs: int = 1, **attributes: object):
        """Add a node; the name of its output, or a list of `n_outputs` names."""
        outputs = [self._new(operator) for _ in range(n_outputs)]
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        self.nodes.append(helper.make_node(operator, names, outputs, **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def cut(self, values: str, start: object, stop: object, axis: int = 0) -> str:
        """`values[start:stop]` along an axis; both are of shape (1,)."""
        return self.Slice(values, start, stop, [axis])

    def inner(self) -> "Nodes":
        """A graph for the body of a loop, which may use all values of this one."""
        return Nodes(self._number)

    def repeated(
        self,
        n_times: str,
        carried: Sequence[object],
        body: "Nodes",
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> list[str]:
        """Run `body` so often; what is carried in the end, and what each turn gave, stacked.

        `inputs` of the body: the turn's number (1 value, no dimension), then what is carried;
        `outputs`: what is carried on, then what is stacked.
        """
        go_on = self._new("go_on")
        still = body.Identity(go_on)
        condition = helper.make_tensor_value_info(go_on, onnx.TensorProto.BOOL, [])
        graph = helper.make_graph(
            body.nodes,
            self._new("body"),
            [inputs[0], condition, *inputs[1:]],
            [helper.make_tensor_value_info(still, onnx.TensorProto.BOOL, []), *outputs],
            body.constants,
        )
        return self.add("Loop", n_times, "", *carried, n_outputs=len(outputs), body=graph)

    def include(self, model: onnx.ModelProto, inputs: dict[str, str]) -> dict[str, str]:
        """Add another model's nodes and weights; which value each of its outputs is.

        `inputs` says which value stands for each of the model's.
        """
        given = {opset.domain: opset.version for opset in model.opset_import}
        if given[""] != OPSET:
            model = version_converter.convert_version(model, OPSET)
        prefix = self._new("in") + "/"
        graph = compose.add_prefix_graph(model.graph, prefix)
        theirs = {prefix + name: value for name, value in inputs.items()}
        for node in graph.node:
            node.input[:] = [theirs.get(name, name) for name in node.input]
        self.nodes += graph.node
        self.constants += graph.initializer
        return {told.name.removeprefix(prefix): told.name for told in graph.output}

    def _new(self, what: str) -> str:
        return f"{what}_{next(self._number)}"

    def _constant(self, value: object) -> str:
        array = np.asarray(value)
        if not isinstance(value, np.ndarray):
            array = array.astype({"f": np.float32, "i": np.int64, "b": bool}[array.dtype.kind])
        name = self._new("constant")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def told(name: str, kind: int, shape: Sequence[int | str | None]) -> onnx.ValueInfoProto:
    """Type and shape of a value."""
    return helper.make_tensor_value_info(name, kind, shape)
