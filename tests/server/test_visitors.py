"""How much one visitor may ask for, and who that is."""

import time

import pytest

from server.limits import CALLS_A_SECOND, CALLS_AT_ONCE, MOST_VISITORS
from server.visitors import Buckets, address, trusted_proxies
from tests.page.app_server import start_app
from tests.server.raw import ask, sentence


def asked(peer: str, *forwarded: str) -> dict:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"type": "http", "client": (peer, 1234), "headers": headers}


def test_a_bucket_empties_and_fills_again():
    buckets = Buckets(at_once=3, a_second=0.5)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 0.0) == pytest.approx(2)
    assert buckets.take("b", 0.0) == 0  # another visitor has another one
    assert buckets.take("a", 1.0) == pytest.approx(1)
    assert buckets.take("a", 2.0) == 0
    assert buckets.take("a", 2.0) > 0
    assert [buckets.take("a", 100.0) for _ in range(4)][:3] == [0, 0, 0]  # never more than it holds


def test_it_does_not_remember_the_whole_world():
    buckets = Buckets()
    for number in range(MOST_VISITORS + 10):
        buckets.take(str(number), 0.0)
    assert len(buckets._left) == MOST_VISITORS


@pytest.mark.parametrize(
    ("scope", "n_proxies", "who"),
    [
        (asked("198.51.100.1"), 0, "198.51.100.1"),
        (asked("198.51.100.1", "203.0.113.9"), 0, "198.51.100.1"),  # anybody may write that
        (asked("10.0.0.1", "203.0.113.9"), 1, "203.0.113.9"),
        (asked("10.0.0.1", "8.8.8.8, 1.1.1.1, 203.0.113.9"), 1, "203.0.113.9"),  # the first forged
        (asked("10.0.0.1", "8.8.8.8", "203.0.113.9"), 1, "203.0.113.9"),  # in lines of their own
        (asked("10.0.0.1", "8.8.8.8, 203.0.113.9, 10.0.0.2"), 2, "203.0.113.9"),
        (asked("10.0.0.1", "203.0.113.9"), 2, "10.0.0.1"),  # went past a proxy
        (asked("10.0.0.1"), 1, "10.0.0.1"),
        (asked("2001:db8::1:2:3:4"), 0, "2001:db8::/64"),
        (asked("127.0.0.1"), 0, None),
        (asked("::1"), 0, None),
        (asked("127.0.0.1"), 1, "127.0.0.1"),  # a health check, or somebody beside the proxy
    ],
)
def test_who_asks_is_counted_from_the_right(scope, n_proxies, who):
    assert address(scope, n_proxies) == who


@pytest.mark.parametrize(
    ("settings", "n"),
    [({}, 0), ({"SPACE_ID": "a/b"}, 1), ({"SPACE_ID": "a/b", "SER_PROXIES": "2"}, 2)],
)
def test_a_space_stands_behind_one_proxy(monkeypatch, settings, n):
    for name in ("SPACE_ID", "SER_PROXIES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert trusted_proxies() == n


def test_a_number_that_is_none_is_a_sentence(monkeypatch):
    monkeypatch.setenv("SER_PROXIES", "many")
    with pytest.raises(ValueError, match="whole number from 0 to 9, not 'many'"):
        trusted_proxies()


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path):
    with start_app(tmp_path, {"SER_PROXIES": "1"}) as app:

        def call(forwarded: str) -> tuple:
            url, headers = (
                f"{app.url}/gradio_api/call/nothing",
                {"Content_Type": "application/json"},
            )
            return ask(url, b'{"data": []}', X_Forwarded_For=forwarded, **headers)

        began_s, answers = time.monotonic(), []
        while not answers or answers[-1][0] != 429:
            answers.append(call(f"8.8.8.{len(answers)}, 203.0.113.9"))
        most = CALLS_AT_ONCE + CALLS_A_SECOND * (time.monotonic() - began_s) + 1
        assert CALLS_AT_ONCE < len(answers) <= most
        _, headers, body = answers[-1]
        assert "too many requests" in sentence(body) and int(headers["retry-after"]) == 1
        assert call("203.0.113.10")[0] == 404  # nobody else waits for that
        assert ask(f"{app.url}/health", X_Forwarded_For="203.0.113.9")[0] == 200
