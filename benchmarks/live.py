"""How soon after a chunk of a live voice its update is there, with 1, 2, 4 and 8 speakers at once.

`python -m benchmarks.live` starts the app, lets so many speakers talk to /live in real time, and
writes benchmarks/live.json. Run it on an otherwise idle machine, which speakers and app share.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import soundfile
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.serving import PORT, ROOT, cpu_name, summary, wait_for_page
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "live.json"
RATE_HZ = 16_000
CHUNK_S = 0.1
SPEECH_S = 30.0  # of each speaker
PAUSE_S = 1.0  # between sentences
SPEAKERS = (1, 2, 4, 8)
START = {"rate_hz": RATE_HZ, "format": "s16le"}


def main() -> None:
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(PORT), "GRADIO_NUM_PORTS": "1"}
    app = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{PORT}"
        wait_for_page(url)
        asyncio.run(together(url, 1, speech_s=5.0))  # warm
        rows = {str(n): asyncio.run(together(url, n)) for n in SPEAKERS}
        with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
            model = json.load(answer)["model"]
    finally:
        app.terminate()
        app.wait()
    results = {
        "speakers": rows,
        "chunk_s": CHUNK_S,
        "speech_s": SPEECH_S,
        "model": model,
        "machine": f"{cpu_name()}, {os.cpu_count()} cores",
        "git_commit": git_commit(),
        "versions": versions(),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


async def together(url: str, n: int, speech_s: float = SPEECH_S) -> dict:
    """Delays in ms from the end of a chunk to the update that it made, of all speakers."""
    spoken = await asyncio.gather(*(speak(url, number, n, speech_s) for number in range(n)))
    delays = {
        kind: [ms for delays_ms, _ in spoken for found, ms in delays_ms if found == kind]
        for kind in ("measurement", "utterance end")
    }
    return {
        **{kind: {**summary(found), "n": len(found)} for kind, found in delays.items()},
        "all": summary([ms for found in delays.values() for ms in found]),
        "dropped_s": round(sum(dropped_s for _, dropped_s in spoken), 2),
    }


async def speak(
    url: str, number: int, n: int, speech_s: float
) -> tuple[list[tuple[str, float]], float]:
    """One speaker in real time: kind and delay of each update, and what was dropped."""
    samples, n_chunk = voice(number, speech_s), int(CHUNK_S * RATE_HZ)
    sent_s: list[float] = []  # when each chunk had been spoken and was sent
    delays, dropped_s = [], 0.0
    async with connect(url.replace("http", "ws") + "/live") as connection:
        await connection.send(json.dumps(START))
        await connection.recv()

        async def listen() -> None:
            nonlocal dropped_s
            try:
                async for text in connection:
                    event, now_s = json.loads(text), time.perf_counter()
                    if "time_s" not in event:
                        continue
                    dropped_s = event["dropped_s"]
                    chunk = int(np.ceil(event["time_s"] / CHUNK_S - 1e-6)) - 1
                    if 0 <= chunk < len(sent_s):  # the last ones come with the end
                        delays.append((event["type"], 1e3 * (now_s - sent_s[chunk])))
            except ConnectionClosed:
                return

        listening = asyncio.create_task(listen())
        await asyncio.sleep(CHUNK_S * number / n)  # speakers are not in step
        start_s = time.perf_counter()
        for chunk in range(len(samples) // n_chunk):
            await asyncio.sleep(max(0.0, start_s + (chunk + 1) * CHUNK_S - time.perf_counter()))
            sent_s.append(time.perf_counter())
            await connection.send(samples[chunk * n_chunk : (chunk + 1) * n_chunk].tobytes())
        await connection.send(json.dumps({"type": "finish"}))
        await listening
    return delays, dropped_s


def voice(number: int, speech_s: float) -> np.ndarray:
    """Sentences of the examples with pauses, int16; each speaker begins with another one."""
    paths = sorted((ROOT / "examples").glob("*.flac"))
    pause = np.zeros(int(PAUSE_S * RATE_HZ), np.int16)
    parts, n = [], 0
    while n < speech_s * RATE_HZ:
        samples, rate_hz = soundfile.read(paths[(number + len(parts)) % len(paths)], dtype="int16")
        assert rate_hz == RATE_HZ
        parts += [samples, pause]
        n += len(samples) + len(pause)
    return np.concatenate(parts)[: int(speech_s * RATE_HZ)]


if __name__ == "__main__":
    main()
