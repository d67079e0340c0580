#!/usr/bin/env bash
# A short TextGrid that tgt wrote loses its last label in praatio, silently.
#
# Library   tgt 1.5 writes, praatio 6.2.2 reads; Praat 6.1.38 (praat-parselmouth 0.4.7) as the judge
# Expected  All labels: Praat reads three. Praat's format is a sequence of numbers and quoted texts, and
#           needs no line break behind the last.
# Happens   tgt ends the file without a line break; praatio looks for one behind each label, takes its
#           absence for the end of the tier, and returns all labels but the last.
# Hurts     Pipelines that cut with one library and read with the other: the end of each file is unlabelled.
#
# Output seen:
#   expected: ['calm', 'angry', 'sad'] (Praat)
#   observed: ['calm', 'angry'] (praatio)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q tgt==1.5 praatio==6.2.2 praat-parselmouth==0.4.7 numpy==2.4.6 || exit 2

venv/bin/python - <<'PY'
import sys

import parselmouth
import tgt
from parselmouth.praat import call
from praatio import textgrid

tier = tgt.IntervalTier(0, 3, "emotion")
for start, label in enumerate(["calm", "angry", "sad"]):
    tier.add_interval(tgt.Interval(start, start + 1, label))
grid = tgt.TextGrid()
grid.add_tier(tier)
tgt.io.write_to_file(grid, "turn.TextGrid", format="short")

praat = parselmouth.read("turn.TextGrid")
count = int(call(praat, "Get number of intervals", 1))
print("expected:", [call(praat, "Get label of interval", 1, i + 1) for i in range(count)], "(Praat)")
read = textgrid.openTextgrid("turn.TextGrid", includeEmptyIntervals=True)
found = [entry.label for entry in read.getTier("emotion").entries]
print("observed:", found, "(praatio)")
sys.exit(0 if found == ["calm", "angry"] else 1)
PY
