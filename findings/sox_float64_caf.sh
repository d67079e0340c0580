#!/usr/bin/env bash
# SoX reads 64-bit float CAF and Wave64 as silence, and writes them 187 dB too loud.
#
# Library   SoX 14.4.2 (Debian's, formats by libsox-fmt-all) against soundfile 0.14.0
# Expected  64-bit float is a valid encoding of both containers; full scale is 1.0, as in 32-bit float and
#           as in WAV, which SoX reads and writes rightly. soxformat(7) lists both and names no exception.
# Happens   Reading: samples of at most 1.0 are taken for integers of 32 bits, so all is silence, with
#           exit status 0. Writing: the samples are those integers, up to 2147483648. Both errors cancel
#           while nobody but SoX looks.
# Hurts     Whoever prepares a corpus with SoX from a Mac's float files or from long multichannel Wave64:
#           silent clips on the one side, and clips that clip in every other reader on the other.
#
# Output seen:
#   sox:      SoX v14.4.2
#   wav: peak 0.5 is read as 0.5 and written as 0.5 (as expected)
#   caf: peak 0.5 is read as 0.0 and written as 1073741824.0 (expected 0.5 and 0.5)
#   w64: peak 0.5 is read as 0.0 and written as 1073741824.0 (expected 0.5 and 0.5)
set -euo pipefail
command -v sox >/dev/null || { echo "missing: apt install sox libsox-fmt-all"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q soundfile==0.14.0 numpy==2.4.6 || exit 2
sox --version

venv/bin/python - <<'PY'
import subprocess
import sys

import numpy as np
import soundfile

tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)


def sox(*arguments):
    subprocess.run(["sox", "-D", *arguments], check=True)  # -D: no dither


def peak(name):
    return float(np.abs(soundfile.read(name)[0]).max())


as_found = True
for suffix in ("wav", "caf", "w64"):
    soundfile.write(f"in.{suffix}", tone, 16_000, subtype="DOUBLE", format=suffix.upper())
    sox(f"in.{suffix}", "-b", "16", "read.wav")
    soundfile.write("in16.wav", tone, 16_000)
    sox("in16.wav", "-e", "float", "-b", "64", f"out.{suffix}")
    read, written = peak("read.wav"), peak(f"out.{suffix}")
    expected = "as expected" if suffix == "wav" else "expected 0.5 and 0.5"
    print(f"{suffix}: peak 0.5 is read as {read:.1f} and written as {written:.1f} ({expected})")
    wrong = read == 0 and written > 1e9
    as_found &= not wrong if suffix == "wav" else wrong
sys.exit(0 if as_found else 1)
PY
