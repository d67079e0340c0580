"""The part "Long": utterances of a recording, drawn, played, corrected, adapted to, taken away."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, expect

from page import overview
from page.correct import picked_part
from page.listening import remaining_s
from ser.adaptation import Setting
from ser.labels import LABELS
from ser.recordings.timeline import timeline
from ser.sound.audio import SAMPLE_RATE
from tests.page.app_server import DESKTOP, PHONE, SCREENSHOTS, choose, chromium, running_app


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def talk(turns, tmp_path_factory):
    path = tmp_path_factory.mktemp("talk") / "talk.flac"
    soundfile.write(path, turns.samples, SAMPLE_RATE)
    return path


def test_utterances_are_drawn_listed_played_and_taken_away(open_page, talk, turns):
    page = open_page(running_app(), DESKTOP, "?tab=long")
    choose(page, talk, "long")
    expect(page.locator("#long-said .answer")).to_be_focused()
    rows = page.locator("#long-table tbody tr")
    expect(rows).to_have_count(len(turns.borders_s))
    expect(page.locator("#long-said")).to_contain_text("Voices are not told apart")
    starts = [float(row.get_attribute("data-start")) for row in rows.all()]
    rows.nth(1).get_by_role("button", name="Play").click()
    clock = page.locator("#part-long voice-timeline .clock")
    expect(clock).to_contain_text(f"0:{int(starts[1]):02d} /")
    expect(page.locator("#part-long .play")).to_have_text("Play", timeout=15_000)  # it ended there
    labels = [row.get_attribute("data-label") for row in rows.all()]
    page.locator("#long-table [name=label]").select_option(labels[0])
    expect(page.locator(".count")).to_have_text(f"{labels.count(labels[0])} of {len(labels)}")
    with page.expect_download() as got:
        page.locator("#long-files a[download]").first.click()
    assert got.value.path().read_text().startswith("file,start_s,end_s,label,confidence")
    # Four utterances are too few to adapt to.
    expect(page.locator("#long-adapting")).to_contain_text("4 utterances were judged, at least 5")
    expect(page.get_by_role("button", name="Adapt to this recording")).to_have_count(0)
    names = page.locator("#long-files").inner_text()
    assert all(name in names for name in (".json", ".TextGrid", ".txt", ".vtt", ".eaf"))
    page.screenshot(path=SCREENSHOTS / "long-desktop.png", full_page=True)


def test_it_is_adapted_to_undone_and_corrected(open_page, turns, tmp_path):
    path = tmp_path / "meeting.flac"
    soundfile.write(path, np.tile(turns.samples, 3), SAMPLE_RATE)
    page = open_page(running_app(), DESKTOP, "?tab=long")
    times = float(page.locator("#long").get_attribute("data-times"))
    assert times > 1  # faster than it lasts, measured when the app started
    choose(page, path, "long")
    expect(page.locator("#long [role=status]")).to_contain_text("To judge 0:4")
    expect(page.locator("#long-said .answer")).to_be_focused()
    measured = page.locator("#long-said [data-times]").get_attribute("data-times")
    expect(page.locator("#long")).to_have_attribute("data-times", measured)
    before = page.locator("#long-table tbody").inner_text()

    page.get_by_role("button", name="Adapt to this recording").click()
    expect(page.locator("#long-said .answer")).to_contain_text("of 12 utterances sound")
    bars = page.locator("#long-said table.pair")
    expect(bars.locator("caption")).to_contain_text("before and after adapting")
    expect(bars.locator("tbody tr")).to_have_count(len(LABELS))
    assert page.locator("#long-table tbody").inner_text() != before  # other confidences at least
    page.screenshot(path=SCREENSHOTS / "long-adapted.png", full_page=True)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#long-said .answer")).to_have_text("meeting.flac")
    expect(page.locator("#long-table tbody")).to_have_text(before, use_inner_text=True)

    row = page.locator("#long-table tbody tr").nth(2)
    row.get_by_role("button", name="I hear").click()
    title = page.locator("#long-part [tabindex]")
    expect(title).to_be_focused()
    page.locator("#long-share").get_by_role("radio", name="surprised").check()
    expect(row.locator("[data-ask]")).to_contain_text("surprised")
    expect(page.locator("#long-files")).to_contain_text("meeting.heard")
    with page.expect_download() as got:
        page.locator("#long-files a[download]").last.click()
    assert got.value.suggested_filename == "meeting.heard.csv"
    head, line = got.value.path().read_text().splitlines()
    assert head == "start_s,end_s,channel,label,heard"
    assert line.startswith(f"{float(row.get_attribute('data-start')):.3f},")
    assert line.endswith(",surprised")
    expect(page.locator("#long-consent")).to_have_count(0)  # nothing is shared in this app


def test_a_phone_shows_it_without_sideways_scrolling_and_zooms(open_page, talk):
    page = open_page(running_app(), PHONE, "?tab=long&__theme=dark")
    choose(page, talk, "long")
    expect(page.locator("#long-said .answer")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Zoom in").click()
    element = page.locator("#part-long voice-timeline")
    whole, seen = element.evaluate("one => [one.shown.duration_s, one.to_s - one.from_s]")
    assert abs(seen - whole / 2) < 0.01
    page.screenshot(path=SCREENSHOTS / "long-phone-dark.png", full_page=True)


def test_cancel_stops_it_and_another_is_judged(open_page, talk, turns, tmp_path):
    soundfile.write(tmp_path / "hours.flac", np.tile(turns.samples, 60), SAMPLE_RATE)  # 15 minutes
    page = open_page(running_app(), DESKTOP, "?tab=long")
    choose(page, tmp_path / "hours.flac", "long")
    going = page.locator("#long-going")
    expect(going).to_contain_text("left")
    expect(going.locator("li").first).to_be_visible()  # utterances as they come
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#long [role=status]")).to_have_text("Cancelled.")
    expect(going).to_be_empty()
    began_s = time.monotonic()
    choose(page, talk, "long")  # one at a time: it waits until the other has ended
    expect(page.locator("#long-said .answer")).to_contain_text("talk.flac")
    assert time.monotonic() - began_s < 20


def test_what_cannot_be_heard_is_said(open_page, tmp_path):
    page = open_page(running_app(), DESKTOP, "?tab=long")
    (tmp_path / "notes.wav").write_text("this is no sound " * 20)
    choose(page, tmp_path / "notes.wav", "long")
    expect(page.locator("#long-said .answer")).to_contain_text("This is not a sound file")
    noise = 1e-3 * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE)
    soundfile.write(tmp_path / "noise.wav", noise, SAMPLE_RATE)
    choose(page, tmp_path / "noise.wav", "long")
    expect(page.locator("#long-said")).to_contain_text("No speech heard")
    expect(page.locator("#long-table tr")).to_have_count(0)


def test_the_envelope_does_not_depend_on_the_blocks(noise):
    def peaks(size: int) -> list[list[int]]:
        envelope = overview.Envelope()
        for start in range(0, len(noise), size):
            envelope.push(noise[start : start + size, None], SAMPLE_RATE)
        return envelope.peaks()

    whole = peaks(len(noise))
    assert len(whole) == round(len(noise) / SAMPLE_RATE / overview.PEAK_S)
    assert peaks(777) == whole == peaks(100)
    most = np.abs(noise).max()
    assert whole[0] == [round(100 * v / most) for v in (noise[:800].min(), noise[:800].max())]


def test_the_columns_are_the_track_and_silence_is_none(pipeline, turns):
    found = timeline(pipeline, (SAMPLE_RATE, turns.samples))
    columns = overview.columns(found)
    track = found.track()[1]
    assert len(columns) == len(track)
    for column, row in zip(columns, track, strict=True):
        if column is None:
            assert np.isnan(row).all()
        else:
            assert len(column) == len(LABELS)
            assert np.abs(np.array(column) - 100 * row).max() <= 0.5 + 1e-9


def test_how_long_it_takes_is_told_by_others_first_then_by_itself():
    assert remaining_s(0.0, 3600.0, 0.5, times=60.0) == 60.0
    assert remaining_s(900.0, 3600.0, 30.0, times=60.0) == 90.0
    assert remaining_s(900.0, None, 30.0, times=60.0) is None


def test_what_was_picked_is_a_row_or_a_stretch_of_the_channel_it_is_in(pipeline, turns):
    silence = np.zeros_like(turns.samples)
    both = np.stack([turns.samples, np.roll(turns.samples, len(silence) // 3)], axis=1)
    found = timeline(pipeline, (SAMPLE_RATE, both))
    assert found.channels == [1, 2]
    known = overview.Heard("talk.wav", found, overview.Envelope(), Setting(), 1.0)
    number = [s.channel for s in found.segments].index(2)
    part, row, told = picked_part({"number": number}, known)
    assert (part.path, row, part.weights) == ("talk.wav", number, (0.0, 1.0))
    assert part.start_s == found.segments[number].start_s
    assert str(found.segments[number].label or "no speech heard") in told
    part, row, told = picked_part({"start_s": 0.0, "end_s": 0.9}, known)
    assert (row, part.end_s, part.weights) == (None, 0.9, (0.5, 0.5))
    assert "nobody was heard there" in told


def test_segments_are_told_as_they_are_judged_and_none_is_missing(pipeline, turns):
    told, blocks = [], []
    found = timeline(
        pipeline,
        (SAMPLE_RATE, np.tile(turns.samples, 3)),
        on_block=lambda block, rate_hz: blocks.append(len(block)),
        on_segment=told.append,
    )
    assert sum(blocks) == 3 * len(turns.samples)
    assert 0 < len(told) <= len(found.segments)
    starts = [segment.start_s for segment in found.segments]
    assert [segment.start_s for segment in told] == starts[: len(told)]
