"""Start: load the model, wire the page and the server to it, and serve."""

import os
import sys

import server.quick_import  # noqa: F401  isort: skip  before anything else imports gradio
from page.clip import EXAMPLES
from page.frame import BROWSER, build
from page.language import LAID_OUT
from page.limits import DELETE_AGE_S, SWEEP_EVERY_S
from page.sharing import OUT_OF_ORDER
from page.theme import CSS, HEAD, JS, THEME
from ser.checkpoints.serving import serve as served_model
from ser.feedback.setting import FeedbackOffError, from_environment
from ser.native_lines import bound_native_lines
from ser.process import keep_memory, one_thread
from server.api import add_endpoints
from server.awaited import nobody_waits
from server.health import Health
from server.limits import NATIVE_LINES
from server.live import Live
from server.mount import mount
from server.serve import address, listen, serve
from server.uploads import (
    example_address,
    examples,
    fetch_nothing,
    folder_of_uploads,
    run_no_ffprobe,
)
from server.visitors import trusted_proxies


def main() -> None:
    """Load and warm the model, start the sweeper and the sharing, serve until stopped."""
    bound_native_lines(NATIVE_LINES)
    one_thread()
    keep_memory()
    folder_of_uploads(DELETE_AGE_S, SWEEP_EVERY_S)
    sounds = examples(EXAMPLES)
    fetch_nothing(sounds)
    run_no_ffprobe()

    served = served_model(os.environ.get("SER_MODEL"))
    shared, notice = None, served.notice
    try:
        if shared := from_environment():
            shared.start()
    except FeedbackOffError as error:
        print(f"* Recordings cannot be shared: {error}", file=sys.stderr, flush=True)
        notice = " ".join(filter(None, [notice, OUT_OF_ORDER]))
    page = build(served.pipeline, notice, shared, nobody_waits)
    try:
        n_proxies = trusted_proxies()
        listening = listen()
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    here = address(listening)
    add_endpoints(page, served.pipeline, example=example_address(here, sounds))
    looks = {"theme": THEME, "css_paths": CSS, "js": JS, "head": HEAD, "texts": LAID_OUT}
    health, live = Health(served.pipeline), Live(served.pipeline)
    app = mount(page, health, live, sounds, here, BROWSER, n_proxies=n_proxies, **looks)
    print(f"* Running on local URL:  {here}", flush=True)
    serve(app, listening)


if __name__ == "__main__":
    main()
