"""Runs on clips in which the detector hears speech."""

import numpy as np
import pytest
import soundfile

from ser.sound.audio import SAMPLE_RATE
from tests.small_runs import untrained_run
from train.corpora import load_corpora
from train.corpora.splits import PRIMARY, make_splits

CODES = (1, 3, 4, 5)  # neutral, happy, sad, angry


@pytest.fixture(scope="session")
def spoken_ravdess(speech, tmp_path_factory):
    """RAVDESS in small: 24 actors, four emotions, the synthetic voice faster or slower."""
    root = tmp_path_factory.mktemp("spoken")
    for actor in range(1, 25):
        folder = root / "ravdess" / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        for code in CODES:
            speed = 1 + 0.05 * code + 0.0017 * actor
            clip = np.interp(np.arange(0, len(speech) - 1, speed), np.arange(len(speech)), speech)
            path = folder / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
            soundfile.write(path, clip, SAMPLE_RATE)
    return root


@pytest.fixture(scope="session")
def spoken_runs(spoken_ravdess, tmp_path_factory):
    """Two untrained folds of `emobox-6fold` on it, judged."""
    base = tmp_path_factory.mktemp("runs") / "spoken" / PRIMARY
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_DATA", str(spoken_ravdess))
        patch.setattr("train.judge.pictures.judgement", lambda *_: None)
        for split in make_splits(PRIMARY, load_corpora(["ravdess"]), 0)[:2]:
            untrained_run(base / f"fold-{split.fold}-seed-0", "spoken", split, weights=split.fold)
    return base


@pytest.fixture
def on_spoken(spoken_ravdess, tmp_path, monkeypatch):
    """Those clips are the data, and no sounds were gathered."""
    monkeypatch.setenv("SER_DATA", str(spoken_ravdess))
    monkeypatch.setenv("SER_SOUNDS", str(tmp_path / "no-sounds"))
