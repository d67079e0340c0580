"""What a model sees of a sound: the one front-end of training and serving."""

from ser.features.front_end import (
    DELTA_WIDTH,
    FeatureConfig,
    extract,
    frame_times_s,
    speech_span,
)

__all__ = [
    "DELTA_WIDTH",
    "FeatureConfig",
    "extract",
    "frame_times_s",
    "speech_span",
]
