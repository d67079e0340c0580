"""The endpoints for programs: Gradio's API, and the tools of its Model Context Protocol server.

Names, parameters and answers are stable; `ser/schema.json` describes the answers.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
from gradio_client import handle_file

from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.recordings.timeline import timeline as judge_timeline
from ser.sound.errors import CancelledError
from server.awaited import nobody_waits, while_awaited
from server.failures import tell_what_is_malformed
from server.limits import MAX_FILES
from server.problems import NOTHING_SENT, Problem, ProblemError, chosen, problem, switched, told

PREDICT = (
    "Judge one sound file with speech as a whole: which of eight emotions the voice seems to "
    "express, and how sure that is. Up to ten minutes of WAV, FLAC, OGG or MP3. With `emotions`, "
    "it is judged among those only; with `embedding`, what the last layer sees is told, too."
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

    def predict(
        clip: str | None, emotions: list[str] | None = None, embedding: bool = False
    ) -> dict:
        with told():
            path, among, with_embedding = sent(clip), chosen(emotions), switched(embedding)
            return answer(pipeline, path, among, with_embedding, nobody_waits)

    async def timeline(
        clip: str | None, emotions: list[str] | None = None, progress: gr.Progress = FOLLOWED
    ) -> dict:
        with told():
            path, among = sent(clip), chosen(emotions)
            return await while_awaited(
                lambda is_over: answer_timeline(pipeline, path, among, progress, is_over)
            )

    async def predict_files(
        clips: list[str] | None, emotions: list[str] | None = None, embedding: bool = False
    ) -> list[dict]:
        with told():
            if len(sent(clips)) > MAX_FILES:
                raise ProblemError(TOO_MANY_FILES)
            among, with_embedding = chosen(emotions), switched(embedding)
            return await while_awaited(
                lambda is_over: answers(pipeline, clips, among, with_embedding, is_over)
            )

    with page:
        clip = gr.Audio(type="filepath", label="A sound file", visible=False)
        clips = gr.File(file_count="multiple", label="Sound files", visible=False)
        emotions = gr.CheckboxGroup(list(LABELS), label="Judge among these only", visible=False)
        embedding = gr.Checkbox(label="With the embedding", visible=False)
        emotions.preprocess = lambda names: names  # or what is none gets an error without a code
        _explain_by(clip, handle_file(example))
        _explain_by(clips, [handle_file(example)])
        _endpoint(predict, [clip, emotions, embedding], PREDICT, concurrency_id="predict")
        many = {"concurrency_id": "many", "concurrency_limit": 1}
        _endpoint(timeline, [clip, emotions], TIMELINE, **many)
        _endpoint(predict_files, [clips, emotions, embedding], PREDICT_FILES, **many)
    tell_what_is_malformed(page)


TOO_MANY_FILES = Problem("too_many_files", f"Please send no more than {MAX_FILES} files at a time.")


def sent(sound: object) -> object:
    """Give it back; raise ProblemError where there is none."""
    if not sound:
        raise ProblemError(NOTHING_SENT)
    return sound


def answer(
    pipeline: EmotionPipeline,
    path: str,
    emotions: tuple[str, ...] | None = None,
    embedding: bool = False,
    is_over: Callable[[], bool] | None = None,
) -> dict:
    """Judge one file; the answer is what `python -m ser --json` prints for it.

    Raises CancelledError soon after `is_over()` has become True.
    """
    prediction = pipeline.predict(path, is_over)
    if emotions:
        prediction = prediction.restricted(emotions)
    return {"file": Path(path).name, **prediction.to_dict(embedding)}


def answer_timeline(
    pipeline: EmotionPipeline,
    path: str,
    emotions: tuple[str, ...] | None = None,
    progress: Callable | None = None,
    is_over: Callable[[], bool] | None = None,
) -> dict:
    """Judge the utterances of one file; `progress((heard, of), unit=...)` as gr.Progress.

    Raises CancelledError soon after `is_over()` has become True.
    """

    def follow(heard_s: float, of_s: float | None) -> None:
        if progress is not None:
            progress((round(heard_s), None if of_s is None else round(of_s)), unit="seconds")

    found = judge_timeline(pipeline, path, follow, is_over, emotions)
    return {"file": Path(path).name, **found.to_dict()}


def answers(
    pipeline: EmotionPipeline,
    paths: Sequence[str],
    emotions: tuple[str, ...] | None = None,
    embedding: bool = False,
    is_over: Callable[[], bool] | None = None,
) -> list[dict]:
    """Judge each file; what is wrong with one of them stands in its place.

    Raises CancelledError soon after `is_over()` has become True.
    """
    found = []
    for path in paths:
        if is_over and is_over():
            raise CancelledError
        try:
            found.append(answer(pipeline, path, emotions, embedding, is_over))
        except CancelledError:
            raise
        except Exception as error:  # the others are judged all the same
            found.append({"file": Path(path).name, "error": problem(error).to_dict()})
    return found


def _endpoint(function: Callable, parameters: list, text: str, **limits) -> None:
    gr.on(
        [],
        function,
        inputs=parameters,
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
