#!/usr/bin/env bash
# A sample of exactly 1.0 becomes -1.0 inside opensmile: a peak-normalised clip has clicks at its peaks.
#
# Library   opensmile 2.6.0 (Python), numpy 2.4.6, x86-64
# Expected  Floats in [-1, 1] are full scale, as soundfile and librosa read and write them, so a peak of
#           1.0 sounds like one of 32767/32768. The docs of process_signal ask for "signal values" and
#           name no range; nothing warns.
# Happens   The samples are multiplied by 32768 and cast to int16, which holds at most 32767: +1.0 wraps
#           to -32768. One such sample a period makes the loudness of a 200 Hz tone almost six times as high.
# Hurts     Whoever divides a clip by its maximum, the usual normalisation, before eGeMAPS or ComParE.
#           Audio above 1.0, as decoders of lossy formats and augmentation make it, wraps as well.
#
# Output seen:
#   peak 0.990000: mean loudness 0.739
#   peak 0.999969: mean loudness 0.743
#   peak 1.000000: mean loudness 4.218
#   expected: the last two differ by less than 1 %
#   observed: the last is 5.67 times the one before
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q opensmile==2.6.0 numpy==2.4.6 pandas==3.1.1 || exit 2

venv/bin/python - <<'PY'
import sys

import numpy as np
import opensmile

tone = np.sin(2 * np.pi * 200 * np.arange(32_000) / 16_000)
tone /= np.abs(tone).max()
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def loudness(peak):
    signal = (peak * tone).astype(np.float32)
    value = float(smile.process_signal(signal, 16_000)["loudness_sma3_amean"].iloc[0])
    print(f"peak {peak:.6f}: mean loudness {value:.3f}")
    return value


loudness(0.99)
below = loudness(32767 / 32768)
full = loudness(1.0)
print("expected: the last two differ by less than 1 %")
print(f"observed: the last is {full / below:.2f} times the one before")
sys.exit(0 if full > 3 * below else 1)
PY
