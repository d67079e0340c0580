"""Whose turn it is: short clips pass long ones, and no visitor holds all places.

Gradio's queue takes what came first. Two recordings of ten minutes then hold both places, and
whoever sends many requests makes everybody wait for all of them.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import gradio as gr
from fastapi import HTTPException, Request
from gradio.components import State
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.route_utils import get_fn

from ser.sound.sources import told_s
from server.limits import LONG_BYTES, LONG_S, MAX_WAITING_OF_ONE

OF_ONE = f"{MAX_WAITING_OF_ONE} of your requests wait already: please wait for their answers first."


def take_turns(page: gr.Blocks) -> None:
    """Let the page's queue choose so. To be called once it is mounted."""
    queue, push = page._queue, page._queue.push
    long: WeakSet[Event] = WeakSet()

    async def checked(body: PredictBodyInternal, request: Request, username: str | None) -> tuple:
        """Queue a request; HTTPException 429 where its visitor has too many there."""
        is_long = await asyncio.to_thread(_is_long, list(_sounds(page, body)))
        visitor = getattr(request.state, "visitor", None)
        lanes = queue.event_queue_per_concurrency_id.values()
        n_waiting = sum(_visitor(event) == visitor for lane in lanes for event in lane.queue)
        if visitor and n_waiting >= MAX_WAITING_OF_ONE:
            raise HTTPException(429, OF_ONE, {"Retry-After": "10"})
        is_queued, event_id, state = await push(body, request, username)
        if is_queued and is_long and (event := queue.event_ids_to_events.get(event_id)):
            long.add(event)
        return is_queued, event_id, state

    def next_events() -> tuple[list[Event], bool, str] | None:
        """What is to start now, in the form of Gradio's own method; None where nothing may."""
        running = [event for job in queue.active_jobs if job for event in job]
        for name, lane in queue.event_queue_per_concurrency_id.items():
            limit = lane.concurrency_limit
            if limit is not None and lane.current_concurrency >= limit:
                continue
            n_long = sum(event in long for event in running if event.concurrency_id == name)
            is_full = limit is not None and n_long >= max(1, limit - 1)
            may = [event for event in lane.queue if not (is_full and event in long)]
            if event := _first(may, {_visitor(one) for one in running}):
                lane.queue.remove(event)
                return [event], False, name
        return None

    queue.push, queue.get_events = checked, next_events


def _first(waiting: list[Event], busy: set[str]) -> Event | None:
    """The first whose visitor has nothing that runs, else the first of all."""
    of_others = (event for event in waiting if _visitor(event) not in busy)
    return next(of_others, waiting[0] if waiting else None)


def _visitor(event: Event) -> str:
    """Who asked; on the machine itself, each page and each call of a program is somebody else."""
    return getattr(event.request.state, "visitor", None) or event.session_hash


def _sounds(page: gr.Blocks, body: PredictBodyInternal) -> Iterator[Path]:
    """The visitors' files that a request names, or its page has kept."""
    folder = Path(os.environ.get("GRADIO_TEMP_DIR", "")).resolve()
    kept = page.app.state_holder.session_data.get(body.session_hash)
    parts = get_fn(page, None, body).inputs
    for part, value in zip(parts, body.data, strict=False):
        if isinstance(part, State):
            value = kept.state_data.get(part._id) if kept else None
        for one in value if isinstance(value, list) else [value]:
            name = one.get("path") if isinstance(one, dict) else one
            if isinstance(name, str):
                with contextlib.suppress(OSError, ValueError, RuntimeError):  # no name of a file
                    path = Path(name).resolve()
                    if path.is_relative_to(folder) and path.is_file():
                        yield path


def _is_long(paths: list[Path]) -> bool:
    """Whether judging it holds a place for long, by what its header says.

    Several sounds at a time have places of their own.
    """
    if len(paths) != 1:
        return False
    with contextlib.suppress(OSError):  # deleted meanwhile
        n_bytes = paths[0].stat().st_size
        told = None if n_bytes > LONG_BYTES[1] else told_s(paths[0])
        return n_bytes > LONG_BYTES[0] if told is None else told > LONG_S
    return False
