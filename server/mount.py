"""One FastAPI app: /health, /live, files of ours, and at every other path the page."""

import os
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, HTTPException, WebSocket
from fastapi.responses import FileResponse, JSONResponse

import ser
from server.bodies import Bodies
from server.failures import answer_in_sentences
from server.headers import Headers
from server.health import Health
from server.limits import CONCURRENT, MAX_FILE_SIZE, MAX_WAITING
from server.live import Live
from server.opening import Opening, Texts
from server.parts import read_parts_so
from server.routes import Doors
from server.sessions import remember_little
from server.tools import finish_tools
from server.turns import take_turns
from server.uploads import EXAMPLES_PATH, stored
from server.visitors import Visitors

SCHEMA = Path(ser.__file__).parent / "schema.json"


def mount(
    page: gr.Blocks,
    health: Health,
    live: Live,
    sounds: Mapping[str, Path],
    here: str | None = None,
    browser: Mapping[str, Path] | None = None,
    head: str = "",
    n_proxies: int = 0,
    texts: Texts | None = None,
    **looks: object,
) -> FastAPI:
    """Lay out what is served.

    Parameters
    ----------
    page
        The page, with the endpoints for programs in it.
    health
        What /health tells.
    live
        The sessions of /live.
    sounds
        The examples: name in the address -> file.
    here
        The address of this server as seen from itself, for its Model Context Protocol server.
    browser
        What the page's own scripts are: name in the address, below /browser/ -> file.
    head
        HTML for the start of the page's head.
    texts
        What stands for each mark in the page, by language.
    n_proxies
        How many proxies before this server tell truly who asks: see `server.visitors`.
    looks
        `theme`, `css_paths`, `js` and the like, which `gr.mount_gradio_app` takes.

    Returns
    -------
    app
        For `server.serve.serve`, which finds the page and the sessions at `app.state`.
    """
    app = FastAPI(title="Speech emotion", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.page, app.state.live = page, live
    app.add_middleware(Opening, head=head, texts=texts or {})
    app.add_middleware(Bodies, stored=stored)
    app.add_middleware(Visitors, n_proxies=n_proxies)
    app.add_middleware(Doors)
    app.add_middleware(Headers)  # the outermost

    def going_on() -> dict:
        return {
            "queue": {"waiting": len(page._queue), "most": MAX_WAITING},
            "live": {"sessions": live.n_sessions, "most": live.limits.n_sessions},
        }

    @app.get("/health")
    def answer_health() -> JSONResponse:  # in a thread: it may wait for the model
        status, report = health.report(going_on)
        return JSONResponse(report, status, {"Cache-Control": "no-store"})

    @app.websocket("/live")
    async def talk(socket: WebSocket) -> None:
        await live.talk(socket)

    @app.get(EXAMPLES_PATH + "{name}")
    async def answer_example(name: str) -> FileResponse:
        if name not in sounds:
            raise HTTPException(404, "There is no example of this name.")
        return FileResponse(sounds[name], media_type="audio/flac")

    @app.get("/browser/{name}")
    async def answer_script(name: str) -> FileResponse:
        if name not in (browser or {}):
            raise HTTPException(404, "There is no script of this name.")
        headers = {"Cache-Control": "no-cache"}  # asked for anew, and sent where it has changed
        kind = "application/json" if name.endswith(".json") else "text/javascript"
        return FileResponse(browser[name], media_type=kind, headers=headers)

    @app.get("/schema.json")
    async def answer_schema() -> FileResponse:
        return FileResponse(SCHEMA, media_type="application/schema+json")

    read_parts_so()
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=CONCURRENT, api_open=False)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path=os.environ.get("GRADIO_ROOT_PATH", ""),  # `launch` reads it, mounting does not
        max_file_size=MAX_FILE_SIZE,
        enable_monitoring=False,  # else a page tells everybody what is asked
        run_history=False,  # else voices stay in the browser
        ssr_mode=False,  # else it depends on whether node is there
        show_error=False,  # only sentences of ours reach a visitor, never an exception's text
        pwa="SPACE_ID" in os.environ,
        footer_links=["api", "gradio"],  # its settings are a developer's, and in English
        **looks,
    )
    # Only `launch` sets these. Until it has launched, Gradio opens any file that a stranger names.
    page.has_launched = True
    page.app = page.server_app = app.routes[-1].app
    answer_in_sentences(page.app)
    remember_little(page)
    take_turns(page)
    finish_tools(page, here)
    return app
