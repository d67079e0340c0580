"""The command line reads every clip of every corpus at hand; slow, `make test-corpora`."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests import bounds
from tests.bounds import SIX_DIGITS
from train.corpora import audio_files

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("ravdess", "ravdess_song", "cremad", "tess", "emodb", "emovo")
SILENT = "1076_MTI_SAD_XX"  # digital silence in the official release


@pytest.mark.slow
def test_all_are_read_and_exactly_the_silent_one_is_refused(corpora_root):
    files = sorted(str(p) for folder in FOLDERS for p in audio_files(corpora_root / folder))
    assert len(files) == 13_817

    def judge(part):
        command = [sys.executable, "-m", "ser", "--json", *part]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    n_processes = os.cpu_count()
    with ThreadPoolExecutor(n_processes) as pool:
        done = list(pool.map(judge, (files[i::n_processes] for i in range(n_processes))))
    answers = [json.loads(line) for d in done for line in d.stdout.splitlines()]
    refused = [line for d in done for line in d.stderr.splitlines()]
    assert len(answers) == 13_816
    assert len(refused) == 1 and SILENT in refused[0] and "silent" in refused[0]
    assert sum(d.returncode for d in done) == 1
    spoken = [answer for answer in answers if answer["label"]]
    assert len(spoken) >= 0.97 * len(answers)  # what the gate promises
    for answer in spoken:
        attention = np.array(answer["attention"])
        of_attention = bounds.shares(attention) + len(attention) * SIX_DIGITS
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=8 * SIX_DIGITS)
        assert attention.sum() == pytest.approx(1, abs=of_attention)
