"""A speech head for a finished run, and how well it tells voices from other sounds.

Measured by leaving one class of sounds out at a time, with it a fifth of the speakers, and the
noise of that class from training: nothing judged was heard. The thresholds of each round are chosen
by the same, once more, among what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from ser.checkpoints import checkpoint
from ser.pipeline import EmotionPipeline
from train.fit import speech_head
from train.fit.speech_head import SUNG, VOICE, SpeechHead
from train.judge import evaluate
from train.judge.finished import load_run
from train.places import RESULTS
from train.runs import gate_clips
from train.runs.gate_clips import AT_0_DB, CLEAN, IN_NOISE, WHISPER, GateClip, Heard

FOLDER = "gate"
PROTOCOL = "leave-one-sound-out"
STRENGTH = 3.0  # penalty of the ridge
KEPT = 0.98  # of voices, that thresholds keep where they are chosen: 97 % are the aim elsewhere
EASIER = np.linspace(0.0, 1.0, 11)  # how much lower the bar is where the detector found speech
NOT_SUNG = 0.99  # of speech, that the threshold of singing leaves in peace
DETECTED_S = 0.25  # of speech, under which a voice counts as lost to the detector


@dataclass(frozen=True)
class Scored:
    """Clips that were judged, some in several rounds: all columns (n,).

    `round` names the class of sounds that was left out, `voice` is the best score of a clip's
    windows, `sung` that window's score of singing, `speech_s` what the detector found in all.
    """

    clips: list[GateClip]
    round: np.ndarray
    voice: np.ndarray
    sung: np.ndarray
    speech_s: np.ndarray

    @property
    def is_voice(self) -> np.ndarray:
        """Which are voices, (n,)."""
        return np.array([clip.is_voice for clip in self.clips])

    def passes(self, bars: np.ndarray) -> np.ndarray:
        """Which get an answer, (n,), by thresholds (n, 3), as `ser.gate` decides."""
        return self.voice >= np.where(self.speech_s > 0, bars[:, 0], bars[:, 1])

    @classmethod
    def join(cls, parts: Sequence["Scored"]) -> "Scored":
        """All of them, one after the other."""
        columns = zip(*((p.round, p.voice, p.sung, p.speech_s) for p in parts), strict=True)
        return cls([c for p in parts for c in p.clips], *map(np.concatenate, columns))


def fit_gate(run: Path, results: Path = RESULTS) -> dict:
    """Give a run's model a speech head and thresholds; write what was measured, and return it.

    The run's weights become others, so figures that name them are to be made after this. Raises
    ValueError for a run whose model cannot have a speech head, CheckpointError where it does not
    load, CorpusError where clips or sounds are missing.
    """
    loaded = load_run(run).checkpoint
    config = loaded.config
    if config.files:
        raise ValueError(f"{run} holds a graph: fit the gate before the graph is made.")
    if not hasattr(loaded.model, "speech"):
        raise ValueError(f"{config.model_name} has no place for a speech head.")
    heard = gate_clips.hear_all(loaded.model, config.features, gate_clips.gate_clips())
    with torch.no_grad():
        embedding = loaded.model.head.embed(heard.statistics)
    bench = Bench(heard, embedding)
    judged, chosen = bench.rounds()
    head, thresholds = bench.fit(()), choose(judged)
    args = {**config.model_args, "speech_head": True}
    config = replace(config, model_args=args, speech_thresholds=thresholds, golden=None)
    model = head.into(loaded.model)
    golden = EmotionPipeline(replace(loaded, model=model, config=config)).golden_answer()
    row = {
        "recipe": config.training.get("recipe"),
        "protocol": PROTOCOL,
        "thresholds": list(thresholds),
        "thresholds_by_round": {name: list(each) for name, each in chosen.items()},
        **figures(judged, chosen),
        "git_commit": evaluate.git_commit(),
        "versions": evaluate.versions(),
    }
    path = results / FOLDER / f"{row['recipe']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    evaluate.write_rows(path, [row])
    checkpoint.save(run, model, replace(config, golden=golden))
    return row


class Bench:
    """Windows from which heads are fitted with some sounds and speakers left out.

    Raises ValueError for fewer than three classes of sounds.
    """

    def __init__(self, heard: Heard, embedding: torch.Tensor):
        self.heard, self.embedding = heard, embedding
        self.sounds = sorted({c.group for c in heard.clips if not c.is_voice})
        if len(self.sounds) < 3:
            raise ValueError(
                "A gate is judged by leaving classes of sounds out, two at a time: there must be "
                f"three, and here are {len(self.sounds)}."
            )
        windows = [heard.clips[n] for n in heard.clip]
        self._groups = [f"{c.group} {WHISPER if c.condition == WHISPER else ''}" for c in windows]
        self._is_voice = np.array([c.is_voice for c in windows])
        self._is_sung = np.array([c.group == "ravdess-song" for c in windows])
        self._windows = windows

    def fit(self, left_out: Sequence[str]) -> SpeechHead:
        """A head that heard neither these classes of sounds nor their folds of speakers."""
        folds = {gate_clips.fold_of(self.sounds, sound) for sound in left_out}
        rows = np.array([_is_learnt(c, set(left_out), folds) for c in self._windows])
        return speech_head.fit(
            self.embedding[torch.from_numpy(rows)],
            self._is_voice[rows],
            self._is_sung[rows],
            [self._groups[n] for n in np.flatnonzero(rows)],
            STRENGTH,
        )

    def judge(self, head: SpeechHead, sound: str) -> Scored:
        """The clips that are judged where this class of sounds is left out."""
        fold = gate_clips.fold_of(self.sounds, sound)
        scores = head.scores(self.embedding)
        chosen = {n for n, c in enumerate(self.heard.clips) if _is_judged(c, sound, fold)}
        best: dict[int, int] = {}
        for row, n in enumerate(self.heard.clip):
            if n in chosen and (n not in best or scores[row, VOICE] > scores[best[n], VOICE]):
                best[n] = row
        rows = list(best.values())
        seconds = np.bincount(self.heard.clip, self.heard.speech_s)
        clips = [self.heard.clips[n] for n in best]
        return Scored(
            clips,
            np.full(len(clips), sound),
            scores[rows, VOICE],
            scores[rows, SUNG],
            seconds[list(best)],
        )

    def rounds(self) -> tuple[Scored, dict[str, tuple[float, ...]]]:
        """Clips judged by heads that had not heard them, and the thresholds of each round.

        A head that leaves two classes out judges each for the other's choice of thresholds.
        """
        inner: dict[str, list[Scored]] = {sound: [] for sound in self.sounds}
        for one, other in combinations(self.sounds, 2):
            head = self.fit((one, other))
            inner[one].append(self.judge(head, other))
            inner[other].append(self.judge(head, one))
        judged = [self.judge(self.fit((sound,)), sound) for sound in self.sounds]
        chosen = {sound: choose(Scored.join(parts)) for sound, parts in inner.items()}
        return Scored.join(judged), chosen


def _is_learnt(clip: GateClip, sounds: set[str], folds: set[int]) -> bool:
    if not clip.is_voice:
        return clip.group not in sounds
    return clip.fold >= 0 and clip.fold not in folds and clip.background not in sounds


def _is_judged(clip: GateClip, sound: str, fold: int) -> bool:
    if not clip.is_voice:
        return clip.group == sound
    if clip.condition == IN_NOISE:
        return False
    return clip.background == sound if clip.background else clip.fold in (-1, fold)


def choose(judged: Scored) -> tuple[float, float, float]:
    """Thresholds that keep `KEPT` of the voices and refuse the most sounds, a class counting one.

    The first holds where the detector found speech, the second where it found none.
    """
    voices, weights = judged.is_voice, _weights(judged)
    best: tuple[float, tuple[float, float]] | None = None
    for easier in EASIER:
        lifted = judged.voice + easier * (judged.speech_s > 0)
        second = _quantile(lifted[voices], weights[voices], 1 - KEPT)
        refused = float(weights[~voices] @ (lifted[~voices] < second)) / weights[~voices].sum()
        if best is None or refused > best[0]:
            best = refused, (second - easier, second)
    speaks = voices & np.array([c.group != "ravdess-song" for c in judged.clips])
    sings = _quantile(judged.sung[speaks], weights[speaks], NOT_SUNG)
    return tuple(round(float(value), 4) for value in (*best[1], sings))


def _weights(judged: Scored) -> np.ndarray:
    """How much each clip counts, (n,): a corpus in one condition as much as a class of sounds."""
    names = np.array([f"{c.group} {c.condition}" for c in judged.clips])
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    return 1.0 / counts[which]


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The value under which `share` of the weight lies."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])


def figures(judged: Scored, chosen: dict[str, tuple[float, ...]]) -> dict:
    """Shares of voices kept and of other sounds refused, each with its number of clips.

    Each is judged by the thresholds of its round. A clip of several rounds counts once, as their
    mean.
    """
    bars = np.array([chosen[sound] for sound in judged.round])
    kept = judged.passes(bars)
    sung = judged.sung >= bars[:, 2]
    by_detector = judged.speech_s >= DETECTED_S
    names = np.array([f"{c.group} {c.name} {c.condition}" for c in judged.clips])

    def share(rows: np.ndarray, holds: np.ndarray) -> dict:
        if not rows.any():
            return {"share": None, "n_clips": 0}
        _, which, times = np.unique(names[rows], return_inverse=True, return_counts=True)
        mean = float(np.bincount(which, holds[rows]) @ (1 / times)) / len(times)
        return {"share": round(mean, 4), "n_clips": len(times)}

    def by(rows: np.ndarray, name: str, holds: np.ndarray) -> dict:
        values = np.array([str(getattr(c, name) or "") for c in judged.clips])
        return {v: share(rows & (values == v), holds) for v in sorted(set(values[rows])) if v}

    voices = judged.is_voice
    conditions = np.array([c.condition for c in judged.clips])
    groups = np.array([c.group for c in judged.clips])
    kept_voices = {}
    for condition in (CLEAN, AT_0_DB, WHISPER):
        rows = voices & (conditions == condition)
        kept_voices[condition] = {
            "all": share(rows, kept),
            "detector_alone": share(rows, by_detector),
            "by_corpus": by(rows, "group", kept),
            "by_emotion": by(rows, "emotion", kept),
            "by_intensity": by(rows, "intensity", kept),
            "by_sex": by(rows, "sex", kept),
            "by_background": by(rows, "background", kept),
        }
    corpus, emotion, intensity = gate_clips.SHOUTS
    shouts = voices & (conditions == CLEAN) & (groups == corpus)
    shouts &= [c.emotion == emotion and c.intensity == intensity for c in judged.clips]
    kept_voices["shouts"] = {
        "all": share(shouts, kept),
        "detector_alone": share(shouts, by_detector),
        "by_sex": by(shouts, "sex", kept),
    }
    is_song = voices & (conditions == CLEAN) & (groups == "ravdess-song")
    is_spoken = voices & (conditions == CLEAN) & (groups != "ravdess-song")
    return {
        "kept": kept_voices,
        "refused": {
            "all": share(~voices, ~kept),
            "detector_alone": share(~voices, judged.speech_s == 0),
            "by_class": by(~voices, "group", ~kept),
        },
        "sung": {"song": share(is_song, sung), "speech": share(is_spoken, sung)},
    }
