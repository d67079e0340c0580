"""What the stress report does to a clip, and what must hold of the answers then.

After audEERING's published tests of speech emotion models (github.com/audeering/ser-tests), made
anew: other clips, other sounds, so no figure of theirs may be set beside one of these. Sounds of
backgrounds are none that training heard as such.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from ser.sound.audio import SAMPLE_RATE
from ser.sound.high_pass import high_pass
from ser.sound.segments import clip_segments
from ser.sound.speech import STEP
from train.clips import effects
from train.clips.background_sounds import babblers, excerpt
from train.clips.effects import Room
from train.clips.made_sounds import babble
from train.corpora.sounds import sounds_root
from train.corpora.utterance import audio_files

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

SMALL, BACKGROUND, LINE = "small changes", "backgrounds", "telephones and codecs"
TILT, ROOM = "spectral tilt", "rooms and microphones"

TONE_HZ = (5000.0, 7000.0)
FAINT_SNR_DB = 40.0
N_ZEROS = 100
LONGEST_CUT_S = 0.1
BACKGROUND_SNR_DB = 20.0
CURVE_SNR_DB = (30, 20, 10, 5, 0)
MUSIC = ("orchestral_music", "electronic_music", "instruments")
ENVIRONMENT = ("machines", "animals")
ROOMS = {  # RT60 in seconds -> a room that has it, which Sabine's formula gives other ones
    0.2: Room((3.6, 3.0, 2.4), (0.3, 0.4, 0.6), (0.6, 0.6, 0.5), 0.215),
    0.4: Room((5.0, 4.0, 2.6), (0.3, 0.4, 0.6), (0.55, 0.6, 0.5), 0.37),
    0.6: Room((7.0, 5.0, 3.0), (0.3, 0.4, 0.5), (0.5, 0.6, 0.4), 0.525),
    0.8: Room((9.0, 7.0, 3.5), (0.3, 0.4, 0.45), (0.5, 0.5, 0.35), 0.66),
}
REFLECTIONS = 100  # enough to hear the longest of these die away by 35 dB
LAPTOP_HZ = (0.0, 100.0, 250.0, 1000.0, 2500.0, 4000.0, 6000.0, 8000.0)
LAPTOP_DB = (-30.0, -15.0, -3.0, 0.0, 4.0, 8.0, 0.0, -8.0)
NO_SOUNDS = "no sounds in SER_SOUNDS: see `python -m train sounds`"


@dataclass(frozen=True)
class Stress:
    """One change of a clip, and the bounds of what it may do.

    At least `unchanged` of the answers stay, and the UA falls by `ua_loss` at most; None: no bound.
    Where the change cannot be made, `change` is None and `missing` says why. `told` are figures of
    the change itself.
    """

    name: str
    family: str
    change: Change | None
    unchanged: float | None = None
    ua_loss: float | None = None
    missing: str | None = None
    told: Callable[[], dict] = dict


def _plain(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda waveform, _: change(waveform)


def _noise(waveform: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    return effects.add_noise(waveform, rng.standard_normal(len(waveform)), snr_db)


def _tone(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    phase = 2 * np.pi * rng.uniform(*TONE_HZ) * np.arange(len(waveform)) / SAMPLE_RATE
    return effects.add_noise(waveform, np.sin(phase), FAINT_SNR_DB)


def _cut(waveform: np.ndarray, at_end: bool) -> np.ndarray:
    """Without what lies before (or after) speech, `LONGEST_CUT_S` of it at most."""
    segments, _ = clip_segments(high_pass(waveform))
    if not segments:
        return waveform
    outside = len(waveform) - segments[-1].stop * STEP if at_end else segments[0].start * STEP
    n = min(max(outside, 0), int(LONGEST_CUT_S * SAMPLE_RATE))
    return waveform[: len(waveform) - n] if at_end else waveform[n:]


@cache
def files_of(classes: Sequence[str]) -> tuple[Path, ...]:
    """Files of classes of gathered sounds."""
    return tuple(path for name in classes for path in sorted(audio_files(sounds_root() / name)))


def sound_of(classes: Sequence[str], seconds: float, rng: np.random.Generator) -> np.ndarray:
    """So long a piece of a sound of these classes, repeated where it is shorter.

    A class counts as much as another, however many files it has.
    """
    there = [name for name in classes if files_of((name,))]
    files = files_of((there[rng.integers(len(there))],))
    piece = excerpt(files[rng.integers(len(files))], seconds, rng)
    return np.resize(piece, round(seconds * SAMPLE_RATE))


def _behind(waveform: np.ndarray, rng: np.random.Generator, classes: Sequence[str]) -> np.ndarray:
    sound = sound_of(classes, len(waveform) / SAMPLE_RATE, rng)
    return effects.add_noise(waveform, np.resize(sound, len(waveform)), BACKGROUND_SNR_DB)


def _babble(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sound = np.resize(babble(babblers(), rng), len(waveform))
    return effects.add_noise(waveform, sound, BACKGROUND_SNR_DB)


@cache
def _response(room: Room) -> tuple[np.ndarray, int]:
    return effects.room_response(room, REFLECTIONS)


def _in_room(waveform: np.ndarray, _: np.random.Generator, room: Room) -> np.ndarray:
    return effects.through_room(waveform, *_response(room))


def _told_of(room: Room) -> dict:
    return {"measured_rt60_s": round(effects.measured_rt60_s(_response(room)[0]), 2)}


def _mp3(waveform: np.ndarray) -> np.ndarray:
    """The delay taken out, as players do."""
    late = np.append(waveform, np.zeros(effects.MP3_DELAY, np.float32))
    return effects.lossy(late, "mp3", **effects.MP3_32)[effects.MP3_DELAY :]


def _zeros() -> np.ndarray:
    return np.zeros(N_ZEROS, np.float32)


def _small() -> list[Stress]:
    changes: dict[str, Change] = {
        f"tone of 5 to 7 kHz, {FAINT_SNR_DB:.0f} dB under the speech": _tone,
        f"{N_ZEROS} zeros appended": _plain(lambda w: np.append(w, _zeros())),
        f"{N_ZEROS} zeros prepended": _plain(lambda w: np.append(_zeros(), w)),
        "up to 0.1 s before speech cut off": _plain(partial(_cut, at_end=False)),
        "up to 0.1 s after speech cut off": _plain(partial(_cut, at_end=True)),
        "softly clipped, 2.4 dB at the peak": _plain(effects.soft_clip),
        "gain +2 dB": _plain(partial(effects.gain, gain_db=2)),
        "gain -2 dB": _plain(partial(effects.gain, gain_db=-2)),
        "high-pass of 50 Hz": _plain(partial(effects.cut_off, hz=50, kind="highpass")),
        "low-pass of 7.5 kHz": _plain(partial(effects.cut_off, hz=7500, kind="lowpass")),
        f"white noise, SNR {FAINT_SNR_DB:.0f} dB": partial(_noise, snr_db=FAINT_SNR_DB),
    }
    return [Stress(name, SMALL, change, unchanged=0.95) for name, change in changes.items()]


def _backgrounds() -> list[Stress]:
    def at_20_db(sound: str, change: Change, missing: str | None = None) -> Stress:
        name = f"{sound}, SNR {BACKGROUND_SNR_DB:.0f} dB"
        return Stress(name, BACKGROUND, None if missing else change, 0.9, 0.05, missing)

    found = [
        at_20_db("babble", _babble, None if babblers() else "no clips of CREMA-D to mix it of"),
        at_20_db("coughing and sneezing", _babble, "no free recordings are at hand"),
        *(
            at_20_db(sound, partial(_behind, classes=of), None if files_of(of) else NO_SOUNDS)
            for sound, of in (("environment", ENVIRONMENT), ("music", MUSIC))
        ),
    ]
    for snr_db in CURVE_SNR_DB:
        bounds = (0.9, 0.05) if snr_db == BACKGROUND_SNR_DB else ()
        change = partial(_noise, snr_db=snr_db)
        found.append(Stress(f"white noise, SNR {snr_db} dB", BACKGROUND, change, *bounds))
    return found


def _lines() -> list[Stress]:
    narrow: dict[str, Change | None] = {
        "telephone, 300 to 3400 Hz": _plain(effects.telephone_band),
        "telephone, AMR": None,
        "telephone, G.711": _plain(effects.g711),
        "telephone, GSM 06.10": _plain(effects.gsm),
    }
    wide: dict[str, Change] = {
        "MP3, 32 kbit/s": _plain(_mp3),
        "Opus, 16 kbit/s": _plain(partial(effects.lossy, codec="opus", **effects.OPUS_16)),
    }
    no_amr = "neither libsndfile nor Debian's ffmpeg encodes AMR"
    return [
        *(Stress(n, LINE, c, 0.5, 0.05, None if c else no_amr) for n, c in narrow.items()),
        *(Stress(name, LINE, change, 0.9, 0.05) for name, change in wide.items()),
    ]


def _others() -> list[Stress]:
    return [
        *(
            Stress(
                f"{db:+d} dB an octave",
                TILT,
                _plain(partial(effects.tilt, db_per_octave=db)),
                0.8,
                0.02,
            )
            for db in (3, -3)
        ),
        *(
            Stress(
                f"room, RT60 {rt60_s} s",
                ROOM,
                partial(_in_room, room=room),
                ua_loss=0.05,
                told=partial(_told_of, room),
            )
            for rt60_s, room in ROOMS.items()
        ),
        Stress(
            "a laptop's microphone",
            ROOM,
            _plain(partial(effects.coloured, hz=LAPTOP_HZ, gain_db=LAPTOP_DB)),
            ua_loss=0.05,
        ),
    ]


def stresses() -> dict[str, Stress]:
    """Every test, by name; what cannot be made on this machine says why."""
    found = [*_small(), *_backgrounds(), *_lines(), *_others()]
    return {stress.name: stress for stress in found}
