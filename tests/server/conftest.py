"""All that is served, in this process."""

import pytest
from fastapi.testclient import TestClient

from page.clip import EXAMPLES
from page.frame import BROWSER, build
from page.language import LAID_OUT
from server.api import add_endpoints
from server.health import Health
from server.live import Live
from server.mount import mount
from server.uploads import examples


@pytest.fixture(scope="module")
def mounted(pipeline):
    """The app with all its parts, tools for language models included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_MCP_SERVER", "True")
        page, sounds = build(pipeline), examples(EXAMPLES)
        add_endpoints(page, pipeline, "http://127.0.0.1/examples/low-and-slow.flac")
        yield mount(page, Health(pipeline), Live(pipeline), sounds, browser=BROWSER, texts=LAID_OUT)


@pytest.fixture(scope="module")
def client_of_mounted(mounted):
    """It can be opened once: so does its server of tools."""
    with TestClient(mounted) as client:
        yield client
