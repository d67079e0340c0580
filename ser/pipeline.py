"""EmotionPipeline: audio -> features -> model -> Prediction."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from ser.adaptation import Adaptation, AdaptationError, Setting
from ser.cautions import cautions
from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import Checkpoint, CheckpointError, softmax
from ser.features import FeatureConfig, extract, frame_times_s
from ser.gate import gate
from ser.models.graph import GraphModel, WindowAnswer
from ser.prediction import Prediction
from ser.sound.audio import SAMPLE_RATE, AudioSource, read_audio
from ser.sound.errors import CancelledError
from ser.sound.windows import hear

if TYPE_CHECKING:
    import torch

Part = TypeVar("Part")
GOLDEN_TOLERANCE = 1e-3  # of a probability, between machines
FEATURE_TOLERANCE = 1e-3  # of the mean of a feature
GRAPH_TOLERANCE = 2e-2  # the same of 8-bit weights and activations


class EmotionPipeline:
    """A loaded checkpoint that answers for recordings."""

    def __init__(self, loaded: Checkpoint, adaptation: Adaptation | None = None):
        self.checkpoint = loaded
        self.config = loaded.config.features
        self.adaptation = adaptation

    @classmethod
    def from_pretrained(cls, source: str | os.PathLike | None = None) -> "EmotionPipeline":
        """Load as `checkpoint.load` does, and check that the golden clip gets its stored answer.

        Raises CheckpointError for a checkpoint that cannot be used or computes something else.
        """
        pipeline = cls(checkpoint.load(source))
        pipeline.check_golden()
        return pipeline

    def adapted(
        self, heard: "Iterable[AudioSource | Prediction] | Adaptation", is_calm: bool = False
    ) -> "EmotionPipeline":
        """The same model in one setting: a room, a microphone, a voice.

        `heard` are recordings of it, or what `predict` said of them, or what was learnt before.
        Those without speech say nothing of it. Where all sound alike to the model they are believed
        less, unless they are known to be calm. Raises AudioError for a recording that cannot be
        judged, AdaptationError where nothing is learnt or the model cannot be adapted.
        """
        k = self.checkpoint.config.adaptation_clips
        if not k:
            raise AdaptationError(f"The model {self.checkpoint.name} cannot be adapted.")
        if isinstance(heard, Adaptation):
            if heard.revision != self.checkpoint.revision:
                raise AdaptationError(
                    f"This was learnt by the model {heard.revision}, and this is "
                    f"{self.checkpoint.revision}."
                )
            return EmotionPipeline(self.checkpoint, heard)
        plain = EmotionPipeline(self.checkpoint)
        setting = Setting(is_calm)
        for one in heard:
            answer = one if isinstance(one, Prediction) else plain.predict(one)
            setting.hear(answer.residual, answer.probabilities)
        return EmotionPipeline(self.checkpoint, setting.learnt(k, self.checkpoint.revision))

    def predict(self, audio: AudioSource, is_over: Callable[[], bool] | None = None) -> Prediction:
        """Judge a path, the bytes of a file, or `(rate_hz, samples)`.

        What is longer than a window (`ser.sound.windows`) is cut at its quietest places; each is
        judged whole, and the answers are averaged by length. Raises AudioError for what cannot be
        judged, and CancelledError soon after `is_over()` has become True.
        """
        start = time.perf_counter()
        sound = read_audio(audio, is_over)
        audio_ms = 1e3 * (time.perf_counter() - start)
        return self.judge(sound.waveform, audio_ms, sound.warnings, is_over)

    def judge(
        self,
        waveform: np.ndarray,
        audio_ms: float = 0.0,
        warnings: Sequence[str] = (),
        is_over: Callable[[], bool] | None = None,
    ) -> Prediction:
        """Judge a waveform (n_samples,) float32 at 16 kHz that is checked; see `predict`.

        `audio_ms` is how long it took to read it, `warnings` what is to be said about that.
        """
        timings_ms = {"audio": audio_ms}
        with _timed(timings_ms, "total"):
            with _timed(timings_ms, "speech"):
                heard = hear(waveform, self.config.version)
            with _timed(timings_ms, "features"):
                windows = _until(is_over, heard.windows)
                seen = [self._see(window.samples) for window in windows]
            with _timed(timings_ms, "model"):
                answers = [self._judge(of_window) for of_window in _until(is_over, seen)]
            thresholds = self.checkpoint.config.speech_thresholds
            gated = gate(waveform, heard, [a.speech for a in answers], thresholds)
            found = cautions(waveform, heard, self.config, gated.reason is None)
        timings_ms["total"] += audio_ms
        shares = gated.votes / gated.votes.sum()
        probabilities = sum(w * a.probabilities for w, a in zip(shares, answers, strict=True))
        return Prediction(
            probabilities=probabilities,
            certainty_bounds=self.checkpoint.config.certainty,
            adaptation=self.adaptation and self.adaptation.told(),
            residual=None if gated.reason else _mean(shares, [a.residual for a in answers]),
            embedding=None if gated.reason else _mean(shares, [a.embedding for a in answers]),
            attention=np.concatenate(
                [w * a.attention for w, a in zip(shares, answers, strict=True)]
            ),
            attention_times_s=np.concatenate(
                [
                    window.start / SAMPLE_RATE + of_window[self.config].times_s
                    for window, of_window in zip(heard.windows, seen, strict=True)
                ]
            ),
            duration_s=len(waveform) / SAMPLE_RATE,
            timings_ms=timings_ms,
            warnings=[*warnings, *found, *gated.warnings],
            speech_share=None
            if gated.speech_s is None
            else gated.speech_s * SAMPLE_RATE / len(waveform),
            reason=gated.reason,
            model={"name": self.checkpoint.name, "revision": self.checkpoint.revision},
            waveform=waveform,
            features=np.concatenate([of_window[self.config].features for of_window in seen]),
            feature_names=self.config.names,
        )

    def _see(self, window: np.ndarray) -> dict[FeatureConfig, "_Seen"]:
        """What each member sees of a window of samples; members that see the same share it."""
        configs = {config.features for _, config, _ in self.checkpoint.members}
        return {c: _Seen(extract(window, c), frame_times_s(window, c)) for c in configs}

    def _judge(self, seen: dict[FeatureConfig, "_Seen"]) -> "_Judged":
        """One whole window, its attention on the frames of `self.config`.

        Members are averaged by their shares, each at its own temperature.
        """
        times_s = seen[self.config].times_s
        answers, attention, embeddings = [], np.zeros(len(times_s)), []
        residual = speech = None
        for model, config, share in self.checkpoint.members:
            features, member_times_s = seen[config.features]
            answer = self._answer(model, features, config.stretches)
            temperature = config.temperature
            if config.distance_slope:
                temperature *= answer.distance**config.distance_slope
            answers.append(softmax(answer.logits / temperature).mean(axis=0))
            attention += share * _at(times_s, member_times_s, answer.attention)
            embeddings.append(answer.embedding)
            residual, speech = answer.residual, answer.speech
        return _Judged(
            self.checkpoint.joined(answers), attention, np.concatenate(embeddings), residual, speech
        )

    def _answer(
        self,
        model: "torch.nn.Module | GraphModel",
        features: np.ndarray,
        stretches: Sequence[float],
    ) -> WindowAnswer:
        """What a model says of a window of features, and of it stretched."""
        shift = self.adaptation.shift if self.adaptation else None
        if isinstance(model, GraphModel):
            answer = model.answer(features, shift)
            return WindowAnswer(
                answer.logits[None].astype(np.float64),
                answer.attention.astype(np.float64),
                answer.embedding,
                answer.residual,
                answer.distance,
                answer.speech,
            )
        from ser.models.module import answer_of_module  # and PyTorch, which a graph does without

        return answer_of_module(model, features, stretches, shift)

    def golden_answer(self) -> dict:
        """What these weights say to the shipped clip, in the form that config.json stores.

        Of a graph also the mean of each feature: its wide tolerance would hide a fault of the
        front-end.
        """
        prediction = self.predict(checkpoint.GOLDEN_CLIP)
        answer = {
            "sha256": hashlib.sha256(checkpoint.GOLDEN_CLIP.read_bytes()).hexdigest(),
            "probabilities": [float(p) for p in prediction.probabilities],
            "tolerance": self._tolerance,
        }
        if self.checkpoint.config.files:
            means = prediction.features.mean(axis=0, dtype=np.float64)
            answer["feature_means"] = [round(float(mean), 7) for mean in means]
        return answer

    @property
    def _tolerance(self) -> float:
        return GRAPH_TOLERANCE if self.checkpoint.config.files else GOLDEN_TOLERANCE

    def check_golden(self) -> None:
        """Raise CheckpointError where the golden clip gets another answer than is stored."""
        stored = self.checkpoint.config.golden
        if stored is None:
            return
        try:
            answer = self.golden_answer()
            is_same_clip = stored["sha256"] == answer["sha256"]
            gap = np.abs(np.subtract(stored["probabilities"], answer["probabilities"])).max()
            tolerance = min(stored["tolerance"], self._tolerance)
            means = (stored.get("feature_means", ()), answer.get("feature_means", ()))
            sees_alike = np.allclose(*means, rtol=FEATURE_TOLERANCE, atol=FEATURE_TOLERANCE)
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise CheckpointError(
                f"{self.checkpoint.name} cannot give its golden answer: {error!r}."
            ) from error
        if not is_same_clip:
            raise CheckpointError(
                f"{self.checkpoint.name} was saved with another golden clip than the one here."
            )
        if not sees_alike:
            raise CheckpointError(
                f"{self.checkpoint.name} was saved with another front-end than the one here: the "
                "golden clip has other features."
            )
        if not gap <= tolerance:
            raise CheckpointError(
                f"{self.checkpoint.name} computes something else than when it was saved: "
                f"the golden clip's probabilities differ by up to {gap:.4f}."
            )


class _Seen(NamedTuple):
    """Features (n_frames, n_features) of a window, and the frames' times in it."""

    features: np.ndarray
    times_s: np.ndarray


class _Judged(NamedTuple):
    """Of a window: probabilities (8,), attention (n_frames,) and embedding (n,).

    And where the model gives them, residual (n_statistics,) and speech (2,).
    """

    probabilities: np.ndarray
    attention: np.ndarray
    embedding: np.ndarray
    residual: np.ndarray | None
    speech: np.ndarray | None


def _until(is_over: Callable[[], bool] | None, parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        if is_over and is_over():
            raise CancelledError
        yield part


def _mean(shares: np.ndarray, values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The mean (n,) float32 of what each window has, by its share of the votes; None for none."""
    if any(value is None for value in values):
        return None
    return sum(w * v for w, v in zip(shares, values, strict=True)).astype(np.float32)


def _at(times_s: np.ndarray, own_times_s: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """The same attention, of sum 1, at other times."""
    if np.array_equal(times_s, own_times_s):
        return attention
    drawn = np.interp(times_s, own_times_s, attention, left=0.0, right=0.0)
    return drawn / drawn.sum()


@contextmanager
def _timed(timings_ms: dict[str, float], stage: str):
    start = time.perf_counter()
    yield
    timings_ms[stage] = (time.perf_counter() - start) * 1e3
