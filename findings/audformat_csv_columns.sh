#!/usr/bin/env bash
# audformat reads the columns of a CSV table by position and ignores their header: two can swap names.
#
# Library   audformat 1.4.3, pandas 3.1.1
# Expected  A table stored as CSV has a header line, and the YAML beside it maps names to schemes; columns
#           are found by name, as in the Parquet form. The order of a mapping carries no meaning.
# Happens   Database.load skips the header line and hands out the YAML's names from left to right. A table
#           that a spreadsheet or pandas wrote back with its columns in another order loads without a
#           word, and arousal holds the valence.
# Hurts     Whoever edits the tables of an emotion database outside audformat; columns of one type
#           (dimensions, raters) are then exchanged silently.
#
# Output seen:
#   file,valence,arousal
#   a.wav,0.1,0.9
#   b.wav,0.2,0.8
#
#   expected: arousal of a.wav 0.9, valence 0.1
#   observed: arousal of a.wav 0.1, valence 0.9
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q audformat==1.4.3 pandas==3.1.1 numpy==2.4.6 || exit 2

venv/bin/python - <<'PY'
import sys

import audformat
import pandas as pd

database = audformat.Database("emotions")
database.schemes["rating"] = audformat.Scheme("float")
database["files"] = audformat.Table(audformat.filewise_index(["a.wav", "b.wav"]))
for name, values in {"arousal": [0.9, 0.8], "valence": [0.1, 0.2]}.items():
    database["files"][name] = audformat.Column(scheme_id="rating")
    database["files"][name].set(values)
database.save("db", storage_format="csv")

table = pd.read_csv("db/db.files.csv")
table[["file", "valence", "arousal"]].to_csv("db/db.files.csv", index=False)
print(open("db/db.files.csv").read())
loaded = audformat.Database.load("db")["files"].get()
print("expected: arousal of a.wav 0.9, valence 0.1")
found = float(loaded["arousal"].iloc[0]), float(loaded["valence"].iloc[0])
print(f"observed: arousal of a.wav {found[0]}, valence {found[1]}")
sys.exit(0 if found == (0.1, 0.9) else 1)
PY
