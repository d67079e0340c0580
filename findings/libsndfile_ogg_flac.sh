#!/usr/bin/env bash
# libsndfile cannot open FLAC in Ogg as ffmpeg writes it.
#
# Library   soundfile 0.14.0 (libsndfile as its wheel brings it), ffmpeg 5.1 of Debian 12
# Expected  libsndfile names Ogg and FLAC among what it reads, and opens Ogg with Vorbis and with Opus of the same ffmpeg.
# Happens   Ogg with FLAC: "unknown error in flac decoder". ffmpeg decodes all samples, bit by bit those of the source.
# Hurts     Whoever keeps speech as .oga without loss: librosa, datasets and others on soundfile refuse it as damaged.
#
# Output seen:
#   expected: 32000 samples, those of the source (ffmpeg)
#   vorbis, opus: opened
#   observed: LibsndfileError: Error opening 'flac.oga': Error : unknown error in flac decoder.
set -euo pipefail
command -v ffmpeg >/dev/null || { echo "missing: apt install ffmpeg"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q soundfile==0.14.0 numpy==2.4.6 || exit 2
ffmpeg -v error -f lavfi -i "sine=440:sample_rate=16000:duration=2" -c:a pcm_s16le source.wav
ffmpeg -v error -i source.wav -c:a flac -f ogg flac.oga
ffmpeg -v error -i source.wav -c:a libvorbis vorbis.ogg
ffmpeg -v error -i source.wav -c:a libopus opus.ogg
ffmpeg -v error -i flac.oga -c:a pcm_s16le back.wav

venv/bin/python - <<'PY'
import sys

import numpy as np
import soundfile

source, back = (soundfile.read(name, dtype="int16")[0] for name in ("source.wav", "back.wav"))
assert np.array_equal(source, back)
print(f"expected: {len(back)} samples, those of the source (ffmpeg)")
assert all(soundfile.info(name).frames for name in ("vorbis.ogg", "opus.ogg"))
print("vorbis, opus: opened")
try:
    observed = f"{soundfile.info('flac.oga').frames} samples"
except soundfile.LibsndfileError as error:
    observed = f"LibsndfileError: {error}"
print(f"observed: {observed}")
sys.exit(0 if observed.startswith("LibsndfileError") else 1)
PY
