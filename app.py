"""Start: load the model, wire the page to it, serve, and delete what visitors sent."""

import logging
import os
import tempfile
import threading
import time
from pathlib import Path

import gradio as gr

from page.clip import build
from page.limits import CONCURRENT, DELETE_AGE_S, MAX_FILE_SIZE, MAX_WAITING, SWEEP_EVERY_S
from page.theme import CSS, JS, THEME
from ser.checkpoints import checkpoint
from ser.checkpoints.serving import serve
from ser.feedback import queue
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread

LOG = logging.getLogger(__name__)


async def refuse_address(url: str, cache_dir: str) -> str:
    """Stand in for Gradio's download, which would fetch any address whole into memory."""
    raise gr.Error("Please send the sound itself, not its address.", print_exception=False)


def sweep(folder: Path) -> None:
    """Delete old recordings for ever; `delete_cache` alone forgets uploads that were cut off."""
    while True:
        try:
            for path in folder.rglob("*"):
                if path.is_file() and time.time() - path.stat().st_ctime >= DELETE_AGE_S:
                    path.unlink()
        except OSError:  # a file that vanished meanwhile, for one; the next sweep comes soon
            LOG.warning("A sweep of the recordings was cut short", exc_info=True)
        time.sleep(SWEEP_EVERY_S)


def main() -> None:
    """Load and warm the model, start the sweeper and the sharing, serve until stopped."""
    one_thread()
    keep_memory()
    # A folder of its own, since everything in it is deleted.
    folder = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir())) / "ser-recordings"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    threading.Thread(target=sweep, args=[folder], daemon=True).start()

    gr.processing_utils.async_ssrf_protected_download = refuse_address
    # Else it asks ffprobe about each example, and dies of ffmpeg without it. Browsers play FLAC.
    gr.processing_utils.audio_is_playable = lambda path: True

    served = serve(os.environ.get("SER_MODEL"))
    shared = queue.from_environment()
    if shared:
        shared.start()
    founding = EmotionPipeline.from_pretrained(checkpoint.FOUNDING)
    page = build(served.pipeline, served.notice, shared, founding)
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=CONCURRENT)
    page.launch(
        theme=THEME,
        css_paths=CSS,
        js=JS,
        max_file_size=MAX_FILE_SIZE,
        enable_monitoring=False,  # else a page tells everybody what is asked
        run_history=False,  # else voices stay in the browser
        ssr_mode=False,  # else it depends on whether node is there
        show_error=False,  # only sentences of ours reach a visitor, never an exception's text
        share=False,
        footer_links=["api", "gradio", "settings"],
    )


if __name__ == "__main__":
    main()
