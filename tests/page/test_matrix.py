"""Every part on three widths, light and dark, by keyboard, with axe-core (`make test-browsers`)."""

from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ser.sound.audio import SAMPLE_RATE
from tests.page.app_server import EXAMPLES, SCREENSHOTS, choose, chromium_that_hears, running_app

pytestmark = pytest.mark.matrix
PARTS = ("clip", "live", "long", "many", "compare", "about")
WIDTHS = {"phone": (360, 740), "tablet": (820, 1180), "desktop": (1280, 900)}
SPOKEN = EXAMPLES / "middle-and-lively.flac"
SERIOUS = ("serious", "critical")
SMALL = """() => {
    const found = [], typefaces = new Set();
    const seen = (one) => one.offsetParent && !one.closest(".told");
    const about = (one) => `${one.outerHTML.slice(0, 120)} (${one.textContent.slice(0, 30)})`;
    for (const one of document.querySelectorAll(".part *, footer *")) {
        const style = getComputedStyle(one), is_drawn = one.ownerSVGElement;
        if (![...one.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim())) continue;
        if (is_drawn ? !one.getClientRects().length : !seen(one)) continue;
        if (!one.closest("pre, code")) typefaces.add(style.fontFamily);
        if (!is_drawn && parseFloat(style.fontSize) < 16) found.push(`text: ${about(one)}`);
    }
    for (const one of document.querySelectorAll("button, input, select, summary, a[href]")) {
        if (!seen(one) || one.type === "file" || (one.matches("a") && one.closest("p"))) continue;
        const { width, height } = (one.closest("label") ?? one).getBoundingClientRect();
        if (Math.min(width, height) < 43.9) found.push(`${width} x ${height}: ${about(one)}`);
    }
    if (typefaces.size > 1) found.push(`typefaces: ${[...typefaces]}`);
    return found;
}"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    with chromium_that_hears(SPOKEN, tmp_path_factory.mktemp("microphone")) as browser:
        yield browser


def opened(open_page, part: str, width: str = "desktop", theme: str = "light") -> Page:
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    page = open_page(running_app(), size, f"?tab={part}&__theme={theme}")
    expect(page.locator(f"#part-{part}")).to_be_visible()
    return page


def check(page: Page, name: str) -> None:
    """Nothing to scroll sideways, nothing small, nothing serious to axe-core; a picture."""
    page.wait_for_timeout(400)
    page.screenshot(path=SCREENSHOTS / f"matrix-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert page.evaluate(SMALL) == [], name
    found = Axe().run(page).response["violations"]
    told = [
        f"{one['id']}: {one['help']}: {[node['html'][:150] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in SERIOUS
    ]
    assert not told, "\n".join([name, *told])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_before_anything_is_sent(open_page, part, width, theme):
    check(opened(open_page, part, width, theme), f"{part}-{width}-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", ["clip", "long", "many", "compare"])
def test_a_part_with_an_answer_and_with_an_error(open_page, part, theme, turns, tmp_path):
    page = opened(open_page, part, "phone", theme)
    path = SPOKEN
    if part == "long":
        path = tmp_path / "talk.flac"
        soundfile.write(path, turns.samples, SAMPLE_RATE)
    choose(page, path, part)
    said = "#said" if part == "clip" else f"#{part}-said"
    expect(page.locator(f"{said} .answer")).to_be_focused()
    for opener in page.locator(f"#part-{part} button.label-wrap").all():
        opener.click()
    page.wait_for_timeout(1500)
    check(page, f"{part}-answer-{theme}")
    (tmp_path / "notes.wav").write_text("this is no sound " * 20)
    choose(page, tmp_path / "notes.wav", part)
    expect(page.locator(f"#part-{part}")).to_contain_text("This is not a sound file")
    check(page, f"{part}-error-{theme}")


def test_clip_where_nobody_speaks_and_while_recording(open_page, tmp_path):
    page = opened(open_page, "clip", "phone")
    noise = 1e-3 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE)
    soundfile.write(tmp_path / "noise.wav", noise, SAMPLE_RATE)
    choose(page, tmp_path / "noise.wav")
    expect(page.locator("#said .answer")).to_be_focused()
    check(page, "clip-noise")
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("#clip .clock")).to_contain_text("0:01")
    check(page, "clip-recording")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", ["clip", "long", "many", "compare"])
def test_a_part_while_it_waits_for_the_next_answer(open_page, part, theme):
    page = opened(open_page, part, "phone", theme)
    choose(page, SPOKEN, part)
    said = "#said" if part == "clip" else f"#{part}-said"
    expect(page.locator(f"{said} .answer")).to_be_focused()
    held = []
    page.route("**/queue/join*", lambda route: held.append(route))
    choose(page, EXAMPLES / "low-and-slow.flac", part)
    expect(page.locator(f"#part-{part} .old").first).to_be_visible()
    expect(page.locator(f"#{part}").get_by_role("button", name="Cancel")).to_be_visible()
    check(page, f"{part}-waiting-{theme}")
    for route in held:
        route.continue_()
    page.unroute("**/queue/join*")
    expect(page.locator(f"#part-{part} .old")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_live_while_somebody_speaks(open_page, theme):
    page = opened(open_page, "live", "phone", theme)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("voice-live .sounds")).to_contain_text("%")
    check(page, f"live-speaking-{theme}")


@pytest.mark.parametrize("part", PARTS)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(open_page, part):
    page = opened(open_page, part)
    wanted = page.evaluate(
        """part => [...document.querySelectorAll(`#part-${part} button, #part-${part} input`)]
        .filter(one => one.offsetParent && !one.disabled && one.tabIndex >= 0).length""",
        part,
    )
    reached = set()
    for _ in range(wanted + 40):
        page.keyboard.press("Tab")
        place, outline = page.evaluate(
            """part => { const one = document.activeElement;
            const all = [...document.querySelectorAll(`#part-${part} button, #part-${part} input`)];
            return [all.indexOf(one), getComputedStyle(one).outlineStyle]; }""",
            part,
        )
        if place >= 0:
            assert outline == "solid"
            reached.add(place)
    assert len(reached) == wanted


def test_eight_visitors_at_once_each_get_their_own_answer(open_page, tmp_path):
    samples, rate_hz = soundfile.read(SPOKEN)
    pages = []
    for number in range(8):
        path = tmp_path / f"{number}.flac"
        soundfile.write(path, np.concatenate([samples, np.zeros(number * rate_hz)]), rate_hz)
        pages.append((opened(open_page, "clip", "phone"), path, len(samples) / rate_hz + number))
    for page, path, _ in pages:
        choose(page, path)
    for page, _, duration_s in pages:
        expect(page.locator("#said .chips")).to_contain_text(f"{duration_s:.1f} s")
        expect(page.locator("#said .before")).to_have_count(0)
