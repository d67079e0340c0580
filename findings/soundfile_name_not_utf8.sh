#!/usr/bin/env bash
# soundfile cannot open a file by the name that Python gave it, where that name is not UTF-8.
#
# Library   soundfile 0.14.0
# Expected  Names from os.listdir or pathlib open the files that they name, as with open(): what is not
#           UTF-8 in them is kept in surrogates (PEP 383). soundfile's docs take a str or a path.
# Happens   It encodes the name without "surrogateescape" and raises a UnicodeEncodeError, which is no
#           SoundFileError. The same name through os.fsencode works.
# Hurts     Batches over old archives with Latin-1 names: the loop catches soundfile's own errors and
#           ends in a traceback at the first "café.wav".
#
# Output seen:
#   expected: 160 frames
#   observed: UnicodeEncodeError; as bytes: 160 frames
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q soundfile==0.14.0 numpy==2.4.6 || exit 2

PYTHONUTF8=1 venv/bin/python - <<'PY'
import os
import sys
from pathlib import Path

import numpy as np
import soundfile

soundfile.write("plain.wav", np.zeros(160), 16000)
os.mkdir("old")
os.rename(b"plain.wav", b"old/caf\xe9.wav")
(path,) = Path("old").iterdir()
assert path.open("rb").read(4) == b"RIFF"
print("expected: 160 frames")
try:
    observed = f"{soundfile.info(path).frames} frames"
except Exception as error:
    observed = type(error).__name__
as_bytes = soundfile.info(os.fsencode(path)).frames
print(f"observed: {observed}; as bytes: {as_bytes} frames")
sys.exit(0 if observed == "UnicodeEncodeError" and as_bytes == 160 else 1)
PY
