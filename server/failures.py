"""Requests that Gradio would fail on without a word: a sentence and a fitting status for each."""

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from gradio.block_function import BlockFunction
from gradio.route_utils import FnIndexInferError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from server.problems import GONE, MALFORMED, NO_ROOM, problem
from server.routes import refused

STATUS = {GONE: 404, NO_ROOM: 507}
BUSY = "Many are asking at this moment: please try again in a minute."
NO_ENDPOINT = "There is no endpoint of this name."


def answer_in_sentences(app: FastAPI) -> None:
    """Add to Gradio's app, before it serves, an answer to each way in which a request may fail."""

    def malformed(request: Request, error: Exception) -> JSONResponse:
        return refused(422, MALFORMED.message)

    def no_endpoint(request: Request, error: Exception) -> JSONResponse:
        return refused(404, NO_ENDPOINT)

    def failed(request: Request, error: OSError) -> JSONResponse:
        found = problem(error)
        return refused(STATUS.get(found, 500), found.message)

    async def busy(request: Request, error: HTTPException) -> Response:
        if error.status_code == 503 and str(error.detail).startswith("Queue is full"):
            return refused(503, BUSY, **{"Retry-After": "10"})
        if error.status_code == 429:
            return refused(429, str(error.detail), **error.headers)
        return await http_exception_handler(request, error)

    def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it

    app.add_exception_handler(HTTPException, busy)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(FnIndexInferError, no_endpoint)
    app.add_exception_handler(KeyError, no_endpoint)  # of a number that no function has
    app.add_exception_handler(OSError, failed)
    app.add_exception_handler(ClientDisconnect, gone)


def tell_what_is_malformed(page: gr.Blocks) -> None:
    """Let programs leave out what came later than they did, and tell what else is wrong.

    Gradio says nothing of parameters that it cannot use: its error is null.
    """
    preprocess = page.preprocess_data

    async def checked(function: BlockFunction, values: list, *more: object, **named: object):
        missing = len(function.inputs) - len(values)
        if function.api_visibility == "public" and values:
            values = [*values, *[None] * missing]
        try:
            return await preprocess(function, values, *more, **named)
        except gr.Error:
            raise
        except OSError as error:
            raise problem(error).told() from error
        except Exception as error:
            raise MALFORMED.told() from error

    page.preprocess_data = checked
