"""What the server puts into the page as it sends it: its language, its words, its head."""

import json

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from server.opening import Opening

MARK, UNMARKED = "\ue0000123456789abcdef\ue001", "\ue000 no mark"
WORDS = {MARK: {"en": 'Say "hello"', "de": "Sag </script> & „hallo“"}}
PAGE = f"""<html
	lang="en"
><head><meta property="og:title" content="Gradio"></head><body><script>
config = {json.dumps({"value": MARK, "other": UNMARKED}, ensure_ascii=False)};</script>
</body></html>"""


@pytest.fixture
def client() -> TestClient:
    async def page(request):
        return HTMLResponse(PAGE)

    async def other(request):
        return PlainTextResponse(MARK)

    paths = ("/", "/config", "/manifest.json")
    app = Starlette(routes=[*(Route(path, page) for path in paths), Route("/other", other)])
    return TestClient(Opening(app, '<script>lang = "{language}"</script>', WORDS))


@pytest.mark.parametrize("path", ["/", "/config", "/manifest.json", "/?lang=de"])
def test_the_words_stand_in_the_place_of_their_mark(client, path):
    got = client.get(path, headers={"Accept-Language": "de-DE,en;q=0.5"})
    assert '<html lang="de"' in got.text and '<head><script>lang = "de"</script>' in got.text
    assert "og:title" not in got.text
    assert "</script> &" not in got.text  # it would end the script
    config = got.text.partition("config = ")[2].partition(";</script>")[0]
    assert json.loads(config) == {"value": WORDS[MARK]["de"], "other": UNMARKED}
    assert int(got.headers["Content-Length"]) == len(got.content)
    assert (got.headers["Content-Language"], got.headers["Vary"]) == ("de", "accept-language")


def test_a_quotation_mark_does_not_end_the_string(client):
    text = client.get("/", headers={"Accept-Language": "fr"}).text
    config = text.partition("config = ")[2].partition(";</script>")[0]
    assert json.loads(config)["value"] == 'Say "hello"' and 'lang="en"' in text


def test_everything_else_is_handed_on_as_it_is(client):
    assert client.get("/other").text == MARK
