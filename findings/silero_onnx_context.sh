#!/usr/bin/env bash
# silero_vad.onnx takes 512 samples, answers, and finds no speech: it wants 64 more from the chunk before.
#
# Library   silero-vad 6.2.3 (its ONNX file alone), onnxruntime 1.32.0
# Expected  A chunk is 512 samples at 16 kHz: the package's wrapper takes these and refuses other lengths.
#           So does, one would think, the model in it; or it refuses what is too short.
# Happens   The package's Python wrapper puts the last 64 samples of the previous chunk in front of each.
#           Without them the network runs as well, and calls clear speech silence throughout.
# Hurts     Whoever calls the file from onnxruntime (C++, browser, phone) after reading its inputs: the
#           detector is deaf, and nothing says so.
#
# Output seen:
#   inputs: {'input': [None, None], 'state': [2, None, 128], 'sr': []}
#   expected: 89 of 98 chunks are speech (512 samples after 64 of context)
#   observed: 0 of 98 (512 samples); the highest answer is 0.04
set -euo pipefail
command -v ffmpeg >/dev/null || { echo "missing: apt install ffmpeg"; exit 2; }
ffmpeg -hide_banner -filters 2>/dev/null | grep -w flite >/dev/null ||
    { echo "missing: an ffmpeg with flite, as Debian's (apt install ffmpeg)"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q --no-deps silero-vad==6.2.3 || exit 2 # its other needs are for the wrapper
venv/bin/pip install -q onnxruntime==1.32.0 soundfile==0.14.0 numpy==2.4.6 || exit 2
ffmpeg -v error -f lavfi -i "flite=text='What a lovely day it is, and how good to see you again.':voice=slt" \
    -ar 16000 speech.wav

venv/bin/python - <<'PY'
import glob
import sys

import numpy as np
import onnxruntime
import soundfile

model = onnxruntime.InferenceSession(glob.glob("venv/lib*/python*/site-packages/silero_vad/data/silero_vad.onnx")[0])
print("inputs:", {i.name: i.shape for i in model.get_inputs()})
speech = soundfile.read("speech.wav", dtype="float32")[0]
chunks = speech[: len(speech) // 512 * 512].reshape(-1, 512)


def probabilities(with_context):
    state, context, answers = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
    for chunk in chunks:
        samples = np.concatenate([context, chunk]) if with_context else chunk
        inputs = {"input": samples[None], "state": state, "sr": np.array(16_000)}
        answer, state = model.run(None, inputs)
        answers.append(answer.item())
        context = chunk[-64:]
    return np.array(answers)


right, found = probabilities(True), probabilities(False)
print(f"expected: {(right > 0.5).sum()} of {len(right)} chunks are speech (512 samples after 64 of context)")
print(f"observed: {(found > 0.5).sum()} of {len(found)} (512 samples); the highest answer is {found.max():.2f}")
sys.exit(0 if (right > 0.5).mean() > 0.7 and not (found > 0.5).any() else 1)
PY
