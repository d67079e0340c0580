"""Which model a Space serves, and what it serves instead when that one cannot be had."""

import logging
import queue
import threading
from dataclasses import dataclass

from ser.checkpoints import checkpoint, hub
from ser.checkpoints.config import CONFIG_NAME, CheckpointError, file_names
from ser.checkpoints.hub import HubSource
from ser.pipeline import EmotionPipeline

HUB_BUDGET_S = 2.5  # of a start; with looking for another model, the Hub adds 3 s at the most
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """A pipeline that answers, and one sentence where it is not the one that was asked for."""

    pipeline: EmotionPipeline
    notice: str | None = None


def serve(source: str | None, budget_s: float = HUB_BUDGET_S) -> Served:
    """Load what `SER_MODEL` names, else what was fetched earlier, else the embedded default.

    The start goes on after `budget_s`, whatever the Hub does; a download that takes longer is
    finished in the background and is there for the next start. Raises CheckpointError only where
    the embedded default itself is broken.
    """
    if not source:
        return Served(EmotionPipeline.from_pretrained())
    hub_source = HubSource.parse(source)
    is_here = not hub_source or (
        hub_source.is_pinned and hub.cached(hub_source, [CONFIG_NAME], file_names) is not None
    )
    try:
        load = EmotionPipeline.from_pretrained
        return Served(load(source) if is_here else _within(source, budget_s))
    except CheckpointError as error:
        reason = str(error)
    if hub_source and (pipeline := _fetched_earlier(hub_source)):
        which = f"revision {pipeline.checkpoint.revision[:8]}, fetched earlier,"
    else:
        pipeline, which = EmotionPipeline.from_pretrained(), "the embedded default"
    notice = f"{reason} Instead, {which} answers."
    LOG.warning(notice)
    return Served(pipeline, notice)


def _within(source: str, budget_s: float) -> EmotionPipeline:
    """Load in a thread of its own, and wait no longer than `budget_s`."""
    done: queue.SimpleQueue = queue.SimpleQueue()

    def load() -> None:
        try:
            done.put(EmotionPipeline.from_pretrained(source))
        except Exception as error:  # whatever it is, the start goes on
            done.put(error)

    threading.Thread(target=load, name="model-download", daemon=True).start()
    try:
        outcome = done.get(timeout=budget_s)
    except queue.Empty:
        raise CheckpointError(f"{source} did not arrive within {budget_s:.0f} s.") from None
    if isinstance(outcome, CheckpointError):
        raise outcome
    if isinstance(outcome, Exception):
        LOG.error("Loading %s failed", source, exc_info=outcome)
        raise CheckpointError(f"{source} could not be loaded.") from outcome
    return outcome


def _fetched_earlier(source: HubSource) -> EmotionPipeline | None:
    """Return a usable model of this repository in the cache."""
    for folder in hub.cached_folders(source, [CONFIG_NAME], file_names):
        try:
            pipeline = EmotionPipeline(checkpoint.load_snapshot(source, folder))
            pipeline.check_golden()
            return pipeline
        except CheckpointError as error:
            LOG.warning("%s: %s", folder.name, error)
    return None
