#!/usr/bin/env bash
# Second 2.0 of one MP3 is at 2.00 s for soundfile, 2.07 s for Praat and 2.07 s for pedalboard.
#
# Library   praat-parselmouth 0.4.7 (Praat 6.1.38), pedalboard 0.9.26; soundfile 0.14.0 (libsndfile 1.2.2)
# Expected  LAME's tag says how many samples the encoder put before and behind the sound; soundfile
#           and ffmpeg take them away, and an event is where it was in the WAV.
# Happens   Praat and pedalboard keep them: everything is later by the encoder's delay, some 1100 samples,
#           66 and 69 ms at 16 kHz, and the clip is longer.
# Hurts     Whoever labels an MP3 in Praat and cuts it with librosa, or mixes the two readers: each label
#           is late by the same amount, which cuts off the onset and adds some of the next word.
#
# Output seen:
#   LAME 64bits version 3.100 (http://lame.sf.net)
#   expected, WAV         : the beep starts at 2.000 s of 5.000 s
#   expected, soundfile   : the beep starts at 2.000 s of 5.000 s
#   observed, Praat       : the beep starts at 2.066 s of 5.037 s
#   observed, pedalboard  : the beep starts at 2.069 s of 5.076 s
set -euo pipefail
command -v lame >/dev/null || { echo "missing: apt install lame"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q soundfile==0.14.0 praat-parselmouth==0.4.7 pedalboard==0.9.26 numpy==2.4.6 || exit 2
lame --version | head -n 1

venv/bin/python - <<'PY'
import subprocess
import sys

import numpy as np
import parselmouth
import soundfile
from pedalboard.io import AudioFile

rate = 16_000
clip = np.zeros(5 * rate)
clip[2 * rate : 2 * rate + 160] = 0.8 * np.sin(2 * np.pi * 500 * np.arange(160) / rate)
soundfile.write("clip.wav", clip, rate)
subprocess.run(["lame", "--quiet", "-b", "64", "clip.wav", "clip.mp3"], check=True)


def report(reader, samples):
    onset = float(np.flatnonzero(np.abs(samples) > 0.3)[0] / rate)
    print(f"{reader}: the beep starts at {onset:.3f} s of {len(samples) / rate:.3f} s")
    return onset


report("expected, WAV         ", clip)
right = report("expected, soundfile   ", soundfile.read("clip.mp3")[0])
praat = report("observed, Praat       ", parselmouth.Sound("clip.mp3").values[0])
with AudioFile("clip.mp3") as file:
    board = report("observed, pedalboard  ", file.read(file.frames)[0])
late = right < 2.005 and praat > 2.05 and board > 2.05
sys.exit(0 if late else 1)
PY
