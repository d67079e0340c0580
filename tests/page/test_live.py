"""The part "Live": a client of /live in Chromium, whose microphone plays an example."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ser.labels import LABELS
from tests.page.app_server import (
    DESKTOP,
    EXAMPLES,
    PHONE,
    SCREENSHOTS,
    chromium_that_hears,
    running_app,
    start_app,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    with chromium_that_hears(
        EXAMPLES / "middle-and-lively.flac", tmp_path_factory.mktemp("microphone")
    ) as browser:
        yield browser


def start(page: Page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()


def shares(page: Page) -> list[int]:
    texts = page.locator("voice-live .share").all_text_contents()
    return [int(text.split()[0]) for text in texts if text]


def test_a_voice_is_told_as_it_is_spoken_and_stops(open_page):
    page = open_page(running_app(), PHONE, "?tab=live")
    uploads = []
    page.on("request", lambda r: uploads.append(r.url) if "upload" in r.url else None)
    start(page)
    sounds = page.locator("voice-live .sounds")
    expect(sounds).to_contain_text("%")
    expect(sounds).to_be_in_viewport()
    expect(page.locator("voice-live .phase")).to_contain_text("Speaking")
    assert any(name in sounds.inner_text() for name in LABELS)
    assert abs(sum(shares(page)) - 100) <= len(LABELS) / 2  # each is rounded
    expect(page.locator("voice-live [role=status]")).to_contain_text("%")
    is_drawn = page.locator("voice-live canvas").evaluate(
        "one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(x => x)"
    )
    assert is_drawn
    page.screenshot(path=SCREENSHOTS / "live-phone.png", full_page=True)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("voice-live .phase")).to_have_text("Stopped")
    expect(page.locator("voice-live [role=alert]")).to_be_empty()
    assert not uploads  # nothing is stored


def test_a_screen_reader_is_told_at_most_every_five_seconds(open_page):
    page = open_page(running_app(), DESKTOP, "?tab=live")
    page.evaluate(
        """() => { window.told = []; new MutationObserver(() => window.told.push(performance.now()))
        .observe(document.querySelector("voice-live [role=status]"), {childList: true}) }"""
    )
    start(page)
    page.wait_for_timeout(12_000)
    told_ms = page.evaluate("window.told")
    assert len(told_ms) >= 2
    assert min(b - a for a, b in zip(told_ms, told_ms[1:], strict=False)) >= 4_990
    page.screenshot(path=SCREENSHOTS / "live-desktop.png", full_page=True)


def test_stop_and_keep_opens_the_take_in_long(open_page):
    page = open_page(running_app(), DESKTOP, "?tab=live")
    start(page)
    expect(page.locator("voice-live .sounds")).to_contain_text("%")
    page.get_by_role("button", name="Stop and keep").click()
    expect(page.locator("#part-long")).to_be_visible()
    expect(page.locator("#long-said .answer")).to_contain_text("live.wav")
    expect(page.locator("#long-table tbody tr").first).to_be_visible()


def test_leaving_the_part_stops_it(open_page):
    page = open_page(running_app(), DESKTOP, "?tab=live")
    start(page)
    page.get_by_role("link", name="Clip", exact=True).click()
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.locator("voice-live .phase")).to_have_text("Stopped")


def test_a_lost_connection_is_told(open_page, tmp_path):
    with start_app(tmp_path, {}) as app:
        page = open_page(app, DESKTOP, "?tab=live")
        start(page)
        expect(page.locator("voice-live .sounds")).to_contain_text("%")
        app.kill()
    expect(page.locator("voice-live .phase")).to_have_text("Connection lost")
    expect(page.locator("voice-live [role=alert]")).to_contain_text("Press Start to go on")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("voice-live [role=alert]")).to_contain_text("try again in a moment")


def test_two_at_once_hear_their_own_and_end_apart(open_page):
    first = open_page(running_app(), DESKTOP, "?tab=live")
    second = open_page(running_app(), DESKTOP, "?tab=live")
    for page in (first, second):
        start(page)
        expect(page.locator("voice-live .sounds")).to_contain_text("%")
    first.get_by_role("button", name="Stop", exact=True).click()
    expect(first.locator("voice-live .phase")).to_have_text("Stopped")
    before = second.locator("voice-live .clock").inner_text()
    expect(second.locator("voice-live .clock")).not_to_have_text(before)
    expect(second.get_by_role("button", name="Stop", exact=True)).to_be_visible()


def test_a_refused_microphone_is_told(open_page):
    page = open_page(running_app(), DESKTOP, "?tab=live")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => "
        "{ throw new DOMException('no', 'NotFoundError') } }"
    )
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("voice-live [role=alert]")).to_contain_text("No microphone was found")
    expect(page.locator("voice-live .phase")).to_have_text("Not listening")
