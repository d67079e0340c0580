#!/usr/bin/env bash
# pysubs2 appends a WebVTT cue's identifier to the text of the cue before it.
#
# Library   pysubs2 1.8.1
# Expected  A cue may be preceded by a line that identifies it (WebVTT, "WebVTT cue identifier"), and
#           `&amp;` in a cue means `&`. Neither the identifier nor the escape is text that was said.
#           pysubs2's docs list WebVTT among the formats it reads.
# Happens   Identifiers made of digits are dropped, as in SubRip; any other, such as a speaker's or a
#           turn's name, becomes two more lines of the previous cue. Escapes stay as they are.
# Hurts     Whoever takes turns and emotion tags from transcripts: each label has its successor's name.
#
# Output seen:
#   expected: ['calm & warm', 'angry']
#   observed: ['calm &amp; warm\n\nturn-2', 'angry']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q pysubs2==1.8.1 || exit 2

cat >turns.vtt <<'VTT'
WEBVTT

turn-1
00:00:01.000 --> 00:00:02.000
calm &amp; warm

turn-2
00:00:02.000 --> 00:00:03.000
angry
VTT
venv/bin/python - <<'PY'
import sys

import pysubs2

texts = [event.plaintext for event in pysubs2.load("turns.vtt")]
print("expected:", ["calm & warm", "angry"])
print("observed:", texts)
sys.exit(0 if texts == ["calm &amp; warm\n\nturn-2", "angry"] else 1)
PY
