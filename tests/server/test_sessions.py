"""What is kept of visits and calls: no more than the page needs."""

import time

from gradio.state_holder import SessionState

from server.limits import MAX_SESSIONS
from server.sessions import Visit, _Waiting
from tests.page.app_server import EXAMPLES

CLIP = {"path": str(EXAMPLES / "low-and-slow.flac"), "meta": {"_type": "gradio.FileData"}}


def test_gradio_still_keeps_what_is_replaced(mounted):
    """A version that keeps more, or under other names, has to be looked at."""
    own, theirs = Visit(mounted.state.page), SessionState(mounted.state.page)
    assert vars(own).keys() == vars(theirs).keys()
    queue = mounted.state.page._queue
    assert hasattr(queue, "event_analytics") and queue.pending_messages_per_session is not None


def test_a_call_of_a_program_leaves_no_session(mounted, client_of_mounted):
    page, client = mounted.state.page, client_of_mounted
    for _ in range(3):
        asked = client.post("/gradio_api/call/predict", json={"data": [CLIP]})
        event = asked.json()["event_id"]
        with client.stream("GET", f"/gradio_api/call/predict/{event}") as stream:
            assert "event: complete" in stream.read().decode()
    deadline_s = time.monotonic() + 10  # the answer is sent a moment before
    while page._queue.event_ids_to_events and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not page._queue.event_ids_to_events and not page.app.iterators
    assert not page.app.state_holder.session_data
    assert len(page._queue.event_analytics) <= 1


def test_of_a_visit_its_choices_are_kept_and_not_what_it_was_shown(mounted):
    page = mounted.state.page
    judge = next(f for f in page.fns.values() if f.name == "show" and len(f.inputs) > 5)
    state = next(block for block in judge.inputs if block.stateful)
    visits = page.app.state_holder
    visit = visits["a-visit"]
    visit[state._id] = "a choice"
    visit._update_value_in_config(judge.outputs[2]._id, "what was shown")
    assert visits["a-visit"] is visit and visit[state._id] == "a choice"
    assert not visit.config_values
    del visits.session_data["a-visit"]


def test_so_many_visits_are_kept_and_the_oldest_go(mounted):
    visits = mounted.state.page.app.state_holder
    for number in range(MAX_SESSIONS + 5):
        visits[f"visit-{number}"]
    assert len(visits.session_data) == MAX_SESSIONS
    assert "visit-4" not in visits and "visit-5" in visits
    visits.session_data.clear()
    visits.time_last_used.clear()


def test_sessions_that_wait_for_nothing_are_forgotten():
    waiting = _Waiting()
    for number in range(3 * MAX_SESSIONS):
        waiting[str(number)] = set() if number else {"an event"}
    assert len(waiting) <= MAX_SESSIONS + 1 and waiting["0"] == {"an event"}
