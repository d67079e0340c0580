#!/usr/bin/env bash
# A data set's Audio column turns an int16 array into a full-scale square wave.
#
# Library   datasets 5.2.0 with torchcodec 0.13.0 and torch 2.13.0, numpy 2.4.6
# Expected  {"array": ..., "sampling_rate": ...} holds the sound; the docs of Audio say "Array containing
#           the audio sample" and ask for no type. int16, as scipy, wave and Gradio return it, is scaled
#           or refused.
# Happens   The array is cast to float32 without scaling and written as 16-bit WAV, which clips at +-1:
#           every sample but zero comes back at full scale. Nothing is raised or logged.
# Hurts     Whoever builds a data set of recordings in memory: the column plays as loud noise, and a
#           recogniser trained on it learns zero crossings only.
#
# Output seen:
#   ffmpeg version 5.1.9-0+deb12u1
#   float32: peak 0.25, correlation with the tone 1.000, 41 values
#   int16: peak 1.00, correlation with the tone 0.911, 3 values
#   expected: peak 0.25, correlation 1.000
#   observed: 49% of the samples -1, 2% 0, 49% +1
set -euo pipefail
# torchcodec decodes and encodes with the libraries of ffmpeg.
command -v ffmpeg >/dev/null || { echo "missing: apt install ffmpeg"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q torch==2.13.0 torchcodec==0.13.0 datasets==5.2.0 numpy==2.4.6 || exit 2
ffmpeg -version | head -n 1 | cut -d ' ' -f 1-3

HF_HUB_OFFLINE=1 venv/bin/python - <<'PY'
import sys

import numpy as np
from datasets import Audio, Dataset, Features

tone = 0.25 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)


def there_and_back(array):
    rows = {"audio": [{"array": array, "sampling_rate": 16_000}]}
    found = np.asarray(Dataset.from_dict(rows, Features({"audio": Audio()}))[0]["audio"]["array"])
    likeness = np.corrcoef(found, tone)[0, 1]
    print(f"{array.dtype}: peak {np.abs(found).max():.2f}, correlation with the tone {likeness:.3f},"
          f" {len(np.unique(found.round(4)))} values")
    return found


there_and_back(tone.astype(np.float32))
found = there_and_back((tone * 32767).astype(np.int16))
print("expected: peak 0.25, correlation 1.000")
shares = [float((found <= -0.99).mean()), float((np.abs(found) < 0.01).mean()), float((found >= 0.99).mean())]
print("observed: {:.0%} of the samples -1, {:.0%} 0, {:.0%} +1".format(*shares))
sys.exit(0 if sum(shares) > 0.999 and min(shares[0], shares[2]) > 0.4 else 1)
PY
