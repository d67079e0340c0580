"""No request to the Hub waits for ever.

huggingface_hub makes its client without a time limit, and lists of pages ask for none by name, so
that a default of the client would not do. Whatever has no limit of its own gets this one.
"""

from typing import TYPE_CHECKING

from huggingface_hub import get_session

if TYPE_CHECKING:
    import httpx2

TIMEOUT_S = 60.0  # to connect, and for each next byte to be sent or to come
KINDS = ("connect", "read", "write", "pool")


def bound_waiting() -> None:
    """Limit the client that this process has now; call it before each conversation."""
    hooks = get_session().event_hooks
    if _limit not in hooks["request"]:
        get_session().event_hooks = {**hooks, "request": [*hooks["request"], _limit]}


def _limit(request: "httpx2.Request") -> None:
    given = request.extensions.get("timeout", {})
    limits = {kind: TIMEOUT_S if given.get(kind) is None else given[kind] for kind in KINDS}
    request.extensions["timeout"] = limits
