#!/usr/bin/env bash
# kaldiio hands out the bytes of a mu-law WAV as if they were samples.
#
# Library   kaldiio 2.18.1; soundfile 0.14.0 makes the file and reads it rightly
# Expected  The telephone's samples, or an error: the header says mu-law (format 7), and Python's wave
#           module, of which kaldiio's reader is a copy, refuses what is not PCM.
# Happens   Only the 8 bits of a sample are looked at: uint8 codes come back, which read as unsigned PCM
#           are ten times too loud here, and bent. (A scp file also mixes scales: 16-bit WAV comes as int16,
#           FLAC as float64 in [-1, 1].)
# Hurts     Whoever lists call recordings in a wav.scp: features are computed on the codes, silently.
#
# Output seen:
#   soundfile: peak 0.099, correlation 1.000
#   kaldiio call: uint8, as that type peak 0.992, correlation 0.864
#   kaldiio pcm: int16, as that type peak 0.100, correlation 1.000
#   kaldiio flac: float64, as that type peak 0.100, correlation 1.000
#   expected: call like pcm, or an error
#   observed: the codes of mu-law
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q kaldiio==2.18.1 soundfile==0.14.0 numpy==2.4.6 || exit 2

venv/bin/python - <<'PY'
import sys

import kaldiio
import numpy as np
import soundfile

tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(8_000) / 8_000)
soundfile.write("call.wav", tone, 8_000, subtype="ULAW")
soundfile.write("pcm.wav", tone, 8_000, subtype="PCM_16")
soundfile.write("pcm.flac", tone, 8_000, subtype="PCM_16")
with open("wav.scp", "w") as scp:
    scp.write("call call.wav\npcm pcm.wav\nflac pcm.flac\n")

right = soundfile.read("call.wav")[0]
print(f"soundfile: peak {np.abs(right).max():.3f}, correlation {np.corrcoef(right, tone)[0, 1]:.3f}")
clips = kaldiio.load_scp("wav.scp")
for name, full_scale in {"call": 128, "pcm": 32768, "flac": 1}.items():
    samples = clips[name][1]
    centred = (samples.astype(float) - (128 if samples.dtype == np.uint8 else 0)) / full_scale
    likeness = np.corrcoef(centred, tone)[0, 1]
    print(f"kaldiio {name}: {samples.dtype}, as that type peak {np.abs(centred).max():.3f},"
          f" correlation {likeness:.3f}")
    if name == "call":
        as_found = samples.dtype == np.uint8 and np.abs(centred).max() > 0.9
print("expected: call like pcm, or an error")
print("observed: the codes of mu-law" if as_found else "observed: something else")
sys.exit(0 if as_found else 1)
PY
