"""What browsers may do with an answer, and parts of files."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from page.frame import PARTS
from tests.page.app_server import DESKTOP, EXAMPLES, choose, chromium, running_app
from tests.server.raw import ask
from tests.server.test_api import upload

CLIP = EXAMPLES / "low-and-slow.flac"
PATHS = [
    "/",
    "/health",
    "/examples/low-and-slow.flac",
    "/gradio_api/info",
    "/nothing",
    "/theme.css",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def sent() -> str:
    """The address of an upload."""
    url = running_app().url
    return f"{url}/gradio_api/file={upload(url, CLIP)}"


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_says_what_a_browser_may_do_with_it(path):
    _, headers, _ = ask(running_app().url + path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "microphone=(self)" in headers["permissions-policy"]
    policy = headers["content-security-policy"]
    (ancestors,) = re.findall(r"frame-ancestors ([^;]+)", policy)
    assert ancestors.split() == ["'self'", *ancestors.split()[1:]]
    assert {"https://huggingface.co", "https://*.hf.space"} <= set(ancestors.split())
    assert "x-frame-options" not in headers  # which knows no such list


def test_what_a_visitor_sent_is_no_page_whatever_it_is(sent):
    _, headers, body = ask(sent)
    assert "sandbox" in headers["content-security-policy"] and body == CLIP.read_bytes()
    url = running_app().url
    name = upload(url, CLIP.with_name("README.md"))
    _, headers, _ = ask(f"{url}/gradio_api/file={name}")
    assert headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=5-", slice(5, None)), ("bytes=-7", slice(-7, None))],
)
@pytest.mark.parametrize("which", ["of ours", "of a visitor"])
def test_a_part_of_a_file(sent, which, asked, part):
    url = f"{running_app().url}/examples/{CLIP.name}" if which == "of ours" else sent
    status, headers, body = ask(url, Range=asked, X_Secret="a")
    assert status == 206 and body == CLIP.read_bytes()[part]
    assert headers["content-range"].endswith(f"/{CLIP.stat().st_size}")
    assert "x-secret" not in headers and "host" not in headers


@pytest.mark.parametrize(
    "asked",
    ["bytes=a-b", "bytes=1-2-3", "bytes=9-2", "bytes=99999999-", "lines=1-2", "bytes=", "-", "1-2"],
)
@pytest.mark.parametrize("which", ["of ours", "of a visitor"])
def test_a_part_that_there_is_not(sent, which, asked):
    url = f"{running_app().url}/examples/{CLIP.name}" if which == "of ours" else sent
    assert ask(url, Range=asked)[0] == 416
    assert "Traceback" not in running_app().log.read_text()


def test_no_part_of_the_page_does_what_its_policy_forbids(open_page):
    page = open_page(running_app(), DESKTOP)
    page.add_init_script("""window.broken = [];
        document.addEventListener("securitypolicyviolation", (event) =>
            window.broken.push(`${event.violatedDirective} ${event.blockedURI}`));""")
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("response", lambda answer: told.append(f"{answer.status} {answer.url}"))
    page.reload()
    page.locator("voice-source .choice").first.wait_for()
    choose(page, CLIP)
    expect(page.locator("#said")).to_contain_text("Perceived expression:")
    expect(page.locator(".js-plotly-plot:visible")).to_have_count(2)
    page.get_by_role("button", name="Play").first.click()
    for part, name in PARTS.items():
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator(f"#part-{part}")).to_be_visible()
    choose_in = {"long": "#long-said", "compare": "#compare-said", "many": "#many-said"}
    for part, said in choose_in.items():
        page.get_by_role("link", name=PARTS[part], exact=True).click()
        choose(page, CLIP, part)
        expect(page.locator(f"{said} .answer")).to_be_visible()
    page.get_by_role("button", name="Use via API").click()
    expect(page.locator("pre:visible", has_text="gradio_client").first).to_be_visible()
    assert page.evaluate("window.broken") == []
    switched_off = ("/monitoring/summary", "/gradio_api/mcp/schema")  # asked for all the same
    missed = [text for text in told if text.startswith("404") and not text.endswith(switched_off)]
    assert missed == [] and not [text for text in told if "Content Security Policy" in text]
