"""What rooms, microphones and lines do to a voice. Explicit parameters, nothing is drawn here.

Every function takes a waveform (n_samples,) at 16 kHz, full scale 1, and returns another of the
same length, float32.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, fftconvolve, firwin2, sosfilt

from ser.sound.audio import SAMPLE_RATE

FRAME_MS = 20
ACTIVE_DB = 25.0  # speech is what lies no further than this under the loudest frame
TILT_PIVOT_HZ = 1000.0
TILT_LOWEST_HZ = 62.5  # below, the tilt stays as it is here: rumble is not blown up
TELEPHONE_HZ = (300.0, 3400.0)  # ITU-T G.712
TELEPHONE_RATE = 8000  # Hz
MU = 255  # ITU-T G.711
MAINS_HZ = (50.0, 60.0)
MAINS_DRIFT = 0.002  # share by which a grid's frequency may be off
HUM_PARTIALS = 20  # at most: up to 1.2 kHz
HUM_FALL_DB = (3.0, 12.0)  # an octave
MAX_REFLECTIONS = 30  # of one sound on its way: enough for 0.5 s in a living room
RESPONSE_TAPS = 513  # of a microphone's filter: 31 Hz apart
CODECS = {
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}  # as soundfile names them
MP3_32 = {"compression": 0.84, "bitrate_mode": "CONSTANT"}  # kbit/s, at 16 kHz
MP3_DELAY = 1105  # samples, by which libsndfile reads late what it wrote
OPUS_16 = {"compression": 0.93}  # on average


def gain(waveform: np.ndarray, gain_db: float) -> np.ndarray:
    """Louder or quieter; what passes full scale is clipped, as a recorder clips it."""
    return np.clip(waveform * 10 ** (gain_db / 20), -1, 1).astype(np.float32)


def coloured_noise(n_samples: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (n_samples,) whose power falls with the frequency to the `slope`: 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (slope / 2)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, n_samples)


def mains_hum(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Hum (n_samples,) of 50 or 60 Hz with harmonics that fall by 3 to 12 dB an octave.

    Half of the time the even ones are much weaker, as where a wave is clipped on both sides alike.
    """
    hz = rng.choice(MAINS_HZ) * rng.uniform(1 - MAINS_DRIFT, 1 + MAINS_DRIFT)
    numbers = np.arange(1, int(rng.integers(1, HUM_PARTIALS + 1)) + 1)
    level_db = -rng.uniform(*HUM_FALL_DB) * np.log2(numbers) + rng.uniform(-6, 6, len(numbers))
    level_db[1::2] -= rng.choice((0.0, 20.0))
    phases = 2 * np.pi * hz * np.arange(n_samples)[:, None] / SAMPLE_RATE * numbers
    return np.sin(phases + rng.uniform(0, 2 * np.pi, len(numbers))) @ 10 ** (level_db / 20)


def add_noise(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Lay `noise` (n_samples,) under the voice, `snr_db` below the level of its speech.

    Silence, on either side, leaves the waveform as it is.
    """
    noise_rms = float(np.sqrt(np.mean(np.square(noise, dtype=np.float64))))
    if noise_rms == 0:
        return waveform.astype(np.float32)
    wanted_rms = active_rms(waveform) * 10 ** (-snr_db / 20)
    return (waveform + wanted_rms / noise_rms * noise).astype(np.float32)


def active_rms(waveform: np.ndarray) -> float:
    """RMS of the 20 ms frames that hold speech, so that pauses do not make a voice quieter.

    A simple form of the active speech level of ITU-T P.56.
    """
    n_frame = SAMPLE_RATE * FRAME_MS // 1000
    padded = np.pad(waveform.astype(np.float64), (0, -len(waveform) % n_frame))
    power = np.square(padded).reshape(-1, n_frame).mean(axis=1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-ACTIVE_DB / 10)].mean()))


def tilt(waveform: np.ndarray, db_per_octave: float) -> np.ndarray:
    """Brighten (above 0) or darken the sound around 1 kHz; its RMS stays the same."""
    spectrum = np.fft.rfft(waveform.astype(np.float64), n=2 * len(waveform))  # no wrap-around
    hz = np.fft.rfftfreq(2 * len(waveform), 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(hz, TILT_LOWEST_HZ) / TILT_PIVOT_HZ)
    tilted = np.fft.irfft(spectrum * 10 ** (db_per_octave * octaves / 20))[: len(waveform)]
    return _as_loud(tilted, waveform)


def telephone(waveform: np.ndarray) -> np.ndarray:
    """A fixed-line call: 300 to 3400 Hz, sampled at 8 kHz, eight bits by the mu-law."""
    return _at_8_khz(_in_band(waveform), _by_mu_law)


def telephone_band(waveform: np.ndarray) -> np.ndarray:
    """The band of a telephone alone: 300 to 3400 Hz, sampled at 8 kHz."""
    return _at_8_khz(_in_band(waveform), lambda sent: sent)


def g711(waveform: np.ndarray) -> np.ndarray:
    """Sampled at 8 kHz, eight bits by the mu-law (ITU-T G.711); low frequencies stay."""
    return _at_8_khz(waveform, _by_mu_law)


def gsm(waveform: np.ndarray) -> np.ndarray:
    """Sampled at 8 kHz, 13 kbit/s by GSM 06.10, full rate."""
    return _at_8_khz(waveform, lambda sent: _coded(sent, TELEPHONE_RATE, "WAV", "GSM610"))


def _in_band(waveform: np.ndarray) -> np.ndarray:
    band = butter(4, TELEPHONE_HZ, btype="bandpass", fs=SAMPLE_RATE, output="sos")
    return sosfilt(band, waveform.astype(np.float64))


def _at_8_khz(waveform: np.ndarray, code: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sampled at 8 kHz, coded and decoded there, and back."""
    sent = soxr.resample(waveform.astype(np.float64), SAMPLE_RATE, TELEPHONE_RATE)
    back = soxr.resample(code(np.clip(sent, -1, 1)), TELEPHONE_RATE, SAMPLE_RATE)
    return _as_long(back, waveform).astype(np.float32)


def _by_mu_law(sent: np.ndarray) -> np.ndarray:
    compressed = np.sign(sent) * np.log1p(MU * np.abs(sent)) / np.log1p(MU)
    code = np.round((compressed + 1) / 2 * MU)
    decoded = 2 * code / MU - 1
    return np.sign(decoded) * np.expm1(np.abs(decoded) * np.log1p(MU)) / MU


def soft_clip(waveform: np.ndarray) -> np.ndarray:
    """Louder parts pressed together: a hyperbolic tangent, which takes 2.4 dB off the peak."""
    peak = np.abs(waveform).max()
    return (peak * np.tanh(waveform / peak) if peak else waveform).astype(np.float32)


def cut_off(waveform: np.ndarray, hz: float, kind: str) -> np.ndarray:
    """A `highpass` or `lowpass` of second order (Butterworth) at `hz`."""
    sos = butter(2, hz, btype=kind, fs=SAMPLE_RATE, output="sos")
    return sosfilt(sos, waveform.astype(np.float64)).astype(np.float32)


def coloured(waveform: np.ndarray, hz: Sequence[float], gain_db: Sequence[float]) -> np.ndarray:
    """Heard by a microphone of this response, linear between points; the RMS stays the same.

    `hz` rise from 0 to 8000. The filter has linear phase and no delay.
    """
    taps = firwin2(RESPONSE_TAPS, hz, 10 ** (np.asarray(gain_db) / 20), fs=SAMPLE_RATE)
    return _as_loud(fftconvolve(waveform.astype(np.float64), taps, mode="same"), waveform)


@dataclass(frozen=True)
class Room:
    """A box, where the speaker and the microphone stand in it, and how long it rings.

    Places are shares of length, width and height; `rt60_s` is the time in which an echo falls by
    60 dB (Sabine).
    """

    size_m: tuple[float, float, float]
    speaker: tuple[float, float, float]
    microphone: tuple[float, float, float]
    rt60_s: float


def reverberate(waveform: np.ndarray, room: Room) -> np.ndarray:
    """Hear the voice in a room, by the image-source method (Allen & Berkley, 1979).

    The sound that comes straight stays where it was in time, and the RMS what it was. A room too
    large to be as dead as `rt60_s` asks is as dead as a room can be.
    """
    return through_room(waveform, *room_response(room))


def through_room(waveform: np.ndarray, response: np.ndarray, direct: int) -> np.ndarray:
    """Hear the voice through a `room_response`."""
    heard = fftconvolve(waveform.astype(np.float64), response)[direct : direct + len(waveform)]
    return _as_loud(heard, waveform)


def room_response(room: Room, max_reflections: int = MAX_REFLECTIONS) -> tuple[np.ndarray, int]:
    """The impulse response (n_samples,) of a room, and at which sample the direct sound comes."""
    import pyroomacoustics  # which takes a second, and few recipes need it

    size = np.array(room.size_m)
    try:
        absorption, order = pyroomacoustics.inverse_sabine(room.rt60_s, size)
    except ValueError:
        absorption, order = 1.0, 0
    box = pyroomacoustics.ShoeBox(
        size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, max_reflections),
    )
    box.add_source(size * room.speaker)
    box.add_microphone(size * room.microphone)
    box.compute_rir()
    way_m = np.linalg.norm(size * (np.array(room.speaker) - room.microphone))
    delay = pyroomacoustics.constants.get("frac_delay_length") // 2
    direct = delay + round(way_m / pyroomacoustics.constants.get("c") * SAMPLE_RATE)
    return box.rir[0][0], direct


def measured_rt60_s(response: np.ndarray) -> float:
    """Seconds in which a response falls by 60 dB: twice its way from -5 to -35 dB (ISO 3382, T30).

    By backward integration (Schroeder, 1965).
    """
    energy = np.cumsum(np.square(response, dtype=np.float64)[::-1])[::-1]
    level_db = 10 * np.log10(np.maximum(energy / energy[0], 1e-12))
    fall = np.flatnonzero((level_db <= -5) & (level_db >= -35))
    slope = np.polyfit(fall / SAMPLE_RATE, level_db[fall], 1)[0]
    return float(-60 / slope)


def lossy(
    waveform: np.ndarray, codec: str, compression: float, bitrate_mode: str | None = None
) -> np.ndarray:
    """Encode and decode with a codec of `CODECS`.

    `compression` is soundfile's, from 0, the least, to 0.99, and so is `bitrate_mode`.
    """
    told = {"compression_level": compression, "bitrate_mode": bitrate_mode}
    decoded = _coded(np.clip(waveform, -1, 1), SAMPLE_RATE, *CODECS[codec], **told)
    return _as_long(decoded, waveform)


def _coded(
    waveform: np.ndarray, rate_hz: int, file_format: str, subtype: str, **told: object
) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate_hz, format=file_format, subtype=subtype, **told)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def _as_loud(changed: np.ndarray, waveform: np.ndarray) -> np.ndarray:
    """Give it the RMS of the waveform that it was."""
    before, after = (np.sqrt(np.mean(np.square(x, dtype=np.float64))) for x in (waveform, changed))
    return (changed * (before / after if after > 0 else 1.0)).astype(np.float32)


def _as_long(changed: np.ndarray, waveform: np.ndarray) -> np.ndarray:
    """Cut it or fill it up with silence to the length of the waveform that it was."""
    return np.pad(changed, (0, max(0, len(waveform) - len(changed))))[: len(waveform)]
