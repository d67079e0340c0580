"""Arousal and valence: the mean of the table's ratings, and in every form of an answer."""

import numpy as np
import pytest

from ser.dimensions import RATINGS, dimensions
from ser.labels import LABELS
from ser.recordings.rows import row_of


@pytest.mark.parametrize("label", LABELS)
def test_a_certain_emotion_lies_where_the_table_says(label):
    assert dimensions(np.eye(8)[LABELS.index(label)]) == pytest.approx(RATINGS[label])


def test_an_answer_between_two_lies_between_them():
    both = np.zeros(8)
    both[[LABELS.index("happy"), LABELS.index("sad")]] = 0.75, 0.25
    assert dimensions(both) == pytest.approx((6.18875, 6.7315))  # by hand, from the table


def test_the_table_places_emotions_as_people_do():
    arousal, valence = ({name: RATINGS[name][n] for name in LABELS} for n in (0, 1))
    assert max(valence, key=valence.get) == "happy"
    assert {name for name in LABELS if valence[name] < 5} == {"sad", "angry", "fearful", "disgust"}
    assert min(arousal, key=arousal.get) == "calm"


def test_every_form_of_an_answer_has_it(prediction):
    told, row = prediction.to_dict(), row_of("a.wav", prediction)
    for name in ("arousal", "valence"):
        value = getattr(prediction, name)
        assert 1 < value < 9 and told[name] == row[name] == round(value, 4)
    among = prediction.restricted(["happy", "surprised"])
    assert 7.088 <= among.valence <= 8.242
