"""The page in English, German and Spanish: nothing is missing, and no sentence is half of each."""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from page import about, answer, compare, consent, details, overview
from page.correct import picked_part
from page.frame import BROWSER, build
from page.language import FOLDER, LAID_OUT, LANGUAGES, speaking
from page.listening import progress
from page.long import headline, on_adapting
from page.models import models
from ser.adaptation import Setting
from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.labels import LABELS
from ser.recordings.timeline import timeline
from ser.sound.audio import SAMPLE_RATE
from server.opening import language_of
from tests.page.app_server import PHONE, SCREENSHOTS, choose, chromium, running_app
from tests.page.visitor import CLIP

OTHERS = [language for language in LANGUAGES if language != "en"]
PLACES = re.compile(r"\{(\w+)[^}]*\}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def texts(language: str) -> dict[str, dict[str, str]]:
    return json.loads((FOLDER / f"{language}.json").read_text())


def test_every_language_has_the_same_sentences_with_the_same_places():
    assert OTHERS == ["de", "es"]
    for section in ("page", "heard"):
        keys = {language: set(texts(language)[section]) for language in OTHERS}
        assert keys["de"] == keys["es"]
        for language in OTHERS:
            for key, text in texts(language)[section].items():
                assert sorted(PLACES.findall(key)) == sorted(PLACES.findall(text)), key
                assert text.count("<") == key.count("<") and text.strip(), key


def test_what_the_scripts_say_is_in_every_language():
    said = set()
    for name, path in BROWSER.items():
        text = re.sub(r'"\s*\n\s*\+ "', "", path.read_text()) if name.endswith(".js") else ""
        said |= {json.loads(found) for found in re.findall(r'\bt\(\s*("(?:[^"\\]|\\.)*")', text)}
        for pair in re.findall(r'\bt\([^"()]*\? ("[^"]*") : ("[^"]*")', text):
            said |= set(map(json.loads, pair))
    assert len(said) > 60
    assert said - set(texts("de")["page"]) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_what_python_says_is_in_every_language(language, pipeline, turns):
    say = speaking(language)
    say.unknown.clear()
    build(pipeline)
    offered = models(pipeline)
    prediction = pipeline.predict(GOLDEN_CLIP)
    found = timeline(pipeline, (SAMPLE_RATE, turns.samples))
    known = overview.Heard("talk.wav", found, overview.Envelope(), Setting(), 50.0)
    again = replace(known, adapted=found)
    made = [
        answer.answer(prediction, offered[0], "clip", say=say),
        details.of_attention(prediction, say),
        *(details.stages(one.pipeline().predict(GOLDEN_CLIP), say) for one in offered),
        compare.beside(offered[:2], [prediction, prediction], say),
        about.chapters(prediction, offered, True, say),
        headline(known, say) + headline(again, say) + on_adapting(1, say) + on_adapting(9, say),
        picked_part({"number": 0}, known, say)[2],
        overview.table(found, {0: "sad", 1: "unsure"}, say),
        progress(3.0, 60.0, 5.0, found.segments, say),
        *(consent.consent("a/b", part, say) + consent.agree(part, say) for part in (True, False)),
    ]
    assert say.unknown == set()
    assert not any("\ue000" in text for text in made)
    assert {language for texts in LAID_OUT.values() for language in texts} == set(LANGUAGES)


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        ("Very short (0.6 s): a whole sentence gives a better answer.", "Sehr kurz (0,6 s)"),
        ("0.26 s is too short: please speak for at least a second.", "0,26 s sind zu kurz"),
        ("Cut off: 2.5 s were promised, 1.3 s are there.", "2,5 s waren angekündigt, 1,3 s sind"),
        ("Damaged after 0:12: only what comes before was heard.", "Ab 0:12 beschädigt"),
        ("There is no model of the name '1.5' here.", "mit dem Namen '1.5'"),
        ("Judged among sad, happy only: the others were left out.", "traurig, fröhlich"),
        ("Longer than 3 hours: please send a shorter part.", "Länger als 3 Stunden"),
        ("This is not a sound file known here: please send WAV, FLAC, OGG or MP3.", "OGG oder MP3"),
    ],
)
def test_what_ser_says_is_translated_with_its_values(sentence, german):
    assert german in speaking("de").translated(sentence)
    assert speaking("en").translated(sentence) == sentence


def test_a_sentence_without_translation_stays_english_as_a_whole_and_is_marked_so():
    assert speaking("de").heard("<New> words.") == '<span lang="en">&lt;New&gt; words.</span>'


def test_numbers_are_written_as_the_language_does():
    assert speaking("de")("{seconds:.1f} s", seconds=2.25) == "2,2 s"
    assert speaking("es")("{n:,}", n=12717) == "12.717"
    assert speaking("en")("{n:,}", n=12717) == "12,717"
    assert speaking("fr").language == "en"


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "", "de"),
        ("fr-FR,fr;q=0.9", "", "en"),
        ("fr,es;q=0.5,de;q=0.7", "", "de"),
        ("de;q=0, es;q=broken", "", "en"),
        ("", "", "en"),
        ("de", "tab=long&lang=es", "es"),
        ("de", "lang=xx", "de"),
    ],
)
def test_the_language_is_the_one_that_the_browser_wants_most(header, query, expected):
    scope = {"headers": [(b"accept-language", header.encode())], "query_string": query.encode()}
    assert language_of(scope, LANGUAGES) == expected


@pytest.mark.parametrize(("wanted", "sent", "h1"), [("de", "de", "Wie"), ("fr", "en", "How")])
def test_the_page_is_sent_in_one_language(wanted, sent, h1):
    request = urllib.request.Request(running_app().url, headers={"Accept-Language": wanted})
    with urllib.request.urlopen(request, timeout=30) as got:
        page = got.read().decode()
        assert got.headers["Content-Language"] == sent
    assert f'<html lang="{sent}"' in page
    assert f"\\u003ch1\\u003e{h1}" in page
    assert "\ue000" not in page and "\\ue000" not in page


def test_in_a_german_browser_all_is_german_gradios_own_words_too(browser):
    context = browser.new_context(viewport=PHONE, locale="de-DE")
    page = context.new_page()
    page.goto(running_app().url)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("h1")).to_have_text("Wie klingt eine Stimme?")
    expect(page.get_by_role("button", name="Aufnehmen", exact=True)).to_be_visible()
    choose(page, CLIP)
    said = page.locator("#said")
    expect(said).to_contain_text("Wahrgenommener Ausdruck")
    expect(said).to_contain_text("Spitzenpegel")
    expect(page.locator("footer")).to_contain_text("Über API verwenden")
    page.wait_for_timeout(1500)  # for the charts
    text = page.locator("body").inner_text()
    page.screenshot(path=SCREENSHOTS / "clip-german.png", full_page=True)
    names = set(LABELS) - {"neutral"}
    english = [word for word in (*names, "the", "and", "of") if re.search(rf"\b{word}\b", text)]
    assert english == []
    context.close()
