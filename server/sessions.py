"""What Gradio keeps of visits and calls in memory: no more than the page needs, and so many.

Gradio keeps every value that a visitor was shown, for links that this page does not have, a session
of each call of the API, and figures of each for a page of statistics that is switched off.
"""

import re
from copy import copy

import gradio as gr
from gradio.components import State
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import LRUCache

from server.limits import MAX_SESSIONS

OF_ONE_CALL = re.compile(r"[0-9a-f]{32}")  # an event's own name, where a call names no session


class Visit(SessionState):
    """A visitor's choices and states, without a copy of what was shown."""

    def __init__(self, page: gr.Blocks):
        self.blocks_config = copy(page.default_config)
        self.config_values, self.state_data, self._state_ttl = {}, {}, {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600

    def __setitem__(self, key: int, value: object) -> None:
        if isinstance(self.blocks_config.blocks.get(key), State):
            super().__setitem__(key, value)
            self.config_values.pop(key, None)
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        """Nothing: no link shows it again."""

    def _update_value_in_config(self, key: int, value: object) -> None:
        """Nothing: no link shows it again."""


class Visits(StateHolder):
    """The last visits. A call of a program is none: it is forgotten with its answer."""

    def __getitem__(self, name: str) -> Visit:
        if OF_ONE_CALL.fullmatch(name):
            return Visit(self.blocks)
        if name not in self.session_data:
            self.session_data[name] = Visit(self.blocks)
        return super().__getitem__(name)


class _Waiting(dict):
    """Names of the events that a session waits for; sessions that wait for none are forgotten."""

    def __setitem__(self, session: str, events: set[str]) -> None:
        if len(self) >= MAX_SESSIONS:
            for idle in [name for name, waits_for in self.items() if not waits_for]:
                del self[idle]
        super().__setitem__(session, events)


def remember_little(page: gr.Blocks) -> None:
    """Bound what the page's app keeps. To be called once it is mounted and has its queue."""
    page.state_session_capacity = MAX_SESSIONS
    page.app.state_holder = Visits()
    page.app.state_holder.set_blocks(page)
    queue = page._queue
    queue.pending_messages_per_session = LRUCache(MAX_SESSIONS)
    queue.pending_event_ids_session = _Waiting()
    queue.ANALYTICS_MAX_EVENTS = 1
    queue.compute_analytics_summary = lambda records: queue.cached_event_analytics_summary
