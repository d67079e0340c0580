"""The Model Context Protocol server, through the real client over a real connection."""

import asyncio
import base64
import json

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from ser.labels import LABELS
from tests.page.app_server import EXAMPLES, running_app, start_app
from tests.schema import check

CLIP = EXAMPLES / "low-and-slow.flac"
SOUND = "data:audio/flac;base64," + base64.b64encode(CLIP.read_bytes()).decode()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with start_app(tmp_path_factory.mktemp("tools"), {"GRADIO_MCP_SERVER": "True"}) as running:
        yield running


def talk(app, conversation):
    """What `conversation` returns, an async function of a session that is open."""

    async def over_http():
        address = f"{app.url}/gradio_api/mcp/"
        async with (
            streamable_http_client(address) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await conversation(session)

    return asyncio.run(over_http())


def call(app, name: str, arguments: dict):
    return talk(app, lambda session: session.call_tool(name, arguments))


def said(answer) -> object:
    assert not answer.isError, answer.content
    (content,) = answer.content
    return json.loads(content.text)


def test_only_the_public_tools_are_listed(app):
    tools = talk(app, lambda session: session.list_tools()).tools
    assert {tool.name for tool in tools} == {"predict", "timeline", "predict_files"}
    for tool in tools:
        assert tool.description.endswith(".") and "upload" not in tool.description
        sound, emotions, *more = tool.inputSchema["properties"].values()
        assert "data URI" in sound.get("items", sound)["description"]
        assert emotions["items"]["enum"] == list(LABELS)
        assert [one["type"] for one in more] == ["boolean"] * (tool.name != "timeline")
        assert len(tool.inputSchema["required"]) == 1
        assert "$ref" not in json.dumps(tool.inputSchema)


def test_a_clip_a_timeline_and_files_are_answered_in_json(app):
    check("prediction", said(call(app, "predict", {"clip": SOUND})))
    check("timeline", said(call(app, "timeline", {"clip": SOUND})))
    among = said(call(app, "predict", {"clip": SOUND, "emotions": ["sad", "happy"]}))
    assert among["label"] in ("sad", "happy")
    bad = "data:audio/wav;base64,AAAA"
    answers = said(call(app, "predict_files", {"clips": [SOUND, bad]}))
    check("predictions", answers)
    assert "label" in answers[0] and answers[1]["error"]["code"] == "unreadable"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("data:audio/wav;base64,AAAA", "unreadable: This is not a sound file"),
        ("http://127.0.0.1:1/a.wav", "address: Please send the sound itself"),
        ("/etc/hostname", "Invalid file data format"),
    ],
)
def test_what_cannot_be_judged_is_an_error_in_a_sentence(app, sent, told):
    answer = call(app, "predict", {"clip": sent})
    assert answer.isError and told in answer.content[0].text


def test_what_tools_were_sent_lies_where_it_is_deleted(app):
    said(call(app, "predict", {"clip": SOUND}))
    kept = [path for path in app.folder.rglob("*.flac") if path.read_bytes() == CLIP.read_bytes()]
    assert len(kept) >= 2  # the tool's own copy, and the one that it sends on
    assert all("ser-recordings" in path.parts for path in kept)


def test_without_the_variable_there_are_no_tools():
    with pytest.raises(BaseException, match="unhandled errors"):
        talk(running_app(), lambda session: session.list_tools())
