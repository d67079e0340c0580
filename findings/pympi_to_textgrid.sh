#!/usr/bin/env bash
# pympi's to_textgrid leaves out, without a word, every ELAN annotation that touches an unaligned slot.
#
# Library   pympi-ling 1.71
# Expected  A TIME_SLOT without TIME_VALUE is valid EAF (the attribute is optional in its schema): ELAN
#           writes one between annotations that subdivide a stretch and shows them evenly spread over it.
#           A conversion places them so, or says that it cannot; the docs of to_textgrid name only an
#           ImportError.
# Happens   The tier is there and empty: both annotations are gone. The half-open times do show in
#           get_annotation_data_for_tier; get_annotation_data_at_time raises a TypeError.
# Hurts     Whoever moves annotations from ELAN to Praat: fewer labels, and no error to notice it by.
#
# Output seen:
#   ELAN tier: [(0, None, 'sad'), (None, 3000, 'happy')]
#   expected: labels ['sad', 'happy'] in the TextGrid, or an error
#   observed: labels [] and no error
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
    <TIME_SLOT TIME_SLOT_ID="ts2"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="3000"/>
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
print("ELAN tier:", eaf.get_annotation_data_for_tier("emotion"))
tiers = {tier.name: tier for tier in eaf.to_textgrid().get_tiers()}
labels = [label for *_, label in tiers["emotion"].get_all_intervals() if label]
print("expected: labels ['sad', 'happy'] in the TextGrid, or an error")
print("observed: labels", labels, "and no error")
sys.exit(0 if not labels else 1)
PY
