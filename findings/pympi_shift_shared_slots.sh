#!/usr/bin/env bash
# pympi's shift_annotations moves a boundary that two annotations share twice as far.
#
# Library   pympi-ling 1.71
# Expected  "Shift all annotations in time" (its docs): by 500 ms, each start and end is 500 ms later. In
#           EAF a boundary is a TIME_SLOT, and annotations refer to slots; adjacent or dependent ones may
#           refer to the same, as ELAN writes them where one subdivides another.
# Happens   The method adds the shift for every reference. The shared boundary at 1000 ms goes to 2000 ms:
#           one label is half a second too long, its neighbour half a second too short.
# Hurts     Whoever aligns ELAN labels with a recording that starts later: durations change.
#
# Output seen:
#   before:   [(0, 1000, 'sad'), (1000, 2000, 'happy')]
#   expected: [(500, 1500, 'sad'), (1500, 2500, 'happy')]
#   observed: [(500, 2000, 'sad'), (2000, 2500, 'happy')]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q pympi-ling==1.71 || exit 2

cat >turn.eaf <<'EAF'
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
    <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1000"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="free" TIER_ID="emotion">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>sad</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
      <ANNOTATION_VALUE>happy</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="free" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
EAF
venv/bin/python - <<'PY'
import sys

import pympi

eaf = pympi.Elan.Eaf("turn.eaf")
print("before:  ", eaf.get_annotation_data_for_tier("emotion"))
eaf.shift_annotations(500)
found = eaf.get_annotation_data_for_tier("emotion")
print("expected:", [(500, 1500, "sad"), (1500, 2500, "happy")])
print("observed:", found)
sys.exit(0 if found == [(500, 2000, "sad"), (2000, 2500, "happy")] else 1)
PY
