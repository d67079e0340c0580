"""The stress report: small changes, backgrounds, lines, rooms, groups of people, other sounds.

Everything is told against the same clip as it was recorded. A random model answers beside.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from ser.checkpoints.config import CONFIG_NAME, read_config
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.errors import AudioError
from train.clips import effects, made_sounds
from train.clips.background_sounds import babbling
from train.clips.stresses import MUSIC, NO_SOUNDS, Stress, files_of, sound_of, stresses
from train.cores import on_all_cores
from train.corpora import Utterance, data_sha256
from train.judge import evaluate, left_out, metrics
from train.judge.finished import PREDICTIONS_NAME, load_run
from train.judge.groups import group_rows
from train.judge.random_head import RandomHead
from train.judge.unheard import Session, Unheard, unheard
from train.judge.verify import TOLERANCE
from train.places import RESULTS, evidence_folder

STRESS_NAME = "stress.json"
N_CLIPS = 300  # of each corpus
N_SOUNDS, SOUND_S = 100, 5.0  # of each kind of sound
NO_ANSWER = len(LABELS)  # in place of a label where nobody was heard to speak
CLEAN = ""  # the name of no change
OTHER_SOUNDS = "other sounds"
SOUNDS = {"music": MUSIC, "animals": ("animals",)}  # of files; noise and silence are made
MADE_SOUNDS = ("noise", "silence")
SILENCE_DB = (-80.0, -50.0)  # peak of a silent room, dBFS
REFUSED = 0.95
LEARNT_SOUNDS = (
    "the speech head learnt sounds of these kinds; what it makes of unheard ones stands under "
    "*Is anybody speaking?*"
)


@dataclass(frozen=True)
class _Job:
    """A clip (or, without one, the sound of that `name` and `number`) and what is done to it."""

    run: Path
    name: str
    clip: Utterance | None = None
    number: int = 0


@dataclass(frozen=True)
class _Answer:
    """The label's number or `NO_ANSWER`, of the model and of the random one; probabilities (8,)."""

    label: int
    random: int
    probabilities: np.ndarray | None


def stress(run: Path, n_clips: int = N_CLIPS, results: Path = RESULTS) -> list[dict]:
    """Put weights under stress on clips that they never heard; write stress.json beside evidence.

    `run` as in `unheard`. At most `n_clips` of each corpus, balanced by emotion and speaker. A row
    a test and corpus: `unchanged`, `ua_before`, `ua_after`, `bounds`, `passed` (None where there is
    no bound or nothing was measured, with the `reason`), and the same of the `random` model. A
    clip in which no speech was heard counts as wrongly answered. Raises ValueError where there is
    no run and where nobody is left to judge.
    """
    everything = _without_babblers(unheard(run))
    chosen = everything.balanced(n_clips)
    tests = stresses()
    made = [CLEAN, *(name for name, test in tests.items() if test.change)]
    jobs = [_Job(s.run, name, u) for s in chosen.sessions for u in s.clips for name in made]
    sounds = _sound_jobs(chosen.sessions, min(n_clips, N_SOUNDS))
    found = on_all_cores(_judged, [*jobs, *sounds], "changed clips")
    answers = {(j.clip.stem, j.name): a for j, a in zip(jobs, found, strict=False)}
    rows = []
    for corpus in dict.fromkeys(session.corpus for session in chosen.sessions):
        clips = chosen.of(corpus).clips
        of_corpus = [_row(test, clips, answers) for test in tests.values()]
        of_corpus += _group_rows(everything.of(corpus), clips, answers)
        told = {"corpus": corpus, "data_sha256": data_sha256(clips)}
        rows += [{**row, **told} for row in of_corpus]
    configs = [read_config(s.run / CONFIG_NAME, CONFIG_NAME) for s in chosen.sessions]
    has_head = any(config.speech_thresholds for config in configs)
    rows += _sound_rows(sounds, found[len(jobs) :], has_head)
    about = {"recipe": chosen.recipe, "protocol": chosen.protocol}
    origin = {"git_commit": evaluate.git_commit(), "versions": evaluate.versions()}
    path = evidence_folder(chosen.recipe, results) / chosen.protocol / STRESS_NAME
    evaluate.write_rows(path, [{**about, **row, **origin} for row in rows])
    return rows


def _without_babblers(found: Unheard) -> Unheard:
    """Nobody who babbles in the background is judged in front of it."""
    speakers = babbling(found.clips)
    return found.only(lambda u: u.speaker not in speakers)


@lru_cache(maxsize=1)
def _loaded(run: Path) -> tuple[EmotionPipeline, RandomHead]:
    pipeline = load_run(run)
    return pipeline, RandomHead(pipeline)


@cache
def _tests() -> dict[str, Stress]:
    return stresses()


@lru_cache(maxsize=2)
def _recorded(path: Path) -> np.ndarray:
    return load_audio(path)


def _judged(job: _Job) -> _Answer:
    """What the model says; what is drawn depends on the clip and the test alone."""
    pipeline, random_head = _loaded(job.run)
    about = job.clip.stem if job.clip else str(job.number)
    rng = np.random.default_rng(zlib.crc32(f"{about} {job.name}".encode()))
    if job.clip is None:
        waveform = _other_sound(job.name, rng)
    else:
        waveform = _recorded(job.clip.path)
        waveform = _tests()[job.name].change(waveform, rng) if job.name else waveform
    random_head.forget()
    try:
        prediction = pipeline.predict((SAMPLE_RATE, waveform))
    except AudioError:
        return _Answer(NO_ANSWER, NO_ANSWER, None)
    if prediction.reason:
        return _Answer(NO_ANSWER, NO_ANSWER, prediction.probabilities)
    label = int(prediction.probabilities.argmax())
    return _Answer(label, random_head.answer(), prediction.probabilities)


def _row(test: Stress, clips: Sequence[Utterance], answers: dict[tuple[str, str], _Answer]) -> dict:
    bounds = {"unchanged": test.unchanged, "ua_loss": test.ua_loss}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    row = {"name": test.name, "family": test.family, "bounds": bounds}
    if test.change is None:
        return {**row, "n_clips": 0, "passed": None, "reason": test.missing}
    labels = np.array([LABELS.index(u.emotion) for u in clips])
    before, after = ([answers[u.stem, name] for u in clips] for name in (CLEAN, test.name))
    figures, of_random = (
        _figures(labels, *(np.array([getattr(a, kind) for a in side]) for side in (before, after)))
        for kind in ("label", "random")
    )
    return {
        **row,
        "n_clips": len(clips),
        **figures,
        "no_answer": round(float(np.mean([a.label == NO_ANSWER for a in after])), 5),
        "passed": _holds(figures, bounds),
        "random": {**of_random, "passed": _holds(of_random, bounds)},
        **test.told(),
    }


def _figures(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    return {
        "unchanged": round(float((before == after).mean()), 5),
        "ua_before": round(metrics.ua(labels, metrics.chosen(before)), 5),
        "ua_after": round(metrics.ua(labels, metrics.chosen(after)), 5),
    }


def _holds(figures: dict[str, float], bounds: dict[str, float]) -> bool | None:
    if not bounds:
        return None
    stays = figures["unchanged"] >= bounds.get("unchanged", 0)
    return stays and figures["ua_before"] - figures["ua_after"] <= bounds.get("ua_loss", 1)


def _group_rows(
    whole: Unheard, clips: Sequence[Utterance], answers: dict[tuple[str, str], _Answer]
) -> list[dict]:
    """Tests of sexes and speakers: by the answers kept with the run, else by the clips judged."""
    clean = {u.stem: answers[u.stem, CLEAN] for u in clips}
    kept = _kept(whole, {name: a.probabilities for name, a in clean.items()})
    if kept is None:
        kept = (list(clips), np.array([a.label for a in clean.values()]))
    rows = group_rows(*_columns(*kept))
    of_random = group_rows(*_columns(clips, np.array([a.random for a in clean.values()])))
    return [
        {**row, "random": {name: one.get(name) for name in ("value", "worst", "passed")}}
        for row, one in zip(rows, of_random, strict=True)
    ]


def _columns(clips: Sequence[Utterance], answers: np.ndarray) -> tuple[np.ndarray, ...]:
    """Labels, answers, sexes and speakers, (n,) each."""
    labels = np.array([LABELS.index(u.emotion) for u in clips])
    return labels, answers, *(np.array([getattr(u, k) for u in clips]) for k in ("sex", "speaker"))


def _kept(
    whole: Unheard, judged: dict[str, np.ndarray]
) -> tuple[list[Utterance], np.ndarray] | None:
    """All clips and answers to them (n,) from the run folders; None where one has none.

    ValueError where they are not those of the weights, which have just answered some clips.
    """
    clips, labels = [], []
    for session in whole.sessions:
        names = (f"test-{PREDICTIONS_NAME}", f"{left_out.VIEWS[0]}.npz")
        path = next((session.run / name for name in names if (session.run / name).exists()), None)
        if path is None:
            return None
        with np.load(path) as saved:
            known = dict(zip(saved["file"], saved["probabilities"], strict=True))
        for u in session.clips:
            if u.stem not in known:
                return None
            if u.stem in judged and np.abs(judged[u.stem] - known[u.stem]).max() > TOLERANCE:
                raise ValueError(f"{path} holds other answers than the weights beside it give.")
            clips.append(u)
            labels.append(int(known[u.stem].argmax()))
    return clips, np.array(labels)


def _sound_jobs(sessions: Sequence[Session], n_sounds: int) -> list[_Job]:
    """Other sounds, dealt to the weights in turn."""
    kinds = [kind for kind, classes in SOUNDS.items() if files_of(classes)]
    return sorted(
        (
            _Job(sessions[n % len(sessions)].run, kind, number=n)
            for kind in (*kinds, *MADE_SOUNDS)
            for n in range(n_sounds)
        ),
        key=lambda job: str(job.run),
    )


def _other_sound(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind in SOUNDS:
        return sound_of(SOUNDS[kind], SOUND_S, rng)
    if kind == "noise":
        return made_sounds.noise(rng)
    room = effects.coloured_noise(round(SOUND_S * SAMPLE_RATE), rng.uniform(0, 2), rng)
    peak = 10 ** (rng.uniform(*SILENCE_DB) / 20)
    return (peak * room / np.abs(room).max()).astype(np.float32)


def _sound_rows(jobs: Sequence[_Job], found: Sequence[_Answer], has_head: bool) -> list[dict]:
    rows = []
    for kind in (*SOUNDS, *MADE_SOUNDS):
        refused = [a.label == NO_ANSWER for j, a in zip(jobs, found, strict=True) if j.name == kind]
        row = {"corpus": None, "name": kind, "family": OTHER_SOUNDS, "n_clips": len(refused)}
        row |= {"bounds": {"refused": REFUSED}, "passed": None}
        if not refused:
            rows.append({**row, "reason": NO_SOUNDS})
            continue
        share = round(float(np.mean(refused)), 5)
        passed = None if has_head else share >= REFUSED
        row |= {"refused": share, "passed": passed, "random": {"refused": share, "passed": passed}}
        rows.append({**row, "reason": LEARNT_SOUNDS} if has_head else row)
    return rows
