"""The part "Many": a list of files, judged one by one."""

import csv
import shutil
from collections.abc import Iterator

import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect

from page.many import N_FILES
from tests.page.app_server import (
    DESKTOP,
    EXAMPLES,
    PHONE,
    SCREENSHOTS,
    chromium,
    running_app,
    start_app,
)

SOUNDS = sorted(EXAMPLES.glob("*.flac"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def choose_all(page: Page, paths) -> None:
    page.locator("#many input[type=file]").set_input_files(paths)


def test_ten_files_are_listed_sorted_opened_and_taken_away(open_page, tmp_path):
    page = open_page(running_app(), PHONE, "?tab=many")
    (tmp_path / "notes.wav").write_text("this is no sound " * 20)
    copies = [shutil.copy(path, tmp_path / f"again {path.name}") for path in SOUNDS[:3]]
    choose_all(page, [tmp_path / "notes.wav", *SOUNDS, *copies])
    headline = page.locator("#many-said .answer")
    expect(headline).to_have_text("9 of 10 judged, 1 could not be")
    expect(headline).to_be_focused()
    rows = page.locator("#many-table tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("This is not a sound file")
    page.get_by_label("Sort by").select_option("sure")
    sure = [float(row.get_attribute("data-sure")) for row in rows.all()]
    assert sure == sorted(sure)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.screenshot(path=SCREENSHOTS / "many-phone.png", full_page=True)
    with page.expect_download() as got:
        page.locator("#many-files a[download]").first.click()
    with got.value.path().open() as file:
        table = list(csv.DictReader(file))
    assert [row["file"] for row in table][:2] == ["notes.wav", SOUNDS[0].name]
    assert table[0]["error"] and not table[1]["error"]
    most = rows.last
    label = most.get_attribute("data-label")
    most.get_by_role("button", name="Open").click()
    expect(page.locator("#part-clip")).to_be_visible()
    expect(page.locator("#said .answer")).to_contain_text(label)


def test_a_folder_gives_its_sounds_and_what_failed_is_tried_again(open_page, tmp_path):
    (tmp_path / "voices" / "deep").mkdir(parents=True)
    shutil.copy(SOUNDS[0], tmp_path / "voices" / "deep" / "one.flac")
    shutil.copy(SOUNDS[1], tmp_path / "voices" / "two.flac")
    (tmp_path / "voices" / "list.txt").write_text("one, two")
    (tmp_path / "voices" / "broken.wav").write_text("no sound")
    with start_app(tmp_path / "app", {}) as app:
        page = open_page(app, DESKTOP, "?tab=many")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose a folder").click()
        chooser.value.set_files(tmp_path / "voices")
        expect(page.locator("#many-said .answer")).to_contain_text("2 of 3 judged")
        (broken,) = app.folder.rglob("broken.wav")
        shutil.copy(SOUNDS[2], broken)
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#many-said .answer")).to_have_text("3 of 3 judged")
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    page.screenshot(path=SCREENSHOTS / "many-desktop.png", full_page=True)


def test_cancel_keeps_what_was_judged_and_the_rest_is_judged_later(open_page, tmp_path):
    samples, rate_hz = soundfile.read(SOUNDS[0])
    paths = [tmp_path / f"{number:02d}.wav" for number in range(12)]
    for path in paths:
        soundfile.write(path, [*samples] * 20, rate_hz)  # a minute each
    page = open_page(running_app(), DESKTOP, "?tab=many")
    choose_all(page, paths)
    rows = page.locator("#many-table tbody tr")
    expect(rows).to_have_count(12)
    expect(page.locator("#many-table tr[data-label]:not([data-label=''])").first).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#many [role=status]")).to_have_text("Cancelled.")
    expect(page.locator("#many-going")).to_be_empty()
    page.wait_for_timeout(1500)
    judged = page.locator("#many-table tbody tr[data-label]:not([data-label=''])").count()
    assert 0 < judged < 12
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#many-said .answer")).to_have_text("12 of 12 judged", timeout=60_000)


def test_too_many_are_refused_before_they_are_sent(open_page, tmp_path):
    page = open_page(running_app(), DESKTOP, "?tab=many")
    paths = [tmp_path / f"{number}.wav" for number in range(N_FILES + 1)]
    for path in paths:
        path.write_bytes(b"RIFF")
    choose_all(page, paths)
    problem = page.locator("#many [role=alert]")
    expect(problem).to_contain_text(f"These are {N_FILES + 1} files; at most {N_FILES}")
    expect(page.locator("#many-table tr")).to_have_count(0)
