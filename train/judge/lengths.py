"""Accuracy by length of speech: clips cut short where speech goes on, and joined to longer ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.high_pass import high_pass
from ser.sound.segments import Segment, clip_segments
from ser.sound.speech import STEP
from train.cores import on_all_cores
from train.corpora import Utterance, data_sha256
from train.judge import evaluate, metrics
from train.judge.finished import load_run
from train.judge.unheard import unheard
from train.places import RESULTS, evidence_folder

LENGTHS_NAME = "lengths.json"
N_CLIPS = 300  # of each corpus
CUT_S = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
JOINED_S = (5.0, 10.0)
MOST_JOINED = 40  # clips, of which 10 s come together in every corpus
WHOLE = "whole clip"
CERTAINTIES = ("unsure", "fairly sure", "sure")


@dataclass(frozen=True)
class _Job:
    """Clips one after the other, as soon as they hold `speech_s` cut there; None: the first, whole.

    All of one speaker and emotion; the first one gives the result its name.
    """

    run: Path
    clips: tuple[Utterance, ...]
    speech_s: float | None = None


@dataclass(frozen=True)
class _Heard:
    """The answer's probabilities (8,), whether somebody was heard to speak, and the certainty."""

    probabilities: np.ndarray
    is_answer: bool
    certainty: str | None


def lengths(run: Path, n_clips: int = N_CLIPS, results: Path = RESULTS) -> list[dict]:
    """Judge clips that a run never heard at several lengths of speech; write lengths.json.

    `run` as in `unheard`; at most `n_clips` of each corpus, balanced by emotion and speaker. A row
    a corpus and length: UA, ECE and certainty there, `ua_whole` of the same clips whole, and the
    share of labels that `stays` as for the whole clip. Clips that hold less speech than a length
    are not part of it. One in which nobody was heard to speak counts as wrongly answered; ECE is
    about the others. Raises ValueError where there is no run, and where nobody is
    left to judge.
    """
    everything = unheard(run)
    chosen = everything.balanced(n_clips)
    jobs = []
    for session in chosen.sessions:
        alike = _alike(session.clips, everything.of(session.corpus).clips)
        for clip in session.clips:
            jobs.append(_Job(session.run, (clip,)))
            jobs += [_Job(session.run, (clip,), seconds) for seconds in CUT_S]
            jobs += [_Job(session.run, alike[clip.stem], seconds) for seconds in JOINED_S]
    found = on_all_cores(_judged, jobs, "lengths of clips")
    heard = {(j.clips[0].stem, j.speech_s): one for j, one in zip(jobs, found, strict=True) if one}
    rows = []
    for corpus in dict.fromkeys(session.corpus for session in chosen.sessions):
        clips = chosen.of(corpus).clips
        told = {"corpus": corpus, "data_sha256": data_sha256(clips)}
        rows += [{**row, **told} for row in _rows(clips, heard)]
    about = {"recipe": chosen.recipe, "protocol": chosen.protocol}
    origin = {"git_commit": evaluate.git_commit(), "versions": evaluate.versions()}
    path = evidence_folder(chosen.recipe, results) / chosen.protocol / LENGTHS_NAME
    evaluate.write_rows(path, [{**about, **row, **origin} for row in rows])
    return rows


def _alike(
    chosen: Sequence[Utterance], clips: Sequence[Utterance]
) -> dict[str, tuple[Utterance, ...]]:
    """Each chosen clip, and others of its speaker and emotion in a drawn order."""
    groups: dict[tuple[str, str], list[Utterance]] = {}
    for n in np.random.default_rng(0).permutation(len(clips)):
        groups.setdefault((clips[n].speaker, clips[n].emotion), []).append(clips[n])
    found = {}
    for clip in chosen:
        group = groups[clip.speaker, clip.emotion]
        place = group.index(clip)
        found[clip.stem] = tuple((group[place:] + group[:place])[:MOST_JOINED])
    return found


@lru_cache(maxsize=1)
def _loaded(run: Path) -> EmotionPipeline:
    return load_run(run)


@lru_cache(maxsize=64)
def _spoken(path: Path) -> tuple[np.ndarray, tuple[Segment, ...]]:
    """From where speech begins in a clip to where it ends, and its segments there."""
    waveform = load_audio(path)
    segments = clip_segments(high_pass(waveform))[0]
    if not segments:
        return waveform[:0], ()
    first, last = segments[0].start, segments[-1].stop
    moved = tuple(Segment(s.start - first, s.stop - first) for s in segments)
    return waveform[first * STEP : last * STEP], moved


def _judged(job: _Job) -> _Heard | None:
    """The answer; None where the clips do not hold so much speech."""
    waveform = load_audio(job.clips[0].path) if job.speech_s is None else _cut(job)
    if waveform is None:
        return None
    prediction = _loaded(job.run).judge(waveform)  # `predict` refuses 0.3 s
    return _Heard(prediction.probabilities, prediction.reason is None, prediction.certainty)


def _cut(job: _Job) -> np.ndarray | None:
    """The clips' speech and its pauses until there are `speech_s` of speech; None where not."""
    parts, left = [], round(job.speech_s * SAMPLE_RATE)
    for clip in job.clips:
        waveform, segments = _spoken(clip.path)
        for segment in segments:
            start = segment.start * STEP
            n = min(segment.stop * STEP, len(waveform)) - start
            if n >= left:
                return np.concatenate([*parts, waveform[: start + left]])
            left -= n
        parts.append(waveform)
    return None


def _rows(clips: Sequence[Utterance], heard: dict[tuple[str, float | None], _Heard]) -> list[dict]:
    names = {None: WHOLE, **{s: f"first {s:g} s" for s in CUT_S}}
    names |= {s: f"joined, {s:g} s" for s in JOINED_S}
    rows = []
    for seconds, name in names.items():
        there = [u for u in clips if (u.stem, seconds) in heard and (u.stem, None) in heard]
        row = {"length": name, "length_s": seconds, "n_clips": len(there)}
        if there:
            labels = np.array([LABELS.index(u.emotion) for u in there])
            cut, whole = ([heard[u.stem, at] for u in there] for at in (seconds, None))
            row |= _figures(labels, cut, whole)
        rows.append(row)
    return rows


def _figures(labels: np.ndarray, cut: Sequence[_Heard], whole: Sequence[_Heard]) -> dict:
    answers, of_whole = (
        np.array([h.probabilities.argmax() if h.is_answer else len(LABELS) for h in side])
        for side in (cut, whole)
    )
    given = answers < len(LABELS)
    probabilities = np.array([h.probabilities for h in cut])
    certainty = np.array([h.certainty or "" for h in cut])
    right = answers == labels
    return {
        "ua": _rounded(metrics.ua(labels, metrics.chosen(answers))),
        "ua_whole": _rounded(metrics.ua(labels, metrics.chosen(of_whole))),
        "ece": _rounded(metrics.ece(labels[given], probabilities[given])) if given.any() else None,
        "stays": _rounded((answers == of_whole).mean()),
        "no_answer": _rounded((~given).mean()),
        "certainty": [
            {
                "certainty": kind,
                "share": _rounded((certainty == kind).mean()),
                "right": _rounded(right[certainty == kind].mean()),
            }
            for kind in CERTAINTIES
            if (certainty == kind).any()
        ],
    }


def _rounded(value: float) -> float:
    return round(float(value), 5)
