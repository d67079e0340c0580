"""What a listener must know of a recording beside its answer."""

import numpy as np

from ser.features import FeatureConfig, speech_span
from ser.sound.audio import SAMPLE_RATE, peak_db
from ser.sound.windows import MAX_WINDOW_S, Heard

# Of speech. Under it answers are much worse: "By length of speech" in docs/results.md. Two seconds
# still cost three points, but then most sentences would get a warning.
SHORT_S = 1.5
QUIET_PEAK_DB = -50.0
CLIPPED_LEVEL, CLIPPED_SHARE = 0.99, 1e-3
SPEECH_SHARE = 0.25  # of the recording; less is "mostly silence"


def cautions(
    waveform: np.ndarray, heard: Heard, features: FeatureConfig, is_judged: bool
) -> list[str]:
    """Sentences about a waveform (n_samples,) at 16 kHz, and about how it was heard."""
    duration_s = len(waveform) / SAMPLE_RATE
    short_s, of_speech = duration_s, ""
    if heard.speech_s:
        short_s, of_speech = heard.speech_s, " of speech"
    if heard.speech_s is None:
        start, stop = speech_span(waveform, features)
        judged_s = (stop - start) / SAMPLE_RATE
    else:
        judged_s = sum(window.stop - window.start for window in heard.windows) / SAMPLE_RATE
    is_clipped = np.mean(np.abs(waveform) >= CLIPPED_LEVEL) > CLIPPED_SHARE
    is_long = duration_s > MAX_WINDOW_S
    spans = zip(heard.windows, heard.windows[1:], strict=False)
    has_pauses = any(before.stop < after.start for before, after in spans)
    why_in_parts = f"Longer than {MAX_WINDOW_S:.0f} s" if is_long else "With long pauses"
    found = {
        f"Very short ({short_s:.1f} s{of_speech}): a whole sentence gives a better answer.": (
            short_s < SHORT_S
        ),
        "Very quiet: please come closer to the microphone.": peak_db(waveform) < QUIET_PEAK_DB,
        "Clipped: the recording is too loud, parts of it are distorted.": is_clipped,
        "Mostly silence: only a small part of the recording was judged.": is_judged
        and judged_s < SPEECH_SHARE * duration_s,
        f"{why_in_parts}: judged in {len(heard.windows)} windows, cut at the "
        "quietest places; the answer is their average by length.": is_judged
        and len(heard.windows) > 1
        and (is_long or has_pauses),
    }
    return [text for text, holds in found.items() if holds]
