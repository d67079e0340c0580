"""Where somebody speaks: Silero's detector, https://github.com/snakers4/silero-vad (MIT).

Its sequence model lies in `silero/`, run by ONNX Runtime as matrix products: a step every 32 ms of
16 kHz, each with the 2 ms before it. It is recurrent, so it hears a second of silence first: cold,
it misses what a tightly cut clip begins with.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser.sound.resampling import SAMPLE_RATE

if TYPE_CHECKING:
    import onnxruntime

OFFICIAL = Path(__file__).parent / "silero" / "silero_vad_16k_sequence.onnx"
MODEL = OFFICIAL.with_name("as_products.onnx")  # the same, faster: `train.release.detector`
STEP = 512  # samples of a step
STEP_S = STEP / SAMPLE_RATE
CONTEXT = 64  # samples before it
N_STATE = 128
STEPS_AT_ONCE = 1000  # half a minute: what the detector needs grows with them
N_SILENT_STEPS = 32  # heard before the first sample
# The detector misses quiet voices and never a loud one, so what is quiet is lifted: by how far the
# loudest step of late lies under this. "Of late" fades, and nothing is ever lowered.
LEVEL_DB = -20.0  # RMS of a step, dBFS
FADE_DB = 3.0 * STEP_S  # a step
FLOOR_DB = -140.0  # of digital silence


class SpeechDetector:
    """The detector of one stream, which goes on where the last chunk ended.

    `level_db` is the RMS level at which speech is expected before any is heard.
    """

    def __init__(self, level_db: float = LEVEL_DB):
        self._state = _state_after_silence()
        self._level_db = level_db
        self._rest = np.zeros(CONTEXT, np.float32)  # the context, and what fills no step yet

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Hear the next samples (n,) at 16 kHz; probabilities (n_steps,) of the steps they end."""
        self._rest = np.concatenate([self._rest, samples.astype(np.float32)])
        n_steps = (len(self._rest) - CONTEXT) // STEP
        heard = [np.zeros(0, np.float32)]
        for start in range(0, n_steps, STEPS_AT_ONCE):
            stop = min(start + STEPS_AT_ONCE, n_steps)
            samples = self._rest[start * STEP : stop * STEP + CONTEXT]
            steps = np.lib.stride_tricks.sliding_window_view(samples, CONTEXT + STEP)[::STEP]
            lifted = steps * self._gains(steps[:, CONTEXT:])[:, None]
            probabilities, self._state = _run(lifted, self._state)
            heard.append(probabilities)
        self._rest = self._rest[n_steps * STEP :].copy()
        return np.concatenate(heard)

    def finish(self) -> np.ndarray:
        """Hear the last, unfinished step, filled up with silence; (0,) or (1,)."""
        n_left = len(self._rest) - CONTEXT
        return self.push(np.zeros(-n_left % STEP, np.float32))

    def _gains(self, steps: np.ndarray) -> np.ndarray:
        """How much each step (n, STEP) is lifted, (n,) float32."""
        fading = FADE_DB * np.arange(1, len(steps) + 1)
        loudest = np.maximum.accumulate(step_levels_db(steps) + fading)
        levels = np.maximum(loudest, self._level_db) - fading
        self._level_db = float(levels[-1])
        return (10 ** (np.maximum(LEVEL_DB - levels, 0.0) / 20)).astype(np.float32)


def speech_probabilities(waveform: np.ndarray, level_db: float = LEVEL_DB) -> np.ndarray:
    """Probability (n_steps,) that somebody speaks in each step of a waveform (n_samples,)."""
    return SpeechDetector(level_db).push(whole_steps(waveform).ravel())


def step_levels_db(steps: np.ndarray) -> np.ndarray:
    """RMS of each step (n, STEP), dBFS, (n,)."""
    power = np.vecdot(steps, steps).astype(np.float64) / steps.shape[1]
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


def whole_steps(waveform: np.ndarray) -> np.ndarray:
    """A waveform (n_samples,) in steps (n_steps, STEP), the last one filled up with silence."""
    return np.pad(waveform, (0, -len(waveform) % STEP)).reshape(-1, STEP)


State = dict[str, np.ndarray]


def _run(steps: np.ndarray, state: State) -> tuple[np.ndarray, State]:
    """Probabilities of steps (n, CONTEXT + STEP), and the state after them."""
    inputs = {"input": np.ascontiguousarray(steps, np.float32), **state}
    probabilities, h, c = _session().run(None, inputs)
    return probabilities, {"h": h, "c": c}


@cache
def _state_after_silence() -> State:
    zero = np.zeros((1, 1, N_STATE), np.float32)
    silence = np.zeros((N_SILENT_STEPS, CONTEXT + STEP), np.float32)
    return _run(silence, {"h": zero, "c": zero})[1]


@cache
def _session() -> "onnxruntime.InferenceSession":
    import onnxruntime  # by whoever listens for speech

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
