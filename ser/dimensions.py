"""Arousal and valence, derived from the probabilities of the eight emotions.

Each emotion has the arousal and the valence that readers gave its word, on scales from 1 to 9: the
means of some 33 ratings in the Glasgow Norms (Scott, Keitel, Becirspahic, Yao and Sereno, "The
Glasgow Norms: Ratings of 5,500 words on nine scales", Behavior Research Methods 51, 1258 to 1270,
2019, doi:10.3758/s13428-018-1099-3; supplementary material 2, columns AROU M and VAL M; CC BY 4.0).

So they say where an emotion lies, never how aroused a voice is: every angry answer of the same
confidence has the same arousal.
"""

from typing import NamedTuple

import numpy as np

from ser.labels import LABELS

RATINGS = {  # arousal and valence, by the table's row of that name
    "neutral": (4.000, 5.206),
    "calm": (3.743, 7.343),
    "happy": (6.938, 8.242),
    "sad": (3.941, 2.200),
    "angry": (5.906, 2.394),
    "fearful": (6.323, 2.364),
    "disgust": (4.514, 2.371),
    "surprised": (7.353, 7.088),  # the row "surprise": there is no "surprised"
}
_RATINGS = np.array([RATINGS[label] for label in LABELS])


class Dimensions(NamedTuple):
    """From 1 to 9 each: from not arousing to arousing, and from unpleasant to pleasant."""

    arousal: float
    valence: float


def dimensions(probabilities: np.ndarray) -> Dimensions:
    """The mean of the emotions' ratings by their probabilities (8,), in label order."""
    return Dimensions(*map(float, probabilities @ _RATINGS))
