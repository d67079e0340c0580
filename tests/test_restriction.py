"""Only some of the eight emotions."""

import numpy as np
import pytest

from ser.labels import LABELS
from ser.restriction import checked, restricted


def test_the_others_are_taken_out_and_the_rest_is_rescaled():
    probabilities = np.array([0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.05, 0.05])
    kept = restricted(probabilities, checked(["sad", " Happy"]))
    assert kept == pytest.approx([0, 0, 0.75, 0.25, 0, 0, 0, 0])
    assert restricted(probabilities, checked(LABELS)) == pytest.approx(probabilities)


def test_of_what_nobody_thinks_likely_nothing_is_told():
    certain = np.eye(8)[0]
    assert restricted(certain, checked(["sad", "angry"])).tolist() == [0, 0, 0, 0.5, 0.5, 0, 0, 0]


def test_names_are_put_in_order_and_checked():
    assert checked(["sad", "HAPPY", "sad"]) == ("happy", "sad")
    for names, sentence in [
        (["joy", "sad"], "'joy' is none"),
        (["sad"], "two emotions"),
        ([], "two"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            checked(names)


def test_a_prediction_says_that_it_was_asked_for_some(prediction):
    some = prediction.restricted(["happy", "angry"])
    assert some.probabilities.sum() == pytest.approx(1)
    assert some.emotion.name in ("happy", "angry")
    assert some.warnings == [
        *prediction.warnings,
        "Judged among happy, angry only: the others were left out.",
    ]
    assert prediction.probabilities[0] > 0, "the first answer is as it was"
