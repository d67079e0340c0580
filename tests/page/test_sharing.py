"""Sharing and taking back in the browser, with the app and a Hub in processes of their own."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, expect
from starlette.requests import Request

from page import sharing
from page.consent import agree, consent
from page.language import LANGUAGES, speaking
from ser.feedback.queue import CONSENT_VERSION
from ser.labels import LABELS
from ser.pipeline import GOLDEN_TOLERANCE, EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from server.visitors import Visitors
from tests.bounds import SIXTEEN_BITS
from tests.hub.server import Hub
from tests.page.app_server import (
    ANSWER_S,
    DESKTOP,
    PHONE,
    SCREENSHOTS,
    RunningApp,
    choose,
    chromium,
    running_app,
    start_app,
)
from tests.page.visitor import (
    CLIP,
    MODEL,
    OTHER_CLIP,
    SENTENCE,
    TOKEN,
    VOICES,
    config,
    listen,
    parts,
    row_of,
    rows,
    settings,
    share,
    share_button,
    status_says,
    take_back,
)
from tests.small_runs import make_checkpoint


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Hub]:
    """A Hub that holds a published model."""
    folder = tmp_path_factory.mktemp("hub")
    with Hub(folder) as running:
        files = make_checkpoint(folder / "model").iterdir()
        running.create("model", MODEL).commit({path.name: path.read_bytes() for path in files})
        yield running


@pytest.fixture(scope="module")
def app(hub, tmp_path_factory) -> Iterator[RunningApp]:
    """The app as a maintainer starts it: a model and a dataset of the Hub, and a token."""
    folder = tmp_path_factory.mktemp("app")
    with start_app(folder, settings(hub) | {"SER_MODEL": MODEL}) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


# --- sharing ----------------------------------------------------------------------------------


def test_a_recording_is_queued_then_saved_with_its_label(hub, app, open_page):
    page = open_page(app, DESKTOP)
    assert page.locator("#share").count() == 0  # nothing is asked before there is an answer
    listen(page)
    page.get_by_role("radio", name="sad").check()
    consent = page.locator("#consent")
    for words in (VOICES, "until you take it back", "cannot forget", "No name, no address"):
        expect(consent).to_contain_text(words)
    expect(page.get_by_role("group", name=sharing.QUESTION)).to_be_visible()
    hub.fail(hang=True, path="*/commit/*")
    receipt = share(page, "sad")
    status_says(page, "Queued")
    assert rows(hub) == []
    page.screenshot(path=SCREENSHOTS / "sharing-desktop.png", full_page=True)
    hub.heal()
    status_says(page, "Saved")
    row = row_of(hub, receipt)
    repo = hub.repo("dataset", VOICES)
    assert repo.private and row["label"] == "sad"
    assert (row["model"], row["revision"]) == (MODEL, commit(hub))
    sound = repo.files("main")[f"train/{row['file_name']}"]
    assert hashlib.sha256(sound).hexdigest() == row["audio_sha256"]
    np.testing.assert_allclose(load_audio(sound), load_audio(CLIP), atol=SIXTEEN_BITS)
    expect(page.get_by_label("I am 18 or older")).not_to_be_checked()


def test_a_double_click_gives_one_and_a_second_recording_another(hub, app, open_page):
    n_rows = len(rows(hub))
    page = open_page(app, DESKTOP)
    listen(page)
    page.get_by_role("radio", name="The answer was right").check()
    page.get_by_label("I am 18 or older").check()
    share_button(page).dblclick()
    status_says(page, "Saved")
    first = page.locator("#receipt textarea").input_value()
    expect(share_button(page)).to_be_disabled()
    (app.folder.parent / "notes.wav").write_text("this is no sound " * 20)
    choose(page, app.folder.parent / "notes.wav")
    expect(page.locator("#share")).to_have_count(0)
    expect(page.locator("#receipt textarea")).to_have_value(first)
    listen(page, OTHER_CLIP)
    second = share(page, "I can't tell")
    status_says(page, "Saved")
    expect(page.locator("#earlier")).to_contain_text(first)
    assert len(rows(hub)) == n_rows + 2
    first_row, second_row = row_of(hub, first), row_of(hub, second)
    assert first_row["label"] == LABELS[int(np.argmax(first_row["probabilities"]))]
    assert second_row["label"] is None
    assert first_row["visit"] == second_row["visit"]
    assert len({row["visit"] for row in rows(hub)}) == 2  # this page, and the one before


def test_right_means_the_answer_that_shows_whoever_gave_it(hub, app, open_page):
    founding = EmotionPipeline.from_pretrained("founding")
    page = open_page(app, DESKTOP)
    listen(page)
    said = page.locator("#said .answer")  # beside it stands, for a while, how long it takes
    before = said.inner_text()
    page.get_by_role("button", name="Who answers").click()
    page.get_by_role("radio", name="founding").check()
    expect(said).not_to_have_text(before)
    receipt = share(page, "The answer was right")
    status_says(page, "Saved")
    row = row_of(hub, receipt)
    answer = founding.predict(CLIP)
    assert (row["model"], row["revision"]) == ("founding", founding.checkpoint.revision)
    assert row["label"] == answer.emotion.name
    np.testing.assert_allclose(row["probabilities"], answer.probabilities, atol=GOLDEN_TOLERANCE)


def test_without_consent_or_choice_nothing_is_stored(hub, app, open_page):
    n_rows = len(rows(hub))
    page = open_page(app, DESKTOP)
    listen(page)
    problem = page.locator("#share-problem")
    expect(share_button(page)).to_have_count(0)
    page.get_by_role("radio", name="happy").check()
    share_button(page).click()
    expect(problem).to_contain_text(sharing.UNTICKED)
    for path in app.folder.rglob("*.flac"):
        path.unlink()  # as the sweeper does in time
    page.get_by_label("I am 18 or older").check()
    share_button(page).click()
    expect(problem).to_contain_text("has been deleted by now")
    expect(share_button(page)).to_be_enabled()
    assert page.locator("#receipt").count() == 0
    assert len(rows(hub)) == n_rows


def test_a_machines_voice_is_not_offered_for_sharing(app, open_page):
    page = open_page(app, DESKTOP)
    listen(page)
    page.get_by_role("button", name="high and slow").click()
    expect(page.locator("#share")).to_have_count(0)
    expect(page.locator("#said")).to_contain_text(SENTENCE)


def test_what_is_shared_while_the_hub_is_down_is_saved_when_it_is_back(hub, app, open_page):
    page = open_page(app, DESKTOP)
    listen(page)
    hub.down()
    receipt = share(page, "angry")
    status_says(page, "Queued")
    page.wait_for_timeout(1000)  # tries that fail
    status_says(page, "Queued")
    hub.up()
    status_says(page, "Saved")
    assert row_of(hub, receipt)["label"] == "angry"


def test_one_utterance_is_shared_alone_and_what_nobody_was_heard_in(hub, app, open_page, turns):
    path = app.folder.parent / "talk.flac"
    soundfile.write(path, turns.samples, SAMPLE_RATE)
    page = open_page(app, DESKTOP, "?tab=long")
    choose(page, path, "long")
    row = page.locator("#long-table tbody tr").nth(1)
    row.get_by_role("button", name="I hear").click()
    form = page.locator("#long-share")
    form.get_by_role("radio", name="sad").check()
    expect(page.locator("#long-consent")).to_contain_text("Other people's voices")
    expect(page.locator("#long-consent")).to_contain_text("nothing else of the recording")
    button = page.get_by_role("button", name="Share this utterance")
    button.click()
    expect(page.locator("#long-share-problem")).to_contain_text(sharing.UNTICKED)
    form.get_by_label("I am 18 or older").check()
    button.click()
    expect(page.locator("#long-share-status")).to_contain_text("Saved")
    page.screenshot(path=SCREENSHOTS / "long-shared.png", full_page=True)
    shared = row_of(hub, page.locator("#long-receipt textarea").input_value())
    assert shared["label"] == "sad" and shared["consent_language"] == "en"
    times_s = [float(row.get_attribute(f"data-{end}")) for end in ("start", "end")]
    first, stop = (round(time_s * SAMPLE_RATE) for time_s in times_s)
    np.testing.assert_allclose(
        stored(hub, shared), turns.samples[first:stop], atol=SIXTEEN_BITS, rtol=0
    )

    page.get_by_role("button", name="This was speech").click()  # at 0 s, before the first word
    expect(page.locator("#long-part")).to_contain_text("nobody was heard there")
    page.get_by_label("To, in seconds").fill("0.9")
    form.get_by_role("radio", name="I can't tell").check()
    form.get_by_label("I am 18 or older").check()
    button.click()
    expect(page.locator("#long-earlier")).to_be_visible()
    expect(page.locator("#long-share-status")).to_contain_text("Saved")
    shared = row_of(hub, page.locator("#long-receipt textarea").input_value())
    assert shared["label"] is None
    assert len(stored(hub, shared)) == round(0.9 * SAMPLE_RATE)


# --- taking back ------------------------------------------------------------------------------


def test_a_receipt_takes_the_recording_back_from_dataset_and_history(hub, app, open_page, tmp_path):
    samples, rate_hz = soundfile.read(CLIP)
    soundfile.write(tmp_path / "mine.wav", samples[: int(1.9 * rate_hz)], rate_hz)
    page = open_page(app, DESKTOP)
    listen(page, tmp_path / "mine.wav")
    receipt = share(page, "calm")
    status_says(page, "Saved")
    row = row_of(hub, receipt)
    n_rows = len(rows(hub))
    repo = hub.repo("dataset", VOICES)
    assert repo.history_contains(row["audio_sha256"])

    another = open_page(app, PHONE, "?__theme=dark")  # with the receipt alone, and no prediction
    take_back(another, "my receipt")
    expect(another.locator("#take-status")).to_contain_text("That is no receipt")
    hub.down()
    take_back(another, f" {receipt} ")
    expect(another.locator("#take-status")).to_contain_text("as soon as the Hub answers")
    another.screenshot(path=SCREENSHOTS / "taking-back-phone-dark.png", full_page=True)
    hub.up()
    expect(another.locator("#take-status")).to_contain_text("Gone")
    assert len(rows(hub)) == n_rows - 1
    assert not repo.history_contains(row["audio_sha256"])
    assert not repo.history_contains(row["receipt_sha256"].encode())


def test_what_was_shared_in_this_page_is_taken_back_in_it(hub, app, open_page):
    n_rows = len(rows(hub))
    page = open_page(app, PHONE)
    listen(page)
    receipt = share(page, "fearful")
    take_back(page, receipt)
    status_says(page, "Gone")
    assert len(rows(hub)) == n_rows
    page.screenshot(path=SCREENSHOTS / "sharing-phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


# --- the app ----------------------------------------------------------------------------------


def stored(hub: Hub, row: dict) -> np.ndarray:
    """The samples of what was shared."""
    sound = hub.repo("dataset", VOICES).files("main")[f"train/{row['file_name']}"]
    return load_audio(sound)


def commit(hub: Hub) -> str:
    return hub.repo("model", MODEL).commits("main")[0].id


def test_a_model_of_the_hub_answers_and_its_commit_is_shown(hub, app, open_page):
    foot = open_page(app, DESKTOP).locator("#foot")
    expect(foot).to_contain_text(f"{MODEL} (attention_lstm)")
    expect(foot).to_contain_text(commit(hub))
    answer = Client(app.url, verbose=False).predict(handle_file(str(CLIP)), api_name="/predict")
    assert answer["model"] == {"name": MODEL, "revision": commit(hub)}


def test_sharing_is_no_part_of_the_api(app):
    endpoints = Client(app.url, verbose=False).view_api(return_format="dict", print_info=False)
    assert set(endpoints["named_endpoints"]) == {"/predict", "/timeline", "/predict_files"}
    assert not endpoints["unnamed_endpoints"]


def test_no_token_in_the_page_its_config_or_the_log(app, open_page):
    page = open_page(app, DESKTOP)
    listen(page)
    assert app.log.read_text()
    for text in (page.content(), config(app), app.log.read_text()):
        assert TOKEN not in text


def test_without_a_dataset_nothing_of_it_is_on_the_page():
    text = parts(running_app())
    assert "perceived expression" in text
    assert "receipt" not in text and "share it" not in text and "Share" not in text


def test_without_token_and_hub_the_page_starts_says_so_and_takes_no_recordings(hub, tmp_path):
    hub.down()
    model = {"SER_MODEL": "user/never-fetched"}
    with start_app(tmp_path, settings(hub, token=None) | model) as running:
        hub.up()  # for the other tests, whatever this one finds
        text = parts(running)
        assert "user/never-fetched" in text and "the embedded default answers" in text
        assert "the embedded default answers" in running.log.read_text()
        assert "receipt" not in text


def test_with_a_damaged_journal_the_app_answers_takes_no_recordings_and_says_so(hub, tmp_path):
    (tmp_path / "feedback").mkdir()
    (tmp_path / "feedback" / "journal.jsonl").write_text("{\n")
    with start_app(tmp_path, settings(hub)) as running:
        text = parts(running)
        assert sharing.OUT_OF_ORDER in text and "receipt" not in text
        assert "line 1 is damaged" in running.log.read_text()
        answer = Client(running.url, verbose=False).predict(
            handle_file(str(CLIP)), api_name="/predict"
        )
        assert answer["label"]


def test_killed_right_after_the_receipt_nothing_is_lost_or_doubled(hub, open_page, tmp_path):
    repo = "user/other-voices"
    hub.down()
    first = start_app(tmp_path, settings(hub, repo))
    page = open_page(first, PHONE, "?__theme=dark")
    listen(page)
    receipt = share(page, "surprised")
    first.kill()
    page.close()
    hub.up()
    assert rows(hub, repo) == []
    with start_app(tmp_path, settings(hub, repo)) as second:
        deadline = time.monotonic() + ANSWER_S
        while not rows(hub, repo) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)  # for a second row that must not come
        (row,) = rows(hub, repo)
        assert row == row_of(hub, receipt, repo) and row["label"] == "surprised"
        page = open_page(second, DESKTOP)
        take_back(page, receipt)
        expect(page.locator("#take-status")).to_contain_text("Gone")
        page.close()
        assert rows(hub, repo) == []
        assert TOKEN not in second.log.read_text()


def test_whoever_changes_the_consent_text_raises_its_version():
    kinds = [(is_part, speaking(name)) for is_part in (False, True) for name in LANGUAGES]
    text = "".join(consent(VOICES, *kind) + agree(*kind) for kind in kinds)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (CONSENT_VERSION, digest) == ("2", "248351682b904c6d")


@pytest.mark.parametrize(
    ("n_proxies", "forwarded", "expected"),
    [
        (0, None, "10.0.0.1"),
        (0, "203.0.113.9", "10.0.0.1"),  # which anybody may write
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
    ],
)
def test_a_visitor_is_counted_by_an_address_that_nobody_can_invent(n_proxies, forwarded, expected):
    found = []

    async def app(scope, receive, send):
        found.append(sharing.address(gr.Request(Request(scope))))

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asked = Visitors(app, n_proxies)({**scope, "client": ("10.0.0.1", 9)}, None, None)
    with ThreadPoolExecutor(1) as aside:  # Playwright's own loop runs in this thread
        aside.submit(asyncio.run, asked).result()
    assert found == [expected]
