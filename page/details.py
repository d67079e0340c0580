"""What stands below an answer in Clip: its attention in words, its steps, what its figures are."""

import html
from collections.abc import Sequence

from page.language import ENGLISH, Say
from ser.prediction import Prediction
from ser.sentences import attention_sentence


def of_attention(prediction: Prediction, say: Say = ENGLISH) -> str:
    """What the plots show, for people who cannot see them."""
    curve = say(
        "The curve shows how much each moment counted, in times the average: at 1 it counted as "
        "much as all others."
    )
    return f"<p>{html.escape(attention_sentence(prediction, say))} {curve}</p>"


def stages(prediction: Prediction, say: Say = ENGLISH) -> str:
    """How long each step took, and what the rows of the picture below are."""
    names = {
        "audio": say("Read the sound"),
        "speech": say("Find the speech"),
        "features": say("Compute what the model sees"),
        "model": say("Ask the model"),
    }
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        f"<td>{say('{ms:.1f} ms', ms=prediction.timings_ms[stage])}</td></tr>"
        for stage, name in names.items()
        if stage in prediction.timings_ms
    )
    n_frames, n_features = prediction.features.shape
    below = say(
        "Below: {n_features} figures for each of {n_frames} moments, one row each from top to "
        "bottom, {meaning} Bright is above that row's average, dark below, in standard deviations.",
        n_features=n_features,
        n_frames=n_frames,
        meaning=html.escape(meaning(prediction.feature_names, say)),
    )
    return (
        f'<table class="plain"><caption>{say("Time for each step")}</caption>'
        f"<tbody>{rows}</tbody></table><p>{below}</p>"
    )


def meaning(names: Sequence[str], say: Say = ENGLISH) -> str:
    """What a model's features are, told from their names."""
    if any("delta" in name for name in names):
        return say(
            "13 MFCCs (the shape of the spectrum, coarse to fine), then how fast each of them "
            "changes (delta), then how fast that changes (delta-delta)."
        )
    if any("mel" in name for name in names):
        return say("loudness in bands of frequency, low to high (log-mel).")
    return say(
        "loudness in bands of frequency as it changes (rasta), pitch, voicing, and the strength "
        "of harmonics (h) and formants (a) against each other; the names are at the left."
    )
