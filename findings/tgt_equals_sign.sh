#!/usr/bin/env bash
# tgt cuts a label at " = ", and one letter more.
#
# Library   tgt 1.5; the file is written by Praat 6.1.38 (praat-parselmouth 0.4.7)
# Expected  A label in a TextGrid is whatever stands between the quotes; Praat itself, praatio and pympi
#           read it so. tgt's docs name no forbidden text.
# Happens   In Praat's default (long) text format tgt splits the line at " = " and takes the second piece
#           without its first and last letter: 'arousal = 0.7' is read as 'arousa', and nothing
#           is raised.
# Hurts     Whoever annotates dimensions ("valence = -0.3") or glosses: the value is gone.
#
# Output seen:
#   expected: ['arousal = 0.7', 'arousal=0.2'] (Praat)
#   observed: ['arousa', 'arousal=0.2'] (tgt)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q tgt==1.5 praat-parselmouth==0.4.7 numpy==2.4.6 || exit 2

venv/bin/python - <<'PY'
import sys

import parselmouth
import tgt
from parselmouth.praat import call

grid = parselmouth.TextGrid(0.0, 2.0, ["emotion"], [])
call(grid, "Insert boundary", 1, 1.0)
call(grid, "Set interval text", 1, 1, "arousal = 0.7")
call(grid, "Set interval text", 1, 2, "arousal=0.2")
call(grid, "Save as text file", "turn.TextGrid")

praat = parselmouth.read("turn.TextGrid")
print("expected:", [call(praat, "Get label of interval", 1, i) for i in (1, 2)], "(Praat)")
found = [interval.text for interval in tgt.io.read_textgrid("turn.TextGrid").tiers[0]]
print("observed:", found, "(tgt)")
sys.exit(0 if found == ["arousa", "arousal=0.2"] else 1)
PY
