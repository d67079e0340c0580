"""Whether the app stands a crowd: a hundred visitors at once, then thousands of predictions.

`python -m benchmarks.crowd` starts the app, lets visitors ask as the page and as programs do, each
with a clip of its own, and writes benchmarks/crowd.json: how many were answered (and whether by
their own answer), told their place or refused in a sentence; how soon a new page opened; memory
over time; and what a recording of ten minutes took. Run it on an otherwise idle machine: it takes
some fourteen minutes.
"""

import argparse
import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import soundfile

from benchmarks.serving import ROOT, cpu_name, summary, wait_for_page
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "crowd.json"
PORT = 7959
VISITORS, CROWD_S, CALLS_S = 100, 120.0, 600.0
PAUSE_S = (1.0, 6.0)  # between a visitor's questions
PAGE_EVERY_S, MEMORY_EVERY_S = 1.0, 5.0
CALLS_OF_ONE = 50  # program; another has another address
LONG_S = 590.0
API = "/gradio_api"


@dataclass
class Told:
    """What the visitors were told, and when."""

    answered_ms: list[float] = field(default_factory=list)
    page_ms: list[float] = field(default_factory=list)
    memory_mb: list[tuple[float, int]] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=VISITORS)
    parser.add_argument("--crowd-s", type=float, default=CROWD_S)
    parser.add_argument("--calls-s", type=float, default=CALLS_S)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    results = {
        "visitors": asked.visitors,
        "crowd_s": asked.crowd_s,
        **_with_app(lambda url, pid: asyncio.run(_crowd_then_calls(url, pid, asked))),
        "ten_minutes": _with_app(lambda url, pid: asyncio.run(_ten_minutes(url, pid))),
        "machine": f"{cpu_name()}, {os.cpu_count()} cores",
        "git_commit": git_commit(),
        "versions": versions(),
    }
    asked.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    if results["crowd"]["faults"]:
        sys.exit("error: somebody was not answered")


def _with_app(measure) -> dict:
    """What `measure(url, pid)` finds of an app that was just started."""
    with tempfile.TemporaryDirectory(prefix="ser-crowd-") as folder:
        environment = {
            **os.environ,
            "GRADIO_SERVER_PORT": str(PORT),
            "GRADIO_TEMP_DIR": folder,
            "SER_PROXIES": "1",  # each visitor has an address
        }
        app = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            wait_for_page(f"http://127.0.0.1:{PORT}/")
            return measure(f"http://127.0.0.1:{PORT}", app.pid)
        finally:
            app.terminate()
            app.wait()


async def _crowd_then_calls(url: str, pid: int, asked: argparse.Namespace) -> dict:
    at_start_mb = memory_mb(pid)
    crowd, calls = Told(), Told()
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        visitors = [await Visitor.new(client, number, crowd) for number in range(asked.visitors)]
        n_calls = await Visitor.new(client, asked.visitors, calls)
        until_s = time.monotonic() + asked.crowd_s
        watching = asyncio.create_task(_watch(client, pid, crowd))
        await asyncio.gather(*(visitor.stay(until_s) for visitor in visitors))
        watching.cancel()
        after_mb = memory_mb(pid)
        until_s = time.monotonic() + asked.calls_s
        watching = asyncio.create_task(_watch(client, pid, calls))
        await asyncio.gather(*(n_calls.call(until_s) for _ in range(2)))
        watching.cancel()
    return {
        "memory_at_start_mb": at_start_mb,
        "crowd": {**_told(crowd), "memory_after_mb": after_mb},
        "calls": {
            "seconds": asked.calls_s,
            "predictions": calls.counts["answered"],
            **_told(calls),
            "memory_after_mb": memory_mb(pid),
        },
    }


def _told(told: Told) -> dict:
    return {
        "counts": dict(told.counts),
        "answered_ms": summary(told.answered_ms),
        "page_ms": {**summary(told.page_ms), "worst": round(max(told.page_ms))},
        "memory_mb": {f"{seconds} s": mb for seconds, mb in told.memory_mb},
        "most_memory_mb": max(mb for _, mb in told.memory_mb),
        "faults": told.faults[:20],
    }


async def _watch(client: httpx.AsyncClient, pid: int, told: Told) -> None:
    """How soon a new page opens, and memory, until this is cancelled."""
    began_s, n = time.monotonic(), 0
    while True:
        if n % round(MEMORY_EVERY_S / PAGE_EVERY_S) == 0:
            told.memory_mb.append((round(time.monotonic() - began_s), memory_mb(pid)))
        start_s, n = time.monotonic(), n + 1
        (await client.get("/")).raise_for_status()
        told.page_ms.append(1e3 * (time.monotonic() - start_s))
        await asyncio.sleep(PAGE_EVERY_S)


async def _ten_minutes(url: str, pid: int) -> dict:
    """What a recording of ten minutes of speech takes on the page, and through the API."""
    speech = np.concatenate([soundfile.read(path)[0] for path in EXAMPLES])
    samples = np.tile(speech, 1 + int(LONG_S * 16_000 / len(speech)))[: int(LONG_S * 16_000)]
    found, told = {}, Told()
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        visitor = await Visitor.new(client, 0, told)
        await visitor.ask(visitor.page_event)  # what every app has done
        before_mb = memory_mb(pid)
        visitor.sound = _flac(samples)
        for name, event in (("api", visitor.api_event), ("page", visitor.page_event)):
            start_s = time.monotonic()
            await visitor.ask(event, is_known=False)
            found[f"{name}_s"] = round(time.monotonic() - start_s, 1)
    assert not told.faults, told.faults
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) >> 10
    return {**found, "memory_before_mb": before_mb, "peak_mb": peak, "more_mb": peak - before_mb}


EXAMPLES = sorted((ROOT / "examples").glob("*.flac"))


@dataclass
class Visitor:
    """Someone with a clip and an address, and how the app takes a question."""

    client: httpx.AsyncClient
    number: int
    told: Told
    sound: bytes
    expected: str
    api_event: dict
    page_event: dict

    @classmethod
    async def new(cls, client: httpx.AsyncClient, number: int, told: Told) -> "Visitor":
        """Make up a clip that nobody else has, and ask once, alone, for its answer."""
        rng = np.random.default_rng(number)
        samples, rate_hz = soundfile.read(EXAMPLES[number % len(EXAMPLES)])
        samples = np.interp(
            np.arange(0, len(samples) - 1, rng.uniform(0.9, 1.1)), np.arange(len(samples)), samples
        )
        assert rate_hz == 16_000
        config = (await client.get("/config")).json()
        parts = {part["id"]: part for part in config["components"]}
        api = next(d for d in config["dependencies"] if d["api_name"] == "predict")
        sender = next(n for n, p in parts.items() if p["props"].get("elem_id") == "clip-file")
        page = next(d for d in config["dependencies"] if [sender, "upload"] in d["targets"])
        rest = [parts[i]["props"].get("value") for i in page["inputs"][1:]]
        visitor = cls(
            *(client, number, Told(), _flac(samples), ""),
            api_event={"fn_index": api["id"], "rest": [None]},
            page_event={"fn_index": page["id"], "rest": rest},
        )
        visitor.expected = await visitor.ask(visitor.api_event, is_known=False)
        if visitor.told.faults:
            raise RuntimeError(visitor.told.faults[0])
        visitor.told = told
        return visitor

    async def stay(self, until_s: float) -> None:
        """Ask in turn as the page and as programs do, until it is time to go."""
        rng = np.random.default_rng(self.number)
        turn = self.number
        while time.monotonic() < until_s:
            turn += 1
            await self.ask(self.page_event if turn % 2 else self.api_event)
            await asyncio.sleep(rng.uniform(*PAUSE_S))

    async def call(self, until_s: float) -> None:
        """Ask as programs do, one question after the other."""
        while time.monotonic() < until_s:
            program = self.told.counts["asked"] // CALLS_OF_ONE
            await self.ask(self.api_event, address=f"10.{program >> 8}.{program & 255}.1")

    async def ask(self, event: dict, is_known: bool = True, address: str | None = None) -> str:
        """Send the clip, wait for the answer; its probabilities as JSON. Counts what was told."""
        self.told.counts["asked"] += 1
        headers = {"X-Forwarded-For": address or f"192.0.2.{self.number}"}
        start_s = time.monotonic()
        try:
            name = f"visitor-{self.number}.flac"
            sent = await self.client.post(
                f"{API}/upload", files={"files": (name, self.sound)}, headers=headers
            )
            if self._is_refused(sent):
                return ""
            session = f"{self.number}{time.monotonic_ns()}"
            path = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
            path |= {"orig_name": name, "url": None, "size": len(self.sound)}
            body = {"data": [path, *event["rest"]], "fn_index": event["fn_index"]}
            body["session_hash"] = session
            joined = await self.client.post(f"{API}/queue/join", json=body, headers=headers)
            if self._is_refused(joined):
                return ""
            answer = await self._answer(session, headers)
        except (httpx.HTTPError, OSError) as error:
            return self._fault(f"lost: {error!r}")
        found = self._read(answer, event is self.api_event)
        if is_known and found != self.expected and event is self.api_event:
            return self._fault(f"visitor {self.number} was given another answer: {answer[:300]}")
        if found:
            self.told.counts["answered"] += 1
            self.told.answered_ms.append(1e3 * (time.monotonic() - start_s))
        return found

    async def _answer(self, session: str, headers: dict) -> str:
        """The last event of the session, as JSON; on the way its place in the queue is told."""
        asked = {"params": {"session_hash": session}, "headers": headers}
        is_told = False
        async with self.client.stream("GET", f"{API}/queue/data", **asked) as stream:
            async for line in stream.aiter_lines():
                if '"msg":"estimation"' in line and not is_told:
                    is_told = True
                    self.told.counts["told its place"] += 1
                if '"msg":"process_completed"' in line:
                    return line.removeprefix("data: ")
        return ""

    def _read(self, answer: str, is_api: bool) -> str:
        done = json.loads(answer) if answer else {"success": False, "output": "no answer"}
        if not done["success"]:
            return self._fault(f"visitor {self.number}: {done['output']}")
        return json.dumps(done["output"]["data"][0]["probabilities"]) if is_api else "shown"

    def _is_refused(self, answer: httpx.Response) -> bool:
        """Whether this is no, in a sentence; anything else than a yes or that is a fault."""
        if answer.status_code == 200:
            return False
        told = answer.json().get("error") if "json" in answer.headers["content-type"] else None
        if answer.status_code in (429, 503, 507) and told:
            self.told.counts[f"refused with {answer.status_code}"] += 1
        else:
            self._fault(f"{answer.status_code}: {answer.text[:200]}")
        return True

    def _fault(self, what: str) -> str:
        self.told.counts["faults"] += 1
        self.told.faults.append(what)
        return ""


def _flac(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="FLAC")
    return file.getvalue()


def memory_mb(pid: int) -> int:
    """What a process holds of the machine's memory at this moment."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) >> 10


if __name__ == "__main__":
    main()
