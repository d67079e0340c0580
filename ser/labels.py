"""The eight emotions: order, name, emoji, colour. The only label list of the project."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Emotion:
    """One class; `color` is from the Okabe-Ito palette, which colour-blind readers tell apart."""

    index: int
    name: str
    emoji: str
    color: str


EMOTIONS = (
    Emotion(0, "neutral", "😐", "#999999"),
    Emotion(1, "calm", "😌", "#56B4E9"),
    Emotion(2, "happy", "😄", "#F0E442"),
    Emotion(3, "sad", "😢", "#0072B2"),
    Emotion(4, "angry", "😠", "#D55E00"),
    Emotion(5, "fearful", "😨", "#CC79A7"),
    Emotion(6, "disgust", "🤢", "#009E73"),
    Emotion(7, "surprised", "😲", "#E69F00"),
)
LABELS = tuple(emotion.name for emotion in EMOTIONS)
N_LABELS = len(LABELS)
