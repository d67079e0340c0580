"""UA among some emotions: only their clips, only their probabilities, mean over folds and seeds."""

import numpy as np
import pytest

from ser.labels import LABELS
from train.judge.subsets import SUBSETS, ua_among


def save(path, rows):
    """Rows of label, {label: probability}, fold, seed."""
    probabilities = np.zeros((len(rows), 8), np.float32)
    for row, (_, answer, *_) in zip(probabilities, rows, strict=True):
        for name, p in answer.items():
            row[LABELS.index(name)] = p
    label, fold, seed = (
        np.array([LABELS.index(r[0]) for r in rows]),
        np.array([r[2] for r in rows]),
        np.array([r[3] for r in rows]),
    )
    np.savez(path, label=label, probabilities=probabilities, fold=fold, seed=seed)


def test_other_emotions_and_other_clips_have_no_say(tmp_path):
    path = tmp_path / "a.npz"
    save(
        path,
        [
            ("happy", {"fearful": 0.6, "happy": 0.3, "angry": 0.1}, 1, 0),  # right among the two
            ("happy", {"happy": 0.4, "angry": 0.6}, 1, 0),  # wrong
            ("angry", {"angry": 1.0}, 1, 0),
            ("sad", {"angry": 1.0}, 1, 0),  # not asked
            ("happy", {"happy": 1.0}, 2, 0),
            ("angry", {"happy": 1.0}, 2, 0),
        ],
    )
    assert ua_among(path, ["happy", "angry"]) == pytest.approx((0.75 + 0.5) / 2)


def test_a_fold_without_one_of_the_emotions_is_told(tmp_path):
    save(tmp_path / "a.npz", [("happy", {"happy": 1.0}, 1, 0)])
    with pytest.raises(ValueError, match="lacks clips of happy, angry"):
        ua_among(tmp_path / "a.npz", ["happy", "angry"])


def test_the_subsets_are_emotions_in_order():
    for emotions in SUBSETS:
        assert list(emotions) == [label for label in LABELS if label in emotions]
