"""Ten minutes of Live: neither the page nor the server grows (`make test-minutes`)."""

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.app_server import DESKTOP, EXAMPLES, MICROPHONE_HZ, chromium_that_hears, start_app

pytestmark = pytest.mark.minutes
MINUTES, EVERY_S = 10, 15
SETTLED_S = 60  # from then on nothing may grow
SOUND_MB = 2 * MICROPHONE_HZ * (60 * MINUTES - SETTLED_S) / 1e6  # of what is heard after that
MOST_MB = SOUND_MB / 2  # whoever holds on to the sound grows by more


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    with chromium_that_hears(
        EXAMPLES / "middle-and-lively.flac", tmp_path_factory.mktemp("microphone")
    ) as browser:
        yield browser


def megabytes(pid: int) -> float:
    """Memory that is a process's own, in the machine or swapped out."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = {name: value for name, value in (line.split(":", 1) for line in lines)}
    return sum(int(sizes[name].split()[0]) for name in ("RssAnon", "VmSwap")) / 1e3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_ten_minutes_of_live_leave_the_memory_of_page_and_server_level(
    browser, open_page, tmp_path
):
    with start_app(tmp_path, {}) as app:
        page = open_page(app, DESKTOP, "?tab=live")
        session = page.context.new_cdp_session(page)
        processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
        renderers = [p["id"] for p in processes["processInfo"] if p["type"] == "renderer"]
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.locator("voice-live .sounds")).to_contain_text("%")
        grown: dict[str, list[float]] = {"page": [], "server": []}
        for _ in range(60 * MINUTES // EVERY_S):
            page.wait_for_timeout(1000 * EVERY_S)
            expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
            session.send("HeapProfiler.collectGarbage")
            grown["page"].append(sum(map(megabytes, renderers)))
            grown["server"].append(megabytes(app.process.pid))
        told = {name: [round(one) for one in sizes] for name, sizes in grown.items()}
        print(told)
        settled = SETTLED_S // EVERY_S
        for sizes in grown.values():
            first, last = sizes[settled : settled + 4], sizes[-4:]
            assert statistics.median(last) - statistics.median(first) < MOST_MB, told
        expect(page.locator("voice-live [role=alert]")).to_be_empty()
        page.get_by_role("button", name="Stop and keep").click()
        expect(page.locator("#long-said .answer")).to_contain_text("live.wav", timeout=300_000)
