"""Work for a request, in a thread, that is told when nobody waits for its answer any longer."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from gradio.context import LocalContext

LOOK_EVERY_S = 0.2
Answer = TypeVar("Answer")


async def while_awaited(work: Callable[[Callable[[], bool]], Answer]) -> Answer:
    """Run `work(is_over)`, whose `is_over()` becomes True where the client cancels or goes away.

    Called by an endpoint. Gradio itself leaves a function running that is not asynchronous and
    yields nothing. This returns only when the work has ended: the next request has its turn then.
    """
    stop = Event()
    working = asyncio.create_task(asyncio.to_thread(work, stop.is_set))
    try:
        while not working.done():
            await asyncio.wait([working], timeout=LOOK_EVERY_S)
            if nobody_waits():
                stop.set()
        return working.result()
    finally:
        stop.set()  # it was cancelled
        await asyncio.gather(working, return_exceptions=True)


def nobody_waits() -> bool:
    """Whether the client of the request that is being answered has cancelled it or is gone.

    Called by an endpoint, in its own thread.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return False  # it did not come through the queue
    running = [event for job in blocks._queue.active_jobs if job for event in job]
    return not any(event.alive for event in running if event._id == event_id)
