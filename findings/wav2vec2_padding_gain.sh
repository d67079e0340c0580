#!/usr/bin/env bash
# The wav2vec 2.0 feature extractor makes a clip louder the longer its neighbour in the batch is.
#
# Library   transformers 5.23.0 (no torch needed), numpy 2.4.6
# Expected  do_normalize, on by default: "zero-mean unit-variance normalize the input", so each clip has a
#           deviation of 1, alone or in a batch. The docs say that models with feat_extract_norm "group",
#           as wav2vec2-base, "should simply be padded with 0", without an attention mask: the default.
# Happens   Without the mask mean and deviation are taken over the padding too: 1 s of noise beside 5 s
#           is raised by the root of 5, 7 dB. With return_attention_mask=True it is not.
# Hurts     Whoever recognises emotions with a base model in batches: level carries arousal, answers
#           depend on who shares the batch, and sorting by length may change the scores.
#
# Output seen:
#   alone: deviation 1.000
#   beside 5 s, with a mask: deviation 1.000
#   expected beside 5 s, as it comes: 1.000
#   observed beside 5 s, as it comes: 2.236
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q transformers==5.23.0 numpy==2.4.6 || exit 2

venv/bin/python - <<'PY'
import sys

import numpy as np
from transformers import Wav2Vec2FeatureExtractor

extractor = Wav2Vec2FeatureExtractor()
random = np.random.default_rng(0)
short = 0.1 * random.standard_normal(16_000).astype(np.float32)
long = 0.1 * random.standard_normal(5 * 16_000).astype(np.float32)


def deviation(clips, **options):
    batch = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="np", **options)
    return float(batch["input_values"][0, : len(short)].std())


print(f"alone: deviation {deviation([short]):.3f}")
print(f"beside 5 s, with a mask: deviation {deviation([short, long], return_attention_mask=True):.3f}")
print("expected beside 5 s, as it comes: 1.000")
found = deviation([short, long])
print(f"observed beside 5 s, as it comes: {found:.3f}")
sys.exit(0 if 2.1 < found < 2.4 else 1)
PY
