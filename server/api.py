"""The endpoints for programs: Gradio's API, and the tools of its Model Context Protocol server.

Names, parameters and answers are stable; `ser/schema.json` describes the answers.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
from gradio_client import handle_file

from ser.pipeline import EmotionPipeline
from ser.recordings.timeline import timeline as judge_timeline
from server.limits import MAX_FILES
from server.problems import NOTHING_SENT, Problem, problem, told

PREDICT = (
    "Judge one sound file with speech as a whole: which of eight emotions the voice seems to "
    "express, and how sure that is. Up to ten minutes of WAV, FLAC, OGG or MP3."
)
TIMELINE = (
    "Judge a long recording, up to three hours, utterance by utterance: when somebody speaks, and "
    "which of eight emotions each utterance seems to express. There is no label for all of it."
)
PREDICT_FILES = (
    f"Judge up to {MAX_FILES} sound files, each as /predict does. One answer a file, in their "
    "order; a file that cannot be judged has an error in its place."
)


FOLLOWED = gr.Progress()  # a default argument is how Gradio knows that progress is told


def add_endpoints(page: gr.Blocks, pipeline: EmotionPipeline, example: str) -> None:
    """Give the page the endpoints /predict, /timeline and /predict_files; nobody sees them on it.

    `example` is the address of a sound on this server. The page that explains the API sends it.
    """

    def predict(clip: str | None) -> dict:
        with told():
            if not clip:
                raise NOTHING_SENT.told()
            return answer(pipeline, clip)

    def predict_files(clips: list[str] | None) -> list[dict]:
        with told():
            if not clips:
                raise NOTHING_SENT.told()
            if len(clips) > MAX_FILES:
                raise TOO_MANY_FILES.told()
            return answers(pipeline, clips)

    def timeline(clip: str | None, progress: gr.Progress = FOLLOWED) -> dict:
        with told():
            if not clip:
                raise NOTHING_SENT.told()
            return answer_timeline(pipeline, clip, progress)

    with page:
        clip = gr.Audio(type="filepath", label="A sound file", visible=False)
        clips = gr.File(file_count="multiple", label="Sound files", visible=False)
        _explain_by(clip, handle_file(example))
        _explain_by(clips, [handle_file(example)])
        _endpoint(predict, clip, PREDICT, concurrency_id="predict")
        _endpoint(timeline, clip, TIMELINE, concurrency_id="many", concurrency_limit=1)
        _endpoint(predict_files, clips, PREDICT_FILES, concurrency_id="many", concurrency_limit=1)


TOO_MANY_FILES = Problem("too_many_files", f"Please send no more than {MAX_FILES} files at a time.")


def answer(pipeline: EmotionPipeline, path: str) -> dict:
    """Judge one file; the answer is what `python -m ser --json` prints for it."""
    return {"file": Path(path).name, **pipeline.predict(path).to_dict()}


def answer_timeline(pipeline: EmotionPipeline, path: str, progress: Callable | None = None) -> dict:
    """Judge the utterances of one file; `progress(heard, unit=...)` follows, as gr.Progress."""

    def follow(heard_s: float, of_s: float | None) -> None:
        if progress is not None:
            progress((round(heard_s), None if of_s is None else round(of_s)), unit="seconds")

    return {"file": Path(path).name, **judge_timeline(pipeline, path, follow).to_dict()}


def answers(pipeline: EmotionPipeline, paths: Sequence[str]) -> list[dict]:
    """Judge each file; what is wrong with one of them stands in its place."""
    found = []
    for path in paths:
        try:
            found.append(answer(pipeline, path))
        except Exception as error:  # the others are judged all the same
            found.append({"file": Path(path).name, "error": problem(error).to_dict()})
    return found


def _endpoint(function: Callable, sent: gr.components.Component, text: str, **limits) -> None:
    gr.on(
        [],
        function,
        inputs=sent,
        outputs=gr.JSON(label="answer", visible=False),
        api_name=function.__name__,
        api_description=text,
        **limits,
    )


def _explain_by(component: gr.components.Component, payload: object) -> None:
    """Let the page that explains the API send a sound of ours.

    Gradio's own example is an address on another server, which is not fetched.
    """
    component.example_payload = lambda: payload
