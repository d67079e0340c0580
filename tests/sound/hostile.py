"""Bad files, made on the spot: damaged, lying, or something else under the name of a sound.

All of them are harmless to the programs that read them; they test the guards of this project.
"""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
SECRET = "secret.wav"  # a sound beside them that none of them may open
CONTAINERS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
}


def voice(seconds: float = 2.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A tone that trembles, (n_samples,), with a little noise."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(0).standard_normal(len(t))
    return 0.3 * np.sin(2 * np.pi * 180 * t * (1 + 0.02 * np.sin(5 * t))) + 0.01 * noise


def encoded(samples: np.ndarray, container: str = "wav", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    form, usual = CONTAINERS[container]
    soundfile.write(file, samples, RATE_HZ, format=form, subtype=subtype or usual)
    return file.getvalue()


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data


def wav(*chunks: bytes, size: int | None = None) -> bytes:
    inside = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(inside) if size is None else size) + inside


def form(code=1, n_channels=1, rate_hz=RATE_HZ, n_bits=16, block=None) -> bytes:
    block = n_channels * n_bits // 8 if block is None else block
    a_second = min(rate_hz * block, 2**32 - 1)
    data = struct.pack("<HHIIHH", code, n_channels, rate_hz, a_second, block % 65_536, n_bits)
    return chunk(b"fmt ", data)


SAMPLES = (voice(1.0) * 32_767).astype("<i2").tobytes()
DATA = chunk(b"data", SAMPLES)


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = chunk(b"LIST", b"INFO" + data)
    return data


def archive(kind: Callable) -> bytes:
    file = io.BytesIO()
    if kind is zipfile.ZipFile:
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("a.wav", encoded(voice()))
    else:
        with tarfile.open(fileobj=file, mode="w") as packed:
            entry = tarfile.TarInfo("a.wav")
            entry.size = len(SAMPLES)
            packed.addfile(entry, io.BytesIO(SAMPLES))
    return file.getvalue()


def flac_with(place: int, patch: bytes) -> bytes:
    data = bytearray(encoded(voice(), "flac"))
    data[place : place + len(patch)] = patch
    return bytes(data)


def garbage(n_bytes: int) -> bytes:
    return np.random.default_rng(1).integers(0, 256, n_bytes, np.uint8).tobytes()


def float_wav(samples: np.ndarray) -> bytes:
    return encoded(np.asarray(samples, np.float32), subtype="FLOAT")


def lies() -> dict[str, bytes]:
    """Headers that do not say what is there."""
    whole = wav(form(), DATA)
    return {
        "rate-0.wav": wav(form(rate_hz=0), DATA),
        "rate-1.wav": wav(form(rate_hz=1), DATA),
        "rate-4-billion.wav": wav(form(rate_hz=2**32 - 1), DATA),
        "channels-0.wav": wav(form(n_channels=0, block=2), DATA),
        "channels-9.wav": wav(form(n_channels=9), DATA),
        "channels-65535.wav": wav(form(n_channels=65_535), DATA),
        "bits-0.wav": wav(form(n_bits=0, block=2), DATA),
        "bits-7.wav": wav(form(n_bits=7, block=1), DATA),
        "bits-65535.wav": wav(form(n_bits=65_535), DATA),
        "block-0.wav": wav(form(block=0), DATA),
        "codec-unknown.wav": wav(form(code=0x4242), DATA),
        "float-of-16-bits.wav": wav(form(code=3), DATA),
        "longer-than-it-is.wav": wav(form(), chunk(b"data", SAMPLES, size=2**31 - 2)),
        "four-gigabytes.wav": wav(form(), chunk(b"data", SAMPLES, size=2**32 - 1)),
        "no-samples.wav": wav(form(), chunk(b"data", b"")),
        "odd-samples.wav": wav(form(), chunk(b"data", SAMPLES[:-1])),
        "no-form.wav": wav(DATA),
        "form-at-the-end.wav": wav(DATA, form()),
        "two-forms.wav": wav(form(), form(n_channels=2), DATA),
        "riff-of-0.wav": wav(form(), DATA, size=0),
        "nested.wav": wav(nested(500), form(), DATA),
        "many-chunks.wav": wav(form(), chunk(b"junk", b"") * 5000, DATA),
        "chunk-of-4-gigabytes.wav": wav(form(), chunk(b"junk", b"abcd", size=2**32 - 2), DATA),
        "chunk-of-garbage.wav": wav(form(), garbage(10_000), DATA),
        "form-of-garbage.wav": wav(chunk(b"fmt ", garbage(18)), DATA),
        "samples-and-garbage.wav": whole + garbage(5000),
        "rate-0.flac": flac_with(18, b"\0\0\0"),
        "length-of-ages.flac": flac_with(21, b"\xff" * 5),
        "blocks-of-0.flac": flac_with(8, b"\0\0\0\0"),
        "half-is-garbage.flac": flac_with(8000, garbage(8000)),
        "garbage.flac": b"fLaC" + garbage(20_000),
        "garbage.ogg": b"OggS" + garbage(20_000),
        "garbage.mp3": b"ID3\x04\0\0\0\0\0\0" + garbage(20_000),
        "frames-of-garbage.mp3": (b"\xff\xfb\x90\x00" + garbage(413)) * 200,
        "garbage.aac": (b"\xff\xf1\x50\x80\x2e\x7f\xfc" + garbage(361)) * 100,
        "garbage.m4a": struct.pack(">I", 24) + b"ftypM4A \0\0\0\0M4A isom" + garbage(20_000),
        "boxes-of-0.m4a": struct.pack(">I", 24) + b"ftypM4A \0\0\0\0M4A isom" + bytes(8000),
        "garbage.webm": b"\x1aE\xdf\xa3" + garbage(20_000),
        "garbage.amr": b"#!AMR\n" + garbage(5000),
        "garbage.wma": b"\x30\x26\xb2\x75" + garbage(5000),
        "garbage.au": b".snd" + garbage(5000),
        "samples-far-away.au": b".snd" + struct.pack(">IIIII", 2**20, 0, 3, RATE_HZ, 1) + SAMPLES,
        "garbage.caf": b"caff\0\1\0\0" + garbage(5000),
        "garbage.aiff": b"FORM" + struct.pack(">I", 5000) + b"AIFF" + garbage(5000),
    }


def something_else() -> dict[str, bytes]:
    """What is no sound, under the name of one."""
    script = f"ffconcat version 1.0\nfile {SECRET}\n".encode()
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{SECRET}\n#EXT-X-ENDLIST\n".encode()
    return {
        "empty.wav": b"",
        "one-byte.wav": b"R",
        "text.wav": b"these are words, not sound " * 50,
        "page.wav": b"<!doctype html><script>alert(1)</script>" * 20,
        "drawing.mp3": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>' * 20,
        "archive.wav": archive(zipfile.ZipFile),
        "archive.flac": archive(tarfile.open),
        "script.wav": script,
        "script.ffconcat": script,
        "script-in-mp3.mp3": b"ID3\x04\0\0\0\0\0\0" + script,
        "playlist.m3u8": playlist,
        "playlist.wav": playlist,
        "playlist-in-m4a.m4a": struct.pack(">I", 16) + b"ftypM4A \0\0\0\0" + playlist,
        "list.m3u": f"{SECRET}\n".encode(),
        "description.sdp": b"v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    }


def strange_samples() -> dict[str, bytes]:
    """Well-formed files of what no microphone gives."""
    n = RATE_HZ
    square = np.sign(np.sin(2 * np.pi * 100 * np.arange(n) / n))
    high = io.BytesIO()
    t = np.arange(96_000) / 96_000
    soundfile.write(high, 0.5 * np.sin(2 * np.pi * 30_000 * t), 96_000, format="WAV")
    return {
        "not-a-number.wav": float_wav([*voice(1.0), np.nan]),
        "infinite.wav": float_wav([*voice(1.0), -np.inf]),
        "denormal.wav": float_wav(np.full(n, 1e-40)),
        "huge.wav": float_wav(1e30 * voice(1.0)),
        "square.wav": float_wav(square),
        "ultrasonic.wav": high.getvalue(),
        "a-hundredth.wav": float_wav(voice(0.01)),
        "constant.wav": float_wav(np.full(n, 0.5)),
        "one-sample.wav": float_wav(np.ones(1)),
    }


def truncated() -> dict[str, bytes]:
    """Each container, cut off at every tenth."""
    found = {}
    for suffix in CONTAINERS:
        data = encoded(voice(), suffix)
        for tenth in range(1, 10):
            found[f"{tenth}-tenths.{suffix}"] = data[: len(data) * tenth // 10]
    return found


def write_all(folder: Path) -> list[Path]:
    """Write them into `folder`, and the secret beside them."""
    (folder / SECRET).write_bytes(encoded(voice()))
    files = {**something_else(), **lies(), **strange_samples(), **truncated()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]
