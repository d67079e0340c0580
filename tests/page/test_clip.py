"""The part "Clip" in headless Chromium, whose microphone plays an example."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect

from page.part import cut, origin
from ser.labels import LABELS
from ser.sound.audio import SAMPLE_RATE
from server.failures import BUSY
from tests.page.app_server import (
    DESKTOP,
    EXAMPLES,
    SCREENSHOTS,
    choose,
    chromium_that_hears,
    running_app,
)

SPOKEN = EXAMPLES / "middle-and-lively.flac"
SENTENCE = "Perceived expression:"
SMALL_PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    with chromium_that_hears(SPOKEN, tmp_path_factory.mktemp("microphone")) as browser:
        yield browser


def predictions(page: Page) -> list[str]:
    """Collect, from now on, what the page asks of the server."""
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if r.url.find("queue/join") > 0 else None)
    return asked


def charts(page: Page):
    return page.locator(".js-plotly-plot:visible .main-svg:first-child")


def bars(page: Page) -> dict[str, str]:
    """What the table of bars says, as a screen reader reads it."""
    rows = page.locator("#said table.bars tbody tr")
    expect(rows).to_have_count(8)
    return {
        row.locator("th").inner_text().split()[-1]: row.locator("td").inner_text()
        for row in rows.all()
    }


def open_who_answers(page: Page) -> None:
    opener = page.get_by_role("button", name="Who answers")
    expect(opener).to_have_attribute("aria-expanded", "false")
    opener.click()
    expect(opener).to_have_attribute("aria-expanded", "true")


def test_a_recording_is_answered_on_a_phones_first_screen(open_page):
    page = open_page(running_app(), SMALL_PHONE)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("#clip .level .clock")).to_contain_text("0:01 of 10:00")
    loudest = max(_level(page) for _ in range(10) if not page.wait_for_timeout(100))
    assert loudest > 20  # percent of the meter: it speaks
    page.get_by_role("button", name="Stop", exact=True).click()
    headline = page.locator("#said .answer")
    expect(headline).to_be_focused()
    expect(headline).to_be_in_viewport()
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    assert list(bars(page)) == list(LABELS)
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE["width"]
    page.screenshot(path=SCREENSHOTS / "clip-phone.png", full_page=True)


def _level(page: Page) -> float:
    return page.locator("#clip .level .bar").evaluate("bar => parseFloat(bar.style.width || 0)")


def test_the_answer_needs_no_chart_and_both_charts_follow(open_page):
    page = open_page(running_app(), DESKTOP)
    addresses, errors = [], []
    page.on("request", lambda request: addresses.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/*plotly*", lambda route: route.abort())
    choose(page, SPOKEN)
    assert list(bars(page)) == list(LABELS)
    page.unroute("**/*plotly*")
    page.reload()
    page.locator("voice-source .choice").first.wait_for()
    asked = predictions(page)
    choose(page, SPOKEN)
    expect(charts(page)).to_have_count(2)
    drawn = page.locator(".js-plotly-plot:visible")
    assert all(t.endswith("%") for t in drawn.first.locator(".bartext").all_text_contents())
    expect(drawn.nth(1)).to_contain_text("times the average")
    expect(page.locator("#words")).to_contain_text("The model listened")
    expect(drawn.first).to_have_attribute("role", "img")
    page.get_by_role("button", name="Step by step").click()
    expect(page.locator(".js-plotly-plot:visible").nth(2)).to_contain_text("mel band 1")
    page.screenshot(path=SCREENSHOTS / "clip-desktop.png", full_page=True)
    assert len(asked) == 1 and not errors
    own = (running_app().url, "data:", "blob:")
    assert not [a for a in addresses if not a.startswith(own)]


def test_the_whole_clip_is_drawn_and_played(open_page, tmp_path):
    page = open_page(running_app(), SMALL_PHONE)
    samples, rate_hz = soundfile.read(SPOKEN)
    soundfile.write(tmp_path / "long.flac", [*samples] * 12, rate_hz)  # 32 s
    choose(page, tmp_path / "long.flac")
    expect(page.locator("#said")).to_contain_text("Longer than 15 s")
    canvas = page.locator("voice-timeline canvas")
    box = canvas.bounding_box()
    assert box["width"] <= SMALL_PHONE["width"]
    clock = page.locator("voice-timeline .clock")
    canvas.click(position={"x": box["width"] / 2, "y": 20})
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(clock).to_contain_text("/ 0:")
    played_s, whole_s = (_seconds(text) for text in clock.inner_text().split(" / "))
    assert whole_s == int(12 * len(samples) / rate_hz)
    assert abs(played_s - whole_s / 2) <= 2
    page.get_by_role("button", name="Pause").click()
    position = page.get_by_role("slider", name="Position")
    position.press("Home")
    assert _seconds(clock.inner_text().split(" / ")[0]) == 0


def _seconds(text: str) -> int:
    minutes, seconds = text.split(":")
    return 60 * int(minutes) + int(seconds)


def test_one_action_gives_one_prediction(open_page):
    page = open_page(running_app(), DESKTOP, "?__theme=dark")
    asked = predictions(page)
    steps = (
        lambda: choose(page, SPOKEN),
        lambda: choose(page, SPOKEN),  # the same file again
        lambda: page.get_by_role("button", name="high and slow").click(),
    )
    for number, step in enumerate(steps, start=1):
        with page.expect_response(lambda response: "queue/join" in response.url):
            step()
        expect(page.locator("#said")).to_contain_text(SENTENCE)
        page.wait_for_timeout(1000)  # for a second prediction that must not come
        assert len(asked) == number
    expect(page.locator("#said .before")).to_contain_text("The answer before")
    page.screenshot(path=SCREENSHOTS / "clip-dark.png", full_page=True)


def test_what_is_old_is_dimmed_until_the_new_answer_is_there_and_can_be_cancelled(open_page):
    page = open_page(running_app(), DESKTOP)
    choose(page, SPOKEN)
    expect(charts(page)).to_have_count(2)
    held = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    choose(page, EXAMPLES / "low-and-slow.flac")
    expect(page.locator(".answer-of-clip.old")).to_have_count(2)
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_hidden()
    expect(cancel).to_be_visible(timeout=4000)
    cancel.click()
    expect(page.locator("voice-source [role=status]").first).to_have_text("Cancelled.")
    expect(page.locator(".answer-of-clip.old")).to_have_count(0)
    page.unroute("**/gradio_api/upload*")
    choose(page, EXAMPLES / "low-and-slow.flac")
    expect(page.locator("#said .answer")).to_be_focused()


def test_another_model_answers_under_its_own_name_and_figure(open_page):
    page = open_page(running_app(), DESKTOP)
    choose(page, SPOKEN)
    chips = page.locator("#said .chips")
    expect(chips).to_contain_text("default")
    by_default = bars(page)
    open_who_answers(page)
    group = page.get_by_role("group", name="Which model answers")
    group.get_by_label("founding LSTM").check()
    expect(chips).to_contain_text("founding LSTM")
    expect(chips).to_contain_text("50")
    assert bars(page) != by_default
    expect(page.locator("voice-source [role=status]").first).not_to_be_empty()
    page.get_by_role("button", name="Step by step").click()
    expect(page.locator(".js-plotly-plot:visible").nth(2)).to_contain_text("delta-delta 13")


def test_only_the_chosen_emotions_are_answered(open_page):
    page = open_page(running_app(), DESKTOP)
    choose(page, SPOKEN)
    expect(page.locator("#said .answer")).to_be_focused()
    open_who_answers(page)
    group = page.get_by_role("group", name="Only these emotions")
    for name in LABELS[2:]:
        group.get_by_label(name).uncheck()
    expect(page.locator("#said")).to_contain_text("Judged among neutral, calm only")
    assert {name for name, share in bars(page).items() if share != "0\u00a0%"} <= {*LABELS[:2]}
    group.get_by_label("calm").uncheck()
    expect(page.locator("#said")).to_contain_text("choose two emotions or more")


def test_where_nobody_speaks_there_is_no_expression(open_page, tmp_path):
    page = open_page(running_app(), SMALL_PHONE)
    choose(page, SPOKEN)
    expect(charts(page)).to_have_count(2)
    noise = 0.1 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE)
    soundfile.write(tmp_path / "rain.wav", noise, SAMPLE_RATE)
    choose(page, tmp_path / "rain.wav")
    expect(page.locator("#said .answer")).to_have_text("No speech heard")
    expect(page.locator("#said .answer")).to_be_focused()
    expect(page.locator("#said table.bars")).to_have_count(0)
    shown = page.locator("#clip-time voice-timeline").evaluate("one => Object.keys(one.shown)")
    assert "peaks" in shown and "attention" not in shown
    expect(charts(page)).to_have_count(0)
    page.screenshot(path=SCREENSHOTS / "clip-no-speech.png", full_page=True)


def test_what_was_heard_in_the_tab_adapts_the_model_and_both_answers_show(open_page):
    page = open_page(running_app(), DESKTOP)
    for name in ("low-and-slow", "middle-and-even", "middle-and-lively"):
        choose(page, EXAMPLES / f"{name}.flac")
        expect(page.locator("#said .answer")).to_be_focused()
        expect(page.locator("#clip [role=status]")).to_be_empty()
    by_default = bars(page)
    open_who_answers(page)
    page.get_by_label("Adapt to my voice").check()
    expect(page.locator("#said .chips")).to_contain_text("3 clips")
    expect(page.locator("#said .before")).to_contain_text("Without your voice taken into account")
    assert bars(page) != by_default
    page.get_by_label("Adapt to my voice").uncheck()
    expect(page.locator("#said .chips")).not_to_contain_text("3 clips")
    assert bars(page) == by_default


def test_a_refused_microphone_is_told_and_nothing_else_breaks(browser):
    context = browser.new_context(viewport=SMALL_PHONE)
    page = context.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => "
        "{ throw new DOMException('no', 'NotAllowedError') }"
    )
    page.goto(running_app().url)
    page.get_by_role("button", name="Record", exact=True).click()
    problem = page.locator("#clip [role=alert]")
    expect(problem).to_contain_text("does not let this page use the microphone")
    expect(problem).to_be_in_viewport()
    choose(page, SPOKEN)
    expect(page.locator("#said .answer")).to_be_focused()
    expect(problem).to_be_empty()
    context.close()


def test_what_cannot_be_judged_is_said_in_a_sentence_each(open_page, tmp_path):
    page = open_page(running_app(), SMALL_PHONE)
    (tmp_path / "notes.wav").write_text("this is no sound " * 20)
    (tmp_path / "empty.wav").write_bytes(b"")
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(65 << 20)
    choose(page, tmp_path / "notes.wav")
    expect(page.locator("#said .answer")).to_contain_text("This is not a sound file")
    expect(page.locator("#said .answer")).to_be_focused()
    expect(page.locator("#said .answer")).to_be_in_viewport()
    expect(charts(page)).to_have_count(0)
    problem = page.locator("#clip [role=alert]")
    asked = predictions(page)
    choose(page, tmp_path / "large.wav")
    expect(problem).to_contain_text("large.wav has 65 MB; at most 64 MB are taken")
    choose(page, tmp_path / "empty.wav")
    expect(problem).to_have_text("empty.wav is empty.")
    assert not asked
    page.locator("#clip input[type=file]").evaluate("input => { input.multiple = true }")
    page.locator("#clip input[type=file]").set_input_files([SPOKEN, tmp_path / "notes.wav"])
    expect(problem).to_contain_text("One file at a time here: middle-and-lively.flac is judged")
    expect(page.locator("#said")).to_contain_text(SENTENCE)


def test_what_lasts_too_long_is_told_before_it_is_sent(open_page, tmp_path, speech):
    page = open_page(running_app(), SMALL_PHONE)
    sent = []
    page.on("request", lambda r: sent.append(r.url) if "/upload" in r.url else None)
    soundfile.write(tmp_path / "hours.flac", np.tile(speech, 400), SAMPLE_RATE)
    choose(page, tmp_path / "hours.flac")
    problem = page.locator("#clip [role=alert]")
    expect(problem).to_contain_text("; at most 10:00 are taken. The part “Long” takes")
    expect(problem).to_be_in_viewport()
    assert not sent
    choose(page, SPOKEN)
    expect(page.locator("#said .answer")).to_be_focused()
    expect(problem).to_be_empty()


def test_a_length_that_the_browser_guesses_refuses_nothing(open_page, tmp_path, ffmpeg):
    page = open_page(running_app(), DESKTOP)
    quiet, spoken, both = (tmp_path / f"{name}.mp3" for name in ("quiet", "spoken", "both"))
    bare = ("-write_xing", "0", "-id3v2_version", "0")  # nothing tells how long it is
    ffmpeg("-f", "lavfi", "-i", "anullsrc=d=3:r=16000", "-b:a", "8k", *bare, quiet)
    ffmpeg("-i", SPOKEN, "-ar", "16000", "-b:a", "160k", *bare, spoken)
    both.write_bytes(quiet.read_bytes() + 16 * spoken.read_bytes())  # less than a minute
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input type=file id=guess>')")
    page.locator("#guess").set_input_files(both)
    guessed_s = page.locator("#guess").evaluate(
        """async ({ files }) => (await import("/browser/length.js"))
        .length(URL.createObjectURL(files[0]))"""
    )
    assert guessed_s > 600
    choose(page, both)
    expect(page.locator("#said .answer")).to_be_focused()


def test_any_kind_of_file_may_be_chosen_and_a_video_is_judged(open_page, tmp_path, ffmpeg):
    page = open_page(running_app(), DESKTOP)
    ffmpeg("-i", SPOKEN, tmp_path / "spoken.webm")
    assert page.locator("#clip input[type=file]").get_attribute("accept") is None
    choose(page, tmp_path / "spoken.webm")
    expect(page.locator("#said")).to_contain_text(SENTENCE)


def test_a_dropped_file_is_judged(open_page):
    page = open_page(running_app(), DESKTOP)
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    drop = """sound => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(sound);
        transfer.items.add(new File([bytes], "dropped.flac", {type: "audio/flac"}));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true}));
    }"""
    page.evaluate(drop, list(SPOKEN.read_bytes()))
    expect(page.locator("#said .answer")).to_be_focused()


def test_by_keyboard_alone(open_page):
    page = open_page(running_app(), DESKTOP)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.do") == "record":
            break
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_focused()
    page.wait_for_timeout(1500)
    page.keyboard.press("Enter")
    expect(page.locator("#said .answer")).to_be_focused()


def test_an_address_names_part_and_example(open_page):
    page = open_page(running_app(), DESKTOP, "?tab=about")
    expect(page.get_by_role("heading", name="Limits, law and privacy")).to_be_visible()
    expect(page.locator("#part-clip")).to_be_hidden()
    page.get_by_role("link", name="Clip", exact=True).click()
    assert page.url.endswith("?tab=clip")
    expect(page.locator("#part-clip")).to_be_visible()
    page.go_back()
    expect(page.locator("#part-about")).to_be_visible()
    page = open_page(running_app(), DESKTOP, "?example=high-and-slow")
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_the_microphones_own_gain_control_is_off(open_page):
    page = open_page(running_app(), DESKTOP)
    page.evaluate(
        """() => { const media = navigator.mediaDevices;
        const get = media.getUserMedia.bind(media);
        media.getUserMedia = (asked) => { window.asked = asked; return get(asked); } }"""
    )
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    asked = json.loads(page.evaluate("JSON.stringify(window.asked.audio)"))
    switches = ("autoGainControl", "echoCancellation", "noiseSuppression")
    assert [asked[name] for name in switches] == [False] * 3


def test_where_the_queue_is_full_no_answer_of_before_stays(open_page):
    page = open_page(running_app(), DESKTOP)
    choose(page, SPOKEN)
    expect(page.locator("#said")).to_contain_text(SENTENCE)
    full = {"error": BUSY, "detail": BUSY}
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, json=full))
    choose(page, EXAMPLES / "low-and-slow.flac")
    expect(page.locator("#clip .problem")).to_have_text(BUSY)
    for part in ("#said", "#clip-time", "#words"):
        expect(page.locator(part)).to_be_hidden()
    page.unroute("**/queue/join*")
    open_who_answers(page)  # which judges the last sound that was answered anew
    page.locator("#only").get_by_label("calm").click()
    expect(page.locator("#said")).to_contain_text("only")
    choose(page, EXAMPLES / "low-and-slow.flac")
    expect(page.locator("#said .answer")).to_be_focused()
    expect(page.locator("#clip .problem")).to_be_empty()


def test_a_part_is_judged_alone_and_all_of_it_again(open_page):
    page = open_page(running_app(), DESKTOP)
    choose(page, SPOKEN)
    expect(page.locator("#said .answer:focus")).to_be_visible()
    whole = page.locator("#said .chips").inner_text()
    picture = page.locator("#clip-time")
    button = picture.get_by_role("button", name="Judge this part")
    expect(button).to_be_disabled()
    box = picture.locator("canvas.time").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 30)  # the left handle, moved a quarter to the right
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 30, steps=4)
    page.mouse.up()
    first, last = (picture.get_by_label(name) for name in ("From, in seconds", "To, in seconds"))
    duration_s = float(last.input_value())
    assert abs(float(first.input_value()) - duration_s / 4) < 0.05
    last.fill("1.7")
    last.press("Enter")
    first.fill("0.5")
    first.press("Tab")
    page.screenshot(path=SCREENSHOTS / "clip-part.png", full_page=True)
    button.click()
    expect(page.locator("#said .chips")).to_contain_text("1.2 s")
    expect(page.locator("#said .before")).to_contain_text("The answer before:")
    shown = picture.locator("voice-timeline").evaluate("one => one.shown")
    assert (shown["part_from_s"], shown["duration_s"]) == (0.5, 1.2)
    picture.get_by_role("button", name="Play").click()  # the part of the sound, and no more
    expect(picture.get_by_role("button", name="Pause")).to_be_visible()
    heard_s = picture.locator("voice-timeline").evaluate("one => one.audio.currentTime")
    assert heard_s >= 0.5
    expect(picture.get_by_role("button", name="Play")).to_be_visible(timeout=5000)
    assert picture.locator("voice-timeline").evaluate("one => one.audio.currentTime") < 2.1
    picture.get_by_role("button", name="Judge all of it again").click()
    expect(page.locator("#said .chips")).to_have_text(whole, use_inner_text=True)
    expect(picture.get_by_role("button", name="Judge all of it again")).to_have_count(0)


def test_a_part_of_a_part_is_cut_from_the_whole(speech, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    soundfile.write(tmp_path / "voice.wav", speech, SAMPLE_RATE, subtype="FLOAT")
    first = cut(str(tmp_path / "voice.wav"), 0.25, 1.75, None)
    second = cut(first.path, 0.5, 1.0, first)
    assert (second.start_s, second.whole) == (0.75, str(tmp_path / "voice.wav"))
    samples, _ = soundfile.read(second.path, dtype="float32")
    np.testing.assert_array_equal(samples, speech[12_000:20_000])
    assert origin(second.path, second) == second
    assert origin(first.path, second) is None and origin(first.path, None) is None
