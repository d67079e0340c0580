"""Make the synthetic voices of this folder with espeak-ng: 16 kHz mono FLAC, peak 0.5."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 16_000  # Hz
PEAK = 0.5  # far from clipping
PAUSE_S = 0.25  # silence before and after, as in a recording
TEXTS = ("Kids are talking by the door.", "Dogs are sitting by the door.")


@dataclass(frozen=True)
class Voice:
    """How it is said: espeak-ng's voice, words a minute, pitch (0 to 99), how far it wanders."""

    name: str
    espeak_voice: str
    text: str
    speed_wpm: int
    pitch: int
    pitch_range: str


VOICES = (
    Voice("low-and-slow", "en-us+m3", TEXTS[0], speed_wpm=105, pitch=15, pitch_range="low"),
    Voice("low-and-fast", "en-us+m7", TEXTS[1], speed_wpm=190, pitch=25, pitch_range="high"),
    Voice("middle-and-even", "en-us", TEXTS[0], speed_wpm=145, pitch=70, pitch_range="x-low"),
    Voice("middle-and-lively", "en-us+f2", TEXTS[1], speed_wpm=150, pitch=50, pitch_range="x-high"),
    Voice("high-and-slow", "en-us+f4", TEXTS[1], speed_wpm=110, pitch=75, pitch_range="low"),
    Voice("high-and-fast", "en-us+f3", TEXTS[0], speed_wpm=185, pitch=90, pitch_range="x-high"),
)


def speak(voice: Voice) -> np.ndarray:
    """Let espeak-ng say it; float32 of shape (n_samples,) at 16 kHz.

    Raises FileNotFoundError where espeak-ng is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        command = ["espeak-ng", "-m", "-v", voice.espeak_voice, "-s", str(voice.speed_wpm)]
        command += ["-p", str(voice.pitch), "-w", str(path)]
        text = f'<speak><prosody range="{voice.pitch_range}">{voice.text}</prosody></speak>'
        subprocess.run([*command, text], check=True, capture_output=True, timeout=30)
        samples, rate_hz = soundfile.read(path, dtype="float32")
    speech = soxr.resample(samples, rate_hz, SAMPLE_RATE)
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), dtype=np.float32)
    return np.concatenate([pause, speech * (PEAK / np.abs(speech).max()), pause])


def main() -> None:
    """Write every voice beside this file."""
    folder = Path(__file__).parent
    for voice in VOICES:
        waveform = speak(voice)
        soundfile.write(folder / f"{voice.name}.flac", waveform, SAMPLE_RATE, subtype="PCM_16")
        print(f"{voice.name}.flac  {len(waveform) / SAMPLE_RATE:.1f} s")


if __name__ == "__main__":
    main()
