"""The page: its head, its parts side by side, and what the browser loads for them."""

import os
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from page import words
from page.about import about
from page.clip import EXAMPLES, clip
from page.compare import compare
from page.language import FOLDER, in_each, told
from page.limits import DELETE_AGE_S, SWEEP_EVERY_S
from page.live import live
from page.long import long
from page.many import many
from page.models import models
from ser.feedback.queue import Feedback
from ser.pipeline import EmotionPipeline

PARTS = {
    "clip": "Clip",
    "live": "Live",
    "long": "Long",
    "many": "Many",
    "compare": "Compare",
    "about": "About",
}
BROWSER = {
    path.name: path
    for path in [*(Path(__file__).parent / "browser").glob("*.js"), *FOLDER.glob("*.json")]
}


def build(
    pipeline: EmotionPipeline,
    instead: str | None = None,
    shared: Feedback | None = None,
    is_over: Callable[[], bool] | None = None,
) -> gr.Blocks:
    """Lay out the page, wire it to the models and to the queue of shared recordings, if any.

    `pipeline` answers unless one of the models beside it is chosen. `is_over`, called where a
    visitor is answered, tells whether that visitor has left.
    """
    gr.set_static_paths([EXAMPLES])  # served from where they lie, neither copied nor deleted
    offered = models(pipeline)
    with gr.Blocks(
        title=told(words.TITLE),
        analytics_enabled=False,
        delete_cache=(max(1, int(SWEEP_EVERY_S)), max(1, int(DELETE_AGE_S))),
    ) as page:
        metrics = pipeline.checkpoint.metrics
        head = in_each(lambda say: words.head(metrics, instead, PARTS, say))
        gr.HTML(head, elem_id="head", js_on_load=None)
        with gr.Column(elem_id="part-clip", elem_classes="part"):
            clip(offered, shared, is_over)
        with gr.Column(elem_id="part-live", elem_classes="part"):
            live(offered[0])
        with gr.Column(elem_id="part-long", elem_classes="part"):
            long(offered[0], shared)
        with gr.Column(elem_id="part-many", elem_classes="part"):
            many(offered[0])
        with gr.Column(elem_id="part-compare", elem_classes="part"):
            compare(offered, os.environ.get("SER_COMPARE_HUB") == "1", is_over)
        with gr.Column(elem_id="part-about", elem_classes="part"):
            about(pipeline, offered, shared is not None)
        foot = in_each(lambda say: "".join(one.foot(say) for one in offered))
        gr.HTML(foot, elem_id="foot", js_on_load=None)
    return page
