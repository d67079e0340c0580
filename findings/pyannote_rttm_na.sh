#!/usr/bin/env bash
# pyannote.database loses the turns of a recording that is called NA or null, without a word.
#
# Library   pyannote.database 6.1.1
# Expected  The fields of an RTTM file are names between spaces; <NA> stands for what is not there, and
#           any other word is a name. Four recordings come back, among them "NA", "null" and "nan".
# Happens   load_rttm reads the file as a pandas table with pandas' list of missing values: a recording
#           whose name is in it is not among the keys, and a speaker of such a name comes back as a
#           float, nan.
# Hurts     Whoever calls files or speakers by initials or codes: the turns are missing from every
#           figure, and nothing is raised.
#
# Output seen:
#   expected: {'NA': ['calm'], 'null': ['sad'], 'nan': ['happy'], 'talk': ['NA']}
#   observed: {'talk': [nan]}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q pyannote.database==6.1.1 || exit 2

venv/bin/python - <<'PY'
import sys
from pathlib import Path

from pyannote.database.util import load_rttm

turns = {"NA": ["calm"], "null": ["sad"], "nan": ["happy"], "talk": ["NA"]}
lines = [
    f"SPEAKER {name} 1 0.000 1.500 <NA> <NA> {label} <NA> <NA>\n"
    for name, (label,) in turns.items()
]
Path("turns.rttm").write_text("".join(lines))
found = {name: list(annotation.labels()) for name, annotation in load_rttm("turns.rttm").items()}
print("expected:", turns)
print("observed:", found)
(label,) = found.get("talk", [""])
sys.exit(0 if list(found) == ["talk"] and label != label else 1)
PY
