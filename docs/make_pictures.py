"""Photograph the page: start the app, let it judge an example, keep what a visitor then sees.

`python -m docs.make_pictures` writes docs/page.png. It needs chromium and a font with emoji in
colour (`apt install chromium fonts-noto-core fonts-noto-color-emoji`).
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.app_server import EXAMPLES, chromium, start_app

PICTURE = Path(__file__).with_name("page.png")
VOICE = EXAMPLES / "high-and-slow.flac"
WINDOW = {"width": 1200, "height": 1400}  # all that is in the picture, without scrolling
SCALE = 1.2  # pixels of the picture for one of the page
MARGIN = 16  # of the page, around what is in the picture


def main() -> int:
    """Write the picture; 1 with a sentence on standard error where there is no browser."""
    if not shutil.which("chromium"):
        print("error: the picture needs chromium: apt install chromium", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        start_app(Path(folder), {}) as app,
        chromium() as browser,
    ):
        page = browser.new_page(viewport=WINDOW, device_scale_factor=SCALE)
        page.goto(app.url)
        page.get_by_role("button", name=VOICE.stem.replace("-", " ")).click()
        charts = page.locator(".js-plotly-plot:visible")
        expect(charts).to_have_count(2)
        expect(charts.last.locator(".main-svg").first).to_be_visible()
        page.wait_for_timeout(1000)  # the player draws its waveform, the charts settle
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURE, clip=_from_title_to_player(page))
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


def _from_title_to_player(page: Page) -> dict[str, float]:
    """Leave out the panels and charts below."""
    head = page.locator("#head").bounding_box()
    player = page.locator("#clip-time").bounding_box()
    bottom = player["y"] + player["height"] + MARGIN / 2
    return {
        "x": head["x"] - MARGIN,
        "y": 0,
        "width": head["width"] + 2 * MARGIN,
        "height": bottom,
    }


if __name__ == "__main__":
    sys.exit(main())
