"""What the page costs a visitor: bytes, time to an answer, delay of a live voice as drawn, an hour.

`python -m benchmarks.page` starts the app and a Chromium and writes benchmarks/page.json. Run it on
an otherwise idle machine, which both share.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.serving import PORT, ROOT, cpu_name, wait_for_page
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "page.json"
SPOKEN = ROOT / "examples" / "middle-and-lively.flac"
MICROPHONE_HZ = 48_000
SLOW_LINE = {  # 1.6 Mbit/s, with a round trip of 150 ms
    "offline": False,
    "latency": 150,
    "downloadThroughput": 200_000,
    "uploadThroughput": 200_000,
}
SLOW_CPU = 4  # times slower
VISITORS, LIVE_S = (1, 2, 4, 8), 20.0
N_WARM, SETTLED_S = 5, 5.0
MINUTES, PAUSE_S, N_HOURS = 60, 1.0, 2
PATIENCE_MS = 600_000


def main() -> None:
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(PORT), "GRADIO_NUM_PORTS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        samples, rate_hz = soundfile.read(SPOKEN)
        soundfile.write(spoken, soxr.resample(samples, rate_hz, MICROPHONE_HZ), MICROPHONE_HZ)
        app = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            wait_for_page(f"http://127.0.0.1:{PORT}/")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=[
                        "--no-sandbox",
                        "--disable-gpu",
                        "--use-fake-ui-for-media-stream",
                        "--use-fake-device-for-media-stream",
                        f"--use-file-for-fake-audio-capture={spoken}",
                    ],
                )
                results = measured(browser) | {"hour": hour(browser, Path(folder))}
                browser.close()
        finally:
            app.terminate()
            app.wait()
    results |= {
        "machine": f"{cpu_name()}, {os.cpu_count()} cores",
        "git_commit": git_commit(),
        "versions": versions(),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def measured(browser: Browser) -> dict:
    """All figures, in the order in which a visitor meets them."""
    n_bytes, cold_s, warm_s, shift = first_answer(browser, is_slow=False)
    _, slow_s, _, slow_shift = first_answer(browser, is_slow=True)
    return {
        "first_page_bytes": n_bytes,
        "first_answer_s": round(cold_s, 3),
        "warm_answer_s": round(warm_s, 3),
        "slow_line_answer_s": round(slow_s, 3),
        "layout_shift": round(max(shift, slow_shift), 3),
        "live_delay_ms": {str(n): live_delay(browser, n) for n in VISITORS},
    }


def opened(browser: Browser, part: str) -> Page:
    page = browser.new_context(permissions=["microphone"]).new_page()
    page.goto(f"http://127.0.0.1:{PORT}/?tab={part}")
    page.locator(f"#part-{part} .choice").first.wait_for()
    return page


def first_answer(browser: Browser, is_slow: bool) -> tuple[int, float, float, float]:
    """Bytes of the page, seconds to sentence and bars: first, then the median; layout shift."""
    page = browser.new_context().new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    if is_slow:
        session.send("Network.emulateNetworkConditions", SLOW_LINE)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_CPU})
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const one of list.getEntries()) "
        "if (!one.hadRecentInput) window.shift += one.value })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(f"http://127.0.0.1:{PORT}/")
    page.locator("voice-source .choice").first.wait_for()
    page.wait_for_timeout(1000 * SETTLED_S)
    n_bytes = int(sum(sizes))
    seconds = []
    for _ in range(1 + N_WARM):
        before = page.evaluate("document.querySelector('voice-answer')?.dataset.number ?? ''")
        start_s = time.perf_counter()
        page.locator("#clip input[type=file]").set_input_files(SPOKEN)
        page.wait_for_function(
            "before => { const one = document.querySelector('voice-answer'); "
            "return one && one.dataset.number !== before && one.querySelector('.bars') }",
            arg=before,
        )
        seconds.append(time.perf_counter() - start_s)
    shift = page.evaluate("window.shift")
    page.context.close()
    return n_bytes, seconds[0], float(np.median(seconds[1:])), shift


def live_delay(browser: Browser, n_visitors: int) -> dict[str, float]:
    """Milliseconds from a sound to the drawn update that has it, over all visitors."""
    pages = [opened(browser, "live") for _ in range(n_visitors)]
    for page in pages:
        page.evaluate(
            "() => { window.delays = []; document.querySelector('voice-live')"
            ".addEventListener('drawn', ({detail}) => window.delays.push(detail.delay_ms)) }"
        )
        page.get_by_role("button", name="Start", exact=True).click()
    pages[0].wait_for_timeout(1000 * LIVE_S)
    delays = [delay for page in pages for delay in page.evaluate("window.delays")]
    for page in pages:
        page.context.close()
    return {
        "n": len(delays),
        "median": round(float(np.median(delays)), 1),
        "p95": round(float(np.percentile(delays, 95)), 1),
    }


def hour(browser: Browser, folder: Path) -> dict[str, float]:
    """Seconds that an hour of speech takes in Long, sent and drawn, and on the command line."""
    samples, rate_hz = soundfile.read(SPOKEN, dtype="int16")
    said = np.concatenate([samples, np.zeros(round(PAUSE_S * rate_hz), np.int16)])
    path = folder / "hour.flac"
    soundfile.write(path, np.tile(said, round(60 * MINUTES * rate_hz / len(said))), rate_hz)
    page_s, command_s = [], []
    for number in range(N_HOURS):
        page = opened(browser, "long")
        start_s = time.perf_counter()
        page.locator("#long input[type=file]").set_input_files(path)
        page.locator("#long-said .answer").wait_for(timeout=PATIENCE_MS)
        page_s.append(time.perf_counter() - start_s)
        page.context.close()
        command = ["timeline", path, "--out", folder / f"{number}.csv", "--quiet"]
        start_s = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ser", *command], cwd=ROOT, check=True)
        command_s.append(time.perf_counter() - start_s)
    return {
        "minutes": MINUTES,
        "page_s": round(float(np.median(page_s)), 1),
        "command_line_s": round(float(np.median(command_s)), 1),
    }


if __name__ == "__main__":
    main()
