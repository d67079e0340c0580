"""/live through a real WebSocket client: answers, refusals, limits, and many voices at once."""

import asyncio
import json
import signal
import time

import numpy as np
import pytest
import soundfile
from websockets.asyncio.client import connect

from ser.recordings.stream import Stream
from server.limits import STOP_S, LiveLimits
from tests.page.app_server import EXAMPLES, start_app
from tests.server.live_server import (
    RATE_HZ,
    START,
    begin,
    event,
    frames,
    int16,
    live_server,
    rest,
    say,
)

CHUNK = RATE_HZ // 10


def voice(name: str) -> np.ndarray:
    """An example and a pause that ends its utterance, int16 at 16 kHz."""
    samples, rate_hz = soundfile.read(EXAMPLES / f"{name}.flac")
    assert rate_hz == RATE_HZ
    return int16(np.concatenate([samples, np.zeros(RATE_HZ)]))


VOICES = [path.stem for path in sorted(EXAMPLES.glob("*.flac"))]


@pytest.fixture(scope="module")
def server(pipeline):
    with live_server(pipeline) as (url, _):
        yield url


def ends(events: list[dict]) -> list[dict]:
    return [event for event in events if event["type"] == "utterance end"]


def told(pipeline, samples: np.ndarray, rate_hz: int = RATE_HZ) -> list[dict]:
    """The ends of utterances as a stream of its own gives them."""
    stream = Stream(pipeline, rate_hz)
    return ends([u.to_dict() for u in [*stream.push(samples), *stream.finish()]])


def same(found: list[dict], expected: list[dict]) -> None:
    """The same utterances; a stream's answers may differ by 1e-4 whatever its chunks."""
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one["start_s"] == other["start_s"] and one["end_s"] == other["end_s"]
        for name, p in one["probabilities"].items():
            assert p == pytest.approx(other["probabilities"][name], abs=1e-4)


def test_a_voice_is_heard_while_it_speaks(server, pipeline):
    samples = voice("middle-and-lively")

    async def speak():
        async with connect(server) as connection:
            ready = await begin(connection)
            assert ready["ahead_s"] == 10 and ready["model"]["revision"]
            for part in frames(samples, CHUNK):
                await connection.send(part)
            heard = []
            while not ends(heard):  # before anybody says that it is over
                heard.append(await event(connection))
            await connection.send(json.dumps({"type": "finish"}))
            return heard + await rest(connection), connection.close_code

    events, code = asyncio.run(speak())
    kinds = [event["type"] for event in events]
    assert kinds.index("utterance start") < kinds.index("utterance end") and code == 1000
    same(ends(events), told(pipeline, samples))
    assert events[-1] == {
        "type": "ended",
        "reason": "finished",
        "taken_s": round(len(samples) / RATE_HZ, 4),
        "frames": len(frames(samples, CHUNK)),
        "refused": 0,
    }


def test_floats_at_another_rate(server, pipeline):
    samples = np.repeat(voice("low-and-slow") / np.float32(32768), 3)
    start = {"rate_hz": 3 * RATE_HZ, "format": "f32le"}
    events, _ = asyncio.run(say(server, frames(samples, 4801), start))
    same(ends(events), told(pipeline, samples, 3 * RATE_HZ))


def test_among_some_emotions(server):
    start = START | {"emotions": ["happy", "sad"]}
    events, _ = asyncio.run(say(server, [voice("low-and-slow").tobytes()], start))
    (end,) = ends(events)
    assert end["label"] in start["emotions"]
    assert {name for name, p in end["probabilities"].items() if p} <= set(start["emotions"])


def test_what_goes_on_is_judged_at_the_end_and_after_a_reset_time_begins_anew(server, pipeline):
    samples = voice("low-and-slow")[: 2 * RATE_HZ]  # in the middle of its utterance

    async def twice():
        async with connect(server) as connection:
            await begin(connection)
            await connection.send(samples.tobytes())
            await connection.send(json.dumps({"type": "reset"}))
            await connection.send(samples.tobytes())
            await connection.send(json.dumps({"type": "finish"}))
            return await rest(connection)

    first, second = ends(asyncio.run(twice()))
    same([first], told(pipeline, samples))
    assert second == first


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\0" * 641, "broken_sample"),
        (b"", "empty"),
        (bytes(2 * 11 * RATE_HZ), "too_long"),
        ("words", "bad_message"),
        ('{"type": "sing"}', "bad_message"),
        ("[" * 100_000, "bad_message"),
    ],
)
def test_one_bad_frame_is_refused_by_name_and_the_session_goes_on(server, pipeline, frame, code):
    samples = voice("low-and-slow")
    parts = frames(samples, CHUNK)
    events, _ = asyncio.run(say(server, [*parts[:3], frame, *parts[3:]]))
    (refused,) = [event for event in events if event["type"] == "refused"]
    assert refused["error"]["code"] == code and refused["error"]["message"].endswith(".")
    assert refused["frame"] == (3 if isinstance(frame, bytes) else None)
    same(ends(events), told(pipeline, samples))


def test_a_frame_of_no_numbers_is_refused(server):
    start = {"rate_hz": RATE_HZ, "format": "f32le"}
    bad = [np.array([0, value], np.float32).tobytes() for value in (np.nan, -np.inf, 1e30)]
    events, _ = asyncio.run(say(server, [*bad, bytes(4)], start))
    refused = [e["error"]["code"] for e in events if e["type"] == "refused"]
    assert refused == ["not_finite"] * 3
    assert events[-1]["frames"] == 4 and events[-1]["refused"] == 3


def test_what_is_far_ahead_of_real_time_is_refused(server):
    second = bytes(2 * RATE_HZ)
    events, _ = asyncio.run(say(server, [second] * 13))
    refused = [event for event in events if event["type"] == "refused"]
    # 10 s may be ahead; the few that real time let pass meanwhile come on top
    assert {event["error"]["code"] for event in refused} == {"ahead_of_real_time"}
    assert 1 <= len(refused) <= 3 and events[-1]["taken_s"] == 13 - len(refused)


def test_whoever_sends_nothing_else_is_sent_away(server):
    events, code = asyncio.run(say(server, [b"\0"] * 200))
    assert events[-1]["error"]["code"] == "too_many_refused" and code == 1008


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("hello", "bad_start"),
        ("[1]", "bad_start"),
        ({"rate_hz": 7999, "format": "s16le"}, "unsupported_rate"),
        ({"rate_hz": 16000.5, "format": "s16le"}, "unsupported_rate"),
        ({"rate_hz": True, "format": "s16le"}, "unsupported_rate"),
        ({"format": "s16le"}, "unsupported_rate"),
        ({"rate_hz": 16000, "format": "mp3"}, "unsupported_format"),
        ({"rate_hz": 16000, "format": ["s16le"]}, "unsupported_format"),
        (START | {"emotions": ["happy"]}, "emotions"),
        (START | {"emotions": "happy,sad"}, "emotions"),
    ],
)
def test_a_first_message_that_says_too_little_ends_it(server, start, code):
    async def wrong():
        async with connect(server) as connection:
            failed = await begin(connection, start)
            return failed, await rest(connection), connection.close_code

    failed, after, closed = asyncio.run(wrong())
    assert failed["type"] == "failed" and failed["error"]["code"] == code
    assert after == [] and closed == 1003


def test_sound_before_the_first_message_ends_it(server):
    async def wrong():
        async with connect(server) as connection:
            await connection.send(bytes(100))
            return await event(connection)

    assert asyncio.run(wrong())["error"]["code"] == "bad_start"


def test_a_frame_over_all_measure_ends_it(server):
    async def wrong():
        async with connect(server) as connection:
            await begin(connection)
            await connection.send(bytes(5 << 20))
            await rest(connection)
            return connection.close_code

    assert asyncio.run(wrong()) == 1009


def test_no_first_message_silence_and_length_end_it_by_name(pipeline):
    limits = LiveLimits(start_s=0.3, idle_s=0.5, longest_s=1.0)

    async def three(url):
        async with connect(url) as mute, connect(url) as idle, connect(url) as long:
            await begin(idle)
            await begin(long)
            while True:
                try:
                    await long.send(bytes(320))
                    await asyncio.sleep(0.05)
                except Exception:  # closed by the server
                    break
            return [await rest(one) for one in (mute, idle, long)]

    with live_server(pipeline, limits) as (url, _):
        mute, idle, long = asyncio.run(three(url))
    assert mute[-1]["error"]["code"] == "no_start"
    assert idle[-1]["reason"] == "idle" and long[-1]["reason"] == "too_long"


def test_one_more_than_all_sessions_is_told_so_and_a_place_comes_free(pipeline):
    async def full(url, live):
        async with connect(url) as first:
            await begin(first)
            async with connect(url) as second:
                failed = await event(second)
                await second.wait_closed()
                assert second.close_code == 1013
        while live.n_sessions:  # the first one has hung up
            await asyncio.sleep(0.01)
        async with connect(url) as third:
            return failed, await begin(third)

    with live_server(pipeline, LiveLimits(n_sessions=1)) as (url, live):
        failed, ready = asyncio.run(full(url, live))
    assert failed["error"]["code"] == "too_many_sessions" and ready["type"] == "ready"


def test_one_visitor_does_not_take_all_places(pipeline):
    def by(visitor: str) -> dict:
        return {"additional_headers": {"X-Forwarded-For": f"1.1.1.1, {visitor}"}}

    async def greedy(url):
        async with connect(url, **by("192.0.2.1")) as first:
            await begin(first)
            async with connect(url, **by("192.0.2.1")) as second:
                failed = await event(second)
                await second.wait_closed()
                assert second.close_code == 1013
            async with connect(url, **by("192.0.2.2")) as other:
                return failed, await begin(other)

    with live_server(pipeline, LiveLimits(n_of_one=1), n_proxies=1) as (url, _):
        failed, ready = asyncio.run(greedy(url))
    assert failed["error"]["code"] == "too_many_sessions" and ready["type"] == "ready"


def test_whoever_hangs_up_leaves_nothing_behind(pipeline, caplog):
    """In the middle of a judgement, without a word of goodbye."""

    async def vanish(url, live):
        async with connect(url) as connection:
            await begin(connection)
            await connection.send(voice("low-and-slow").tobytes())
            await event(connection)
            connection.transport.abort()
        deadline_s = time.monotonic() + 10
        while live.n_sessions and time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)

    with live_server(pipeline) as (url, live):
        asyncio.run(vanish(url, live))
        assert live.n_sessions == 0
    assert caplog.text == ""


def test_eight_at_once_and_nobodys_answer_is_anothers(server, pipeline):
    """Voices, one of them twice, and one who says nothing, in chunks of other sizes."""
    voices = [voice(VOICES[i % len(VOICES)]) for i in range(7)] + [np.zeros(3 * RATE_HZ, np.int16)]
    expected = [told(pipeline, samples) for samples in voices]
    answers = {json.dumps(one["probabilities"]) for events in expected for one in events}
    assert len(answers) == len(VOICES)  # they can be told apart

    async def together():
        parts = [frames(samples, CHUNK + 160 * i) for i, samples in enumerate(voices)]
        return await asyncio.gather(*(say(server, part) for part in parts))

    for (events, code), own in zip(asyncio.run(together()), expected, strict=True):
        assert code == 1000
        if own:
            same(ends(events), own)
        else:
            assert {event["type"] for event in events} <= {"listening", "ended"}


def test_a_model_that_breaks_ends_its_session_and_tells_no_detail(pipeline, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("secret path")

    monkeypatch.setattr("ser.recordings.stream.judge", broken)
    with live_server(pipeline) as (url, live):
        events, code = asyncio.run(say(url, [voice("low-and-slow").tobytes()]))
        assert live.n_sessions == 0
    assert events[-1]["error"]["code"] == "internal" and code == 1011
    assert "secret" not in json.dumps(events) and "secret path" in caplog.text


def test_while_one_voice_is_judged_the_server_answers(pipeline, monkeypatch):
    """A judgement of a second holds nobody up: it runs in another thread."""
    from ser.recordings import stream

    real = stream.judge
    monkeypatch.setattr("ser.recordings.stream.judge", lambda *a: time.sleep(1) or real(*a))

    async def meanwhile(url):
        slow = asyncio.create_task(say(url, [voice("low-and-slow").tobytes()]))
        await asyncio.sleep(0.3)
        start_s = time.monotonic()
        async with connect(url) as other:
            await begin(other)
        waited_s = time.monotonic() - start_s
        assert not slow.done()
        await slow
        return waited_s

    with live_server(pipeline) as (url, _):
        assert asyncio.run(meanwhile(url)) < 1


def test_sigterm_ends_a_session_with_what_it_has_heard(tmp_path):
    samples = voice("low-and-slow")[: 2 * RATE_HZ]

    async def until_the_end(app):
        async with connect(app.url.replace("http", "ws") + "/live") as connection:
            await begin(connection, START)
            await connection.send(samples.tobytes())
            heard = [await event(connection)]
            start_s = time.monotonic()
            app.process.send_signal(signal.SIGTERM)
            heard += await rest(connection)
            return heard, connection.close_code, time.monotonic() - start_s

    with start_app(tmp_path, {}) as app:
        events, code, took_s = asyncio.run(until_the_end(app))
        app.process.wait(timeout=STOP_S + 10)
        assert "Traceback" not in app.log.read_text()
    assert len(ends(events)) == 1 and events[-1]["reason"] == "server_stops"
    assert code == 1001 and took_s < STOP_S
