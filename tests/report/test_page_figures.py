"""What the page tells beside the figures of its checkpoints: counted from the saved answers."""

import numpy as np

from ser.labels import N_LABELS
from train.report.page_figures import ELDER, page_figures, served_recipes, tenths


def test_answers_are_counted_by_tenths_of_their_confidence():
    confidences, is_right = [0.31, 0.39, 0.95, 1.0], [True, False, True, True]
    probabilities = np.zeros((4, N_LABELS))
    for row, confidence in zip(probabilities, confidences, strict=True):
        row[:] = (1 - confidence) / (N_LABELS - 1)
        row[2] = confidence
    labels = np.where(is_right, 2, 5)
    low, high = tenths(labels, probabilities)
    assert low == {"from": 0.3, "share": 0.5, "confidence": 0.35, "right": 0.5}
    assert high == {"from": 0.9, "share": 0.5, "confidence": 0.975, "right": 1.0}


def test_a_recipe_that_was_not_measured_is_left_out(tmp_path):
    assert page_figures(tmp_path) == {"reliability": {}, "robustness": []}
    assert served_recipes()[0] != ELDER and "founding" in served_recipes()
