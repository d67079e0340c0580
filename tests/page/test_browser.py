"""The page without a server: in a real browser it says what Python says, and sends nothing."""

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from docs import make_browser
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.page.app_server import EXAMPLES, SCREENSHOTS, chromium_that_hears
from tests.small_runs import hearing_run

SPOKEN = EXAMPLES / "middle-and-lively.flac"
PHONE = {"width": 360, "height": 740}
SLOWLY_MS = 120_000.0  # 30 MB are read and compiled, on a busy machine


class Site:
    """A folder behind a server that knows three types of files, and what it was asked."""

    def __init__(self, folder: Path, header: tuple[str, str] | None = None):
        self.folder = folder
        self.asked: list[str] = []
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            extensions_map = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

            def end_headers(self) -> None:
                if header:
                    self.send_header(*header)
                super().end_headers()

            def log_message(self, *_: object) -> None:
                site.asked.append(f"{self.command} {self.path}")

        handler = functools.partial(Handler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def runtime() -> None:
    """What npm fetches. Xfail, not skip: npm may be missing where nothing else is (SER_NO_SKIP)."""
    try:
        make_browser.fetch_runtime()
    except ValueError as error:
        pytest.xfail(str(error))


@pytest.fixture(scope="module")
def site(runtime, tmp_path_factory) -> Iterator[Site]:
    """The page with the default model."""
    folder = tmp_path_factory.mktemp("site")
    make_browser.build(folder)
    site = Site(folder)
    yield site
    site.server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    with chromium_that_hears(SPOKEN, tmp_path_factory.mktemp("microphone")) as browser:
        yield browser


@pytest.fixture
def page(site, browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, permissions=["microphone"])
    yield opened(context.new_page(), site)
    context.close()


@pytest.fixture
def wav(speech, tmp_path) -> Path:
    """The golden clip, as every browser reads it."""
    soundfile.write(tmp_path / "golden.wav", speech, SAMPLE_RATE, "PCM_16")
    return tmp_path / "golden.wav"


def opened(page: Page, site: Site) -> Page:
    page.goto(site.url)
    expect(page.locator("#model")).to_contain_text("revision")
    return page


def choose(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)


def answered(page: Page) -> dict[str, float]:
    """Wait for an answer; the probability of each label."""
    expect(page.locator("#said")).to_be_focused(timeout=SLOWLY_MS)
    rows = page.locator("#answer tbody tr").all()
    return {
        row.get_attribute("data-label"): float(row.get_attribute("data-probability"))
        for row in rows
    }


def likeliest(found: dict[str, float]) -> str:
    return max(found, key=found.get)


def check_answer(found: dict[str, float], clip: Path, source, bound: float) -> None:
    expected = EmotionPipeline.from_pretrained(source).predict(clip).probabilities
    assert list(found) == sorted(found, key=found.get, reverse=True)
    bounds.assert_within(bound, [found[label] for label in LABELS], expected)


def test_it_says_what_python_says_and_how_long_it_took(page, wav):
    choose(page, wav)
    check_answer(answered(page), wav, None, bounds.ROUNDED_ANEW)
    expect(page.locator("#said")).to_contain_text("angry")
    took = page.locator("#took").inner_text()
    assert took.startswith("2.2 s of sound, judged in ")
    print(took)


def test_a_float32_model_says_it_to_the_same_1e_4(runtime, browser, speech, wav, tmp_path):
    """Though Chromium divides positive 16-bit samples by 32767, and negative ones by 32768."""
    hearing_run(tmp_path / "run", speech, np.random.default_rng(0).normal(0, 0.1, len(speech)))
    make_browser.build(tmp_path / "site", str(tmp_path / "run"))
    page = opened(browser.new_page(), Site(tmp_path / "site"))
    choose(page, wav)
    check_answer(answered(page), wav, tmp_path / "run", bounds.EXPORTED)
    page.close()


def test_nothing_leaves_the_device(site, page, wav):
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    n_before = len(site.asked)
    choose(page, wav)
    answered(page)
    assert {method for method, _ in asked} <= {"GET"}
    assert {urlsplit(url).netloc for _, url in asked} <= {urlsplit(site.url).netloc}
    files = {f"GET /{p.relative_to(site.folder)}" for p in site.folder.rglob("*")}
    assert {line.split("?")[0] for line in site.asked[n_before:]} <= files
    n_then = len(site.asked)
    choose(page, SPOKEN)
    expect(page.locator("#took")).to_contain_text("2.7 s of sound")
    assert len(site.asked) == n_then  # the model is there, and nothing is asked any more


def test_other_formats_rates_and_channels_are_read(page, speech, tmp_path):
    stereo = np.repeat(np.stack([speech, -speech], axis=1), 3, axis=0)  # both cancel
    soundfile.write(tmp_path / "stereo.flac", stereo, 3 * SAMPLE_RATE)
    choose(page, tmp_path / "stereo.flac")
    assert likeliest(answered(page)) == "angry"
    expect(page.locator("#took")).to_contain_text("2.2 s of sound")


def bad_files(folder: Path, speech: np.ndarray) -> dict[str, str]:
    """Files, and what is said of each."""
    sounds = {
        "silent": np.full(SAMPLE_RATE, 0.25),
        "short": speech[:3200],
        "long": np.tile(speech, 10),
    }
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, SAMPLE_RATE)
    (folder / "text.wav").write_text("this is no sound " * 20)
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "large.wav").write_bytes(bytes(21_000_000))
    return {
        "silent.wav": "It is silent",
        "short.wav": "It lasts 0.2 s; more than 0.3 s are needed",
        "long.wav": "It lasts 21.6 s; at most 15 s are judged here",
        "text.wav": "not a sound file that your browser can read",
        "empty.mp3": "not a sound file that your browser can read",
        "large.wav": "at most 20 MB",
    }


def test_what_cannot_be_judged_is_a_sentence_and_the_next_file_is_judged(
    page, speech, wav, tmp_path
):
    for name, sentence in bad_files(tmp_path, speech).items():
        choose(page, tmp_path / name)
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        expect(page.locator("#answer")).to_be_hidden()
        expect(page.get_by_role("status")).to_be_empty()
    choose(page, wav)
    answered(page)
    expect(page.get_by_role("alert")).to_be_empty()


def test_noise_is_no_speech(page, noise, tmp_path):
    soundfile.write(tmp_path / "noise.wav", noise, SAMPLE_RATE)
    choose(page, tmp_path / "noise.wav")
    assert answered(page) == {}
    expect(page.locator("#said")).to_contain_text("No speech heard")
    expect(page.get_by_role("table")).to_be_hidden()


def test_the_last_choice_is_the_one_that_is_shown(page, wav):
    choose(page, wav)
    choose(page, SPOKEN)
    answered(page)
    expect(page.locator("#took")).to_contain_text("2.7 s of sound")
    page.wait_for_timeout(1000)
    expect(page.locator("#took")).to_contain_text("2.7 s of sound")


def test_a_file_is_dropped(page, wav):
    data = page.evaluate_handle(
        """bytes => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "golden.wav")); return data; }""",
        list(wav.read_bytes()),
    )
    page.locator("main").dispatch_event("drop", {"dataTransfer": data})
    assert likeliest(answered(page)) == "angry"


def test_a_recording_is_judged(page):
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_contain_text("Recording: 0:03")
    page.get_by_role("button", name="Stop").click()
    assert set(answered(page)) == set(LABELS)
    expect(page.get_by_role("button", name="Record")).to_be_enabled()


def test_a_recording_ends_by_itself_when_it_is_long_enough(page):
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("status")).to_contain_text("Recording:")
    assert set(answered(page)) == set(LABELS)
    expect(page.locator("#took")).to_contain_text("14.")


def test_a_refused_microphone_is_a_sentence(site, browser, wav):
    refusing = Site(site.folder, ("Permissions-Policy", "microphone=()"))
    page = opened(browser.new_page(), refusing)
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("does not let this page use the microphone")
    choose(page, wav)
    answered(page)
    page.close()
    refusing.server.shutdown()


def test_a_model_that_cannot_be_fetched_is_a_sentence_and_is_fetched_again(site, page, wav):
    model, away = site.folder / "voice.onnx", site.folder / "away"
    model.rename(away)
    try:
        choose(page, wav)
        expect(page.get_by_role("alert")).to_contain_text("The model cannot be loaded")
    finally:
        away.rename(model)
    choose(page, wav)
    answered(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(page, wav, scheme):
    page.emulate_media(color_scheme=scheme)
    choose(page, wav)
    answered(page)
    page.screenshot(path=SCREENSHOTS / f"browser-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [f"{v['id']}: {v['help']}" for v in Axe().run(page).response["violations"]] == []


def test_all_is_reached_by_keyboard(page, wav):
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Record")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose or drop a file")).to_be_focused()
    page.evaluate(  # a dialog of the system's, which no test sees
        """() => document.getElementById("file").addEventListener(
        "click", (event) => { event.preventDefault(); window.isAsked = true; })"""
    )
    page.keyboard.press("Enter")
    page.wait_for_function("window.isAsked")
    page.locator("input[type=file]").set_input_files(wav)
    answered(page)


def test_licences_are_on_the_page_and_beside_it(site, page):
    expect(page.get_by_role("link", name="CC BY-NC-SA 4.0")).to_be_visible()
    licences = (site.folder / "licences.txt").read_text()
    for words in ("CC BY-NC-SA", "OpenAI", "Silero", "Microsoft Corporation", "Apache License"):
        assert words in licences, words


def test_the_runtime_is_pinned_by_version_and_hash():
    wanted = json.loads((make_browser.PAGE / "package.json").read_text())["dependencies"]
    locked = json.loads((make_browser.PAGE / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all(part["integrity"].startswith("sha512-") for name, part in locked.items() if name)


def test_a_model_that_the_page_does_not_tell_of_is_refused(runtime, tmp_path):
    with pytest.raises(ValueError, match="version 2 of the front-end"):
        make_browser.build(tmp_path, "founding")


def test_without_npm_it_is_a_sentence(tmp_path, monkeypatch, capsys):
    shutil.copyfile(make_browser.PAGE / "package.json", tmp_path / "package.json")
    monkeypatch.setattr(make_browser, "PAGE", tmp_path)
    monkeypatch.setattr(make_browser, "RUNTIME", tmp_path / "node_modules" / "onnxruntime-web")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["make_browser", str(tmp_path / "site")])
    assert make_browser.main() == 1
    assert "npm, which is not installed" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
