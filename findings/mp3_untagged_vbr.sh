#!/usr/bin/env bash
# libsndfile stops in the middle of a variable-rate MP3 that has no Xing frame.
#
# Library   soundfile 0.14.0 with its libsndfile 1.2.2; LAME makes the file
# Expected  All 20 s: the Xing (Info) frame is an addition that an MP3 may lack, and one that was streamed
#           or piped does. Every frame tells its own length, and LAME's decoder reads them all.
# Happens   The number of frames is guessed from the first bit rate and the file's size, and reading ends
#           there: after a loud first second, 2.8 s of 20 are left. read() and info agree, and nothing is
#           raised.
# Hurts     Whoever reads recordings of radio, telephone or web streams, also by librosa, audiofile and
#           other users of libsndfile: the clip just ends early.
#
# Output seen:
#   LAME 64bits version 3.100 (http://lame.sf.net)
#   1.2.2
#   expected: 20.02 s (LAME's own decoder)
#   observed: 2.76 s; info says 2.76 s
set -euo pipefail
command -v lame >/dev/null || { echo "missing: apt install lame"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q soundfile==0.14.0 numpy==2.4.6 || exit 2
lame --version | head -n 1

venv/bin/python - <<'PY'
import subprocess
import sys

import numpy as np
import soundfile

rate = 44_100
seconds = np.arange(20 * rate) / rate
noise = 0.3 * np.random.default_rng(0).uniform(-1, 1, len(seconds))
clip = np.where(seconds < 1, noise, 0.1 * np.sin(2 * np.pi * 200 * seconds))
soundfile.write("clip.wav", clip, rate)
subprocess.run(["lame", "--quiet", "-V", "2", "-t", "clip.wav", "clip.mp3"], check=True)  # -t: no tag
subprocess.run(["lame", "--quiet", "--decode", "clip.mp3", "lame.wav"], check=True)

whole = soundfile.info("lame.wav").duration
print(soundfile.__libsndfile_version__)
print(f"expected: {whole:.2f} s (LAME's own decoder)")
found = len(soundfile.read("clip.mp3")[0]) / rate
print(f"observed: {found:.2f} s; info says {soundfile.info('clip.mp3').duration:.2f} s")
sys.exit(0 if whole > 19.9 and found < 10 else 1)
PY
