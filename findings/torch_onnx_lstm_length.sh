#!/usr/bin/env bash
# torch.onnx.export keeps the example's length behind an LSTM, though a named dimension was asked for.
#
# Library   torch 2.13.0, onnxscript 0.7.2, onnx 1.23.2, onnxruntime 1.32.0
# Expected  dynamic_shapes={"x": {1: torch.export.Dim("n")}} writes an input of n frames, as it does for a linear
#           layer; or it raises, as torch.export.export does with the same arguments, and as the name "n" does.
# Happens   A file is written and nothing raised. The first one says that it takes n frames, and a Reshape behind
#           the LSTM holds the 30 of the example; so does one by Dim.AUTO. Of the second one in the same process
#           the input itself has 30.
# Hurts     Whoever exports a recurrent model and tries it on the example: the first recording of another length
#           fails, on the user's machine. The older exporter (dynamo=False) writes what was asked for. Of LSTMs in
#           two directions the tracker of PyTorch knows it (issue 191855).
#
# Output seen:
#   Linear, Dim("n"): input [1, 'n', 4]; 60 frames: (60, 8)
#   LSTM, Dim("n"): input [1, 'n', 4]; 60 frames: Fail
#   the same again: input [1, 30, 4]; 60 frames: InvalidArgument
#   LSTM, Dim.AUTO: input [1, 's27', 4]; 60 frames: Fail
#   LSTM, dynamo=False: input [1, 'n', 4]; 60 frames: (60, 8)
#   torch.export.export, LSTM, Dim("n"): UserError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q torch==2.13.0 onnxscript==0.7.2 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2

venv/bin/python 2>/dev/null - <<'PY'
import sys

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.export import Dim


class Frames(nn.Module):
    """(1, n, 4) -> (n, 8)."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        found = self.layer(x)
        hidden = found[0] if isinstance(found, tuple) else found
        return hidden.flatten(0, 1).tanh().view(-1, 8)


def linear():
    return Frames(nn.Linear(4, 8)).eval()


def lstm():
    return Frames(nn.LSTM(4, 8, batch_first=True)).eval()


def exported(what, model, **how):
    torch.onnx.export(model, (torch.zeros(1, 30, 4),), "a.onnx", input_names=["x"], verbose=False, **how)
    onnxruntime.set_default_logger_severity(4)
    session = onnxruntime.InferenceSession("a.onnx")
    shape = session.get_inputs()[0].shape
    try:
        found = session.run(None, {"x": np.zeros((1, 60, 4), np.float32)})[0].shape
    except Exception as error:
        found = type(error).__name__
    print(f"{what}: input {shape}; 60 frames: {found}")
    return shape[1], found


named, free = {"x": {1: Dim("n")}}, {"x": {1: Dim.AUTO}}
seen = [
    exported('Linear, Dim("n")', linear(), dynamic_shapes=named),
    exported('LSTM, Dim("n")', lstm(), dynamic_shapes=named),
    exported('the same again', lstm(), dynamic_shapes=named),
    exported("LSTM, Dim.AUTO", lstm(), dynamic_shapes=free),
    exported("LSTM, dynamo=False", lstm(), dynamic_axes={"x": {1: "n"}}, dynamo=False),
]
try:
    torch.export.export(lstm(), (torch.zeros(1, 30, 4),), dynamic_shapes=named)
    raised = None
except Exception as error:
    raised = type(error).__name__
print(f'torch.export.export, LSTM, Dim("n"): {raised}')
as_described = [("n", (60, 8)), ("n", "Fail"), (30, "InvalidArgument"), (seen[3][0], "Fail"), ("n", (60, 8))]
sys.exit(0 if seen == as_described and isinstance(seen[3][0], str) and raised else 1)
PY
