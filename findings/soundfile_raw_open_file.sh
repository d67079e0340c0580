#!/usr/bin/env bash
# soundfile refuses an open WAV because of its name: an open file called x.raw is taken for headerless samples.
#
# Library   soundfile 0.14.0 (libsndfile as its wheel brings it)
# Expected  An open file is bytes: its header says what it is. So it is with the same bytes in a BytesIO.
# Happens   soundfile reads the name of the open file, and for the suffix .raw asks for rate, channels and subtype.
# Hurts     Whoever opens files so that their names play no part. Some recorders call their WAV files .raw.
#
# Output seen:
#   expected: WAV, 16000 Hz (io.BytesIO of the file)
#   observed: TypeError: samplerate must be specified (the file, opened)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q soundfile==0.14.0 numpy==2.4.6 || exit 2

venv/bin/python - <<'PY'
import io
import sys

import numpy as np
import soundfile

tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
soundfile.write("tone.wav", tone, 16_000)
with open("tone.wav", "rb") as file, open("x.raw", "wb") as copy:
    copy.write(file.read())

with open("x.raw", "rb") as file:
    told = soundfile.info(io.BytesIO(file.read()))
print(f"expected: {told.format}, {told.samplerate} Hz (io.BytesIO of the file)")
try:
    with open("x.raw", "rb") as file:
        observed = soundfile.info(file).format
except TypeError as error:
    observed = f"TypeError: {error}"
print(f"observed: {observed} (the file, opened)")
sys.exit(0 if observed.startswith("TypeError") else 1)
PY
