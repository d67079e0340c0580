"""The page in headless Chromium, whose microphone plays an example."""

import time
from collections.abc import Iterator

import pytest
import soundfile
import soxr
from playwright.sync_api import Browser, Page, expect

from ser.labels import LABELS
from tests.page.app_server import (
    DESKTOP,
    EXAMPLES,
    PHONE,
    SCREENSHOTS,
    choose,
    chromium,
    running_app,
)

SPOKEN = EXAMPLES / "middle-and-lively.flac"
MICROPHONE_HZ = 48_000
SENTENCE = "Perceived expression:"


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    spoken = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    samples, rate_hz = soundfile.read(SPOKEN)
    soundfile.write(spoken, soxr.resample(samples, rate_hz, MICROPHONE_HZ), MICROPHONE_HZ)
    with chromium(f"--use-file-for-fake-audio-capture={spoken}") as browser:
        yield browser


def predictions(page: Page) -> list[str]:
    """Collect, from now on, what the page asks of the server."""
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if r.url.find("queue/join") > 0 else None)
    return asked


def charts(page: Page):
    return page.locator(".js-plotly-plot:visible .main-svg:first-child")


def test_a_recording_is_answered_with_a_sentence_and_both_charts(open_page):
    page = open_page(running_app(), DESKTOP)
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    asked = predictions(page)
    page.screenshot(path=SCREENSHOTS / "desktop-before.png")
    expect(page.locator("h1")).to_have_count(1)
    notice = page.locator("aside").first
    expect(notice).to_contain_text("perceived expression")
    expect(notice).to_contain_text("deleted within 10 minutes")
    box = notice.bounding_box()
    assert box["y"] + box["height"] < DESKTOP["height"]

    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(2500)  # it speaks
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    expect(charts(page)).to_have_count(2)
    bars = page.locator(".js-plotly-plot").first
    expect(bars.locator(".bartext")).to_have_count(8)
    assert all(text.endswith("%") for text in bars.locator(".bartext").all_text_contents())
    from_top = sorted(bars.locator(".ytick").all(), key=lambda tick: tick.bounding_box()["y"])
    assert [tick.text_content().split()[-1] for tick in from_top] == list(LABELS)
    listened = page.locator(".js-plotly-plot").nth(1)
    expect(listened).to_contain_text("attention")
    expect(listened).to_contain_text("waveform")
    expect(listened).to_contain_text("0 s")

    page.get_by_role("button", name="The same in words").click()
    expect(page.locator("#words th")).to_have_count(8)
    expect(page.locator("#words")).to_contain_text("The model listened")
    page.get_by_role("button", name="Step by step").click()
    expect(charts(page)).to_have_count(6)
    expect(page.locator(".js-plotly-plot:visible").nth(3)).to_contain_text("rasta 25")
    page.screenshot(path=SCREENSHOTS / "desktop-after.png", full_page=True)
    assert len(asked) == 1
    elsewhere = [a for a in addresses if not a.startswith((running_app().url, "data:", "blob:"))]
    assert not elsewhere


def test_one_action_gives_one_prediction(open_page):
    page = open_page(running_app(), DESKTOP, "?__theme=dark")
    asked = predictions(page)
    steps = (
        lambda: choose(page, SPOKEN),
        lambda: page.get_by_role("button", name="high and slow").click(),
        lambda: page.get_by_role("button", name="Listen").click(),
    )
    for number, step in enumerate(steps, start=1):
        with page.expect_response(lambda response: "queue/join" in response.url):
            step()
        expect(page.locator("#said")).to_contain_text(SENTENCE)
        page.wait_for_timeout(1000)  # for a second prediction that must not come
        assert len(asked) == number
    page.screenshot(path=SCREENSHOTS / "desktop-dark.png", full_page=True)
    page.get_by_label("Clear").first.click()
    expect(page.locator("#said")).to_contain_text("Please record or choose a sound first")
    expect(charts(page)).to_have_count(0)


def test_the_founding_model_can_be_asked_instead(open_page):
    page = open_page(running_app(), DESKTOP)
    choose(page, SPOKEN)
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    page.get_by_role("button", name="The same in words").click()
    by_best = page.locator("#words table").text_content()
    with page.expect_response(lambda response: "queue/join" in response.url):
        page.get_by_label("founding").check()
    expect(page.locator("#words table")).not_to_have_text(by_best)
    page.get_by_role("button", name="Step by step").click()
    expect(page.locator(".js-plotly-plot:visible").nth(3)).to_contain_text("delta-delta 13")
    page.screenshot(path=SCREENSHOTS / "founding.png", full_page=True)


def test_a_phone_needs_no_sideways_scrolling(open_page, tmp_path):
    page = open_page(running_app(), PHONE)
    samples, rate_hz = soundfile.read(SPOKEN)
    soundfile.write(tmp_path / "long.flac", [*samples] * 12, rate_hz)  # 32 s: a wide player
    choose(page, tmp_path / "long.flac")
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    expect(page.locator("#said")).to_contain_text("Longer than 15 s")
    expect(charts(page)).to_have_count(2)
    page.get_by_role("button", name="The same in words").click()
    page.get_by_role("button", name="Step by step").click()
    expect(charts(page)).to_have_count(6)
    page.screenshot(path=SCREENSHOTS / "phone.png", full_page=True)
    for _ in range(5):  # the player settles after the charts
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        time.sleep(0.2)


def test_a_bad_file_is_answered_with_a_sentence(open_page, tmp_path):
    page = open_page(running_app(), DESKTOP)
    (tmp_path / "notes.wav").write_text("this is no sound " * 20)
    choose(page, tmp_path / "notes.wav")
    expect(page.locator("#said")).to_contain_text("This is not a sound file")
    expect(charts(page)).to_have_count(0)
    page.screenshot(path=SCREENSHOTS / "bad-file.png")
    choose_another = page.get_by_role("button", name="low and fast")
    choose_another.click()
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    expect(charts(page)).to_have_count(2)
