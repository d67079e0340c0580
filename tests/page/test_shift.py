"""While the page loads, nothing that is seen moves (`make test-browsers`)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.app_server import DESKTOP, PHONE, chromium, running_app

pytestmark = pytest.mark.matrix
MOST = 0.1  # of Cumulative Layout Shift: "good" by web.dev/cls
WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    const names = sources.map(({ node }) => node?.outerHTML?.slice(0, 90) ?? node?.textContent);
    if (!hadRecentInput) window.shifts.push({ value, names });
  }
}).observe({ type: "layout-shift", buffered: true });
"""
SWAP = "Loading..."  # Gradio's own page before the page: it goes when the page is there


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("part", ["clip", "live", "long", "many", "compare", "about"])
def test_nothing_that_is_seen_moves(browser, part, size):
    context = browser.new_context(viewport=size)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{running_app().url}/?tab={part}")
    page.locator(":root.built").wait_for(state="attached")
    page.wait_for_timeout(1500)
    shifts = page.evaluate("window.shifts")
    ours = [s for s in shifts if not any(SWAP in (name or "") for name in s["names"])]
    assert sum(shift["value"] for shift in ours) < MOST, shifts
    context.close()
