"""The parts "Compare" and "About"."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from page import about, models, trust
from page.compare import agreement
from page.figures import mistaken_for
from ser.checkpoints import checkpoint
from ser.labels import EMOTIONS, LABELS
from ser.sentences import percent
from tests.page.app_server import (
    DESKTOP,
    EXAMPLES,
    PHONE,
    SCREENSHOTS,
    choose,
    chromium,
    running_app,
    start_app,
)

SPOKEN = EXAMPLES / "middle-and-lively.flac"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_two_models_answer_beside_each_other(open_page):
    page = open_page(running_app(), PHONE, "?tab=compare")
    choose(page, SPOKEN, "compare")
    said = page.locator("#compare-said")
    expect(said.locator(".answer")).to_be_focused()
    expect(said).to_contain_text("right with unheard actors")
    rows = said.locator("tbody tr")
    expect(rows).to_have_count(8)
    for row in rows.all():
        first, second, points = (cell.inner_text().strip() for cell in row.locator("td").all())
        if "under" not in first + second:
            gap = int(second.split("\u00a0")[0]) - int(first.split("\u00a0")[0])
            assert int(points) == gap
    expect(page.locator("#compare-time canvas")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.screenshot(path=SCREENSHOTS / "compare-phone.png", full_page=True)


def test_another_choice_is_judged_on_the_same_clip(open_page):
    page = open_page(running_app(), DESKTOP, "?tab=compare")
    choose(page, SPOKEN, "compare")
    expect(page.locator("#compare-said .answer")).to_be_focused()
    page.get_by_label("First model").click()
    page.get_by_role("option", name="founding LSTM").click()
    expect(page.locator("#compare-said .points")).to_have_text(["+0"] * 8)
    expect(page.locator("#compare-said .answer")).to_contain_text("Both hear")
    page.screenshot(path=SCREENSHOTS / "compare-desktop.png", full_page=True)


def test_whether_two_answers_agree(prediction):
    def of(first: str, second: str):
        p = np.full(8, 0.01)
        p[LABELS.index(first)], p[LABELS.index(second)] = 0.6, 0.34
        return replace(prediction, probabilities=p)

    assert agreement([of("sad", "calm"), of("sad", "happy")]) == ("Both hear sad.", "")
    assert agreement([of("sad", "calm"), of("angry", "calm")])[0] == "They disagree: sad or angry."
    assert agreement([of("sad", "calm"), of("calm", "sad")])[1].endswith(
        "the other's answer second."
    )


def test_models_of_the_hub_are_loaded_only_where_it_is_allowed(pipeline, hub):
    offered = models.models(pipeline)
    assert models.named("default", offered, takes_hub=False) is offered[0]
    with pytest.raises(ValueError, match="no model of the name 'user/voice' here"):
        models.named("user/voice", offered, takes_hub=False)
    with pytest.raises(ValueError, match="no model of the name '/etc' here"):
        models.named("/etc", offered, takes_hub=True)
    with pytest.raises(ValueError, match="user/voice"):  # asked for, and not there
        models.named("user/voice", offered, takes_hub=True)


def test_about_tells_how_often_an_answer_was_right_by_its_confidence(pipeline):
    offered = models.models(pipeline)
    known = json.loads((Path(trust.__file__).parent / "measured.json").read_text())
    steps = known["reliability"][trust.recipe(offered[0])]
    text = trust.reliability(offered[0])
    for where in ("home", "abroad"):
        for step in steps[where]:
            assert f"<td>{percent(step['right'])}</td><td>{percent(step['share'])}</td>" in text
    assert text.count("<circle") == sum(s["share"] >= trust.FEW for w in steps.values() for s in w)
    told = trust.other_sound(offered)
    assert "elder of default" in told and "not measured under its own name" in told
    assert told.count("telephone, 300 to 3400 Hz") == len(
        {r["recipe"] for r in known["robustness"]}
    )


def test_no_two_models_have_one_name_and_each_has_one(pipeline):
    names = [one.name for one in models.models(pipeline)]
    assert len(set(names)) == len(names) and names[0] == "default" and "founding LSTM" in names


def test_what_is_mistaken_for_what_is_read_from_the_column():
    confusion = np.zeros((8, 8), int)
    confusion[0, 0], confusion[3, 0], confusion[1, 0] = 60, 30, 10  # meant sad, said neutral
    row = {"scope": "recipe-crossval", "part": "test", "protocol": "emobox-6fold"}
    metrics = [row | {"confusion": confusion.tolist()}]
    assert mistaken_for(metrics, EMOTIONS[0]) == (EMOTIONS[3], 0.3)
    assert mistaken_for(metrics, EMOTIONS[1]) is None
    assert mistaken_for([], EMOTIONS[0]) is None


def test_about_is_read_on_a_phone(open_page):
    page = open_page(running_app(), PHONE, "?tab=about")
    part = page.locator("#about")
    expect(part).to_contain_text("the EU AI Act prohibits that")
    expect(part).to_contain_text("deleted within 10 minutes")
    expect(part.locator(".steps figure")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("document.documentElement.scrollHeight") < 8 * PHONE["height"]
    page.screenshot(path=SCREENSHOTS / "about-phone.png", full_page=True)
    for title in part.locator("summary").all():
        inside = title.locator("xpath=..").locator("table").first
        expect(inside).to_be_hidden()
        title.press("Enter")
        expect(inside).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_about_gives_the_figures_of_the_metrics():
    metrics = checkpoint.told("best").metrics
    row = checkpoint.expected_row(metrics)
    told = re.findall(r'class="share">(\d+)', about.recalls(metrics))
    assert told == [f"{100 * row['per_class'][name]:.0f}" for name in LABELS]
    cells = re.findall(r"--share:[\d.]+\">(\d+)</td>", about.confusions(metrics))
    counts = np.array(row["confusion"])
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    assert cells == [f"{share:.0f}" for share in shares.ravel()]
    assert f"{100 * row['coverage']['0.5']:.0f}" in about.trusted(metrics)
    assert "RAVDESS song" in about.corpora(metrics)


def test_about_says_where_nothing_was_measured():
    assert about.protocol([]) == "<p>Not measured yet.</p>"
    assert not any(f([]) for f in (about.recalls, about.trusted, about.confusions, about.corpora))


def test_the_program_on_about_runs_as_it_stands(open_page, tmp_path):
    page = open_page(running_app(), DESKTOP, "?tab=about")
    program = page.locator("#about pre").inner_text()
    assert running_app().url in program
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^({'|'.join(LABELS)}) \{{", done.stdout, re.MULTILINE)


def test_strangers_cannot_have_a_model_of_the_hub_loaded(tmp_path):
    with start_app(tmp_path, {}) as app:
        text = Client(app.url, verbose=False).view_api(return_format="dict", print_info=False)
        assert "compare" not in str(text)
