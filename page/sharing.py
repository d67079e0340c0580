"""The panel in which a visitor shares a recording by consent, and takes it back.

Layout, words and wiring only: `ser.feedback.queue` keeps the queue and carries it to the Hub.
"""

import html
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import gradio as gr
from gradio.blocks import Block

from ser.feedback.queue import Feedback, FeedbackError
from ser.labels import EMOTIONS
from ser.prediction import Prediction

POLL_EVERY_S = 2.0  # only while something is on its way to the Hub
RIGHT, UNSURE = "right", "unsure"
CHOICES = [
    ("The answer was right", RIGHT),
    *((f"{emotion.emoji} {emotion.name}", emotion.name) for emotion in EMOTIONS),
    ("I can't tell", UNSURE),
]

QUESTION = "Which expression do you hear in it?"
DISABLE = "() => ({__type__: 'update', interactive: false})"
UNCHOSEN = "Please say first which expression you hear, or that you can't tell."
UNTICKED = "Please tick the box first: without your consent nothing is stored."
UNHEARD = "Please wait for the answer to this recording first."
BROKEN = "Something went wrong on our side, and nothing was stored: please try again."
NOT_TAKEN_BACK = "Something went wrong on our side: please try again until it says that it is gone."
OUT_OF_ORDER = (
    "Recordings can be neither shared nor taken back just now; whoever runs this app has been told."
)
Asked = tuple[str, int]  # path of a recording, number of the model that judges it
PRIVATE = {"api_visibility": "private"}  # events of the page, not of the API
LOG = logging.getLogger(__name__)


def consent(repo: str) -> str:
    """Say what is agreed to; whoever changes it raises `ser.feedback.queue.CONSENT_VERSION`."""
    repo = html.escape(repo)
    return f"""
<p>Sharing is your choice; the page works without it. What it means:</p>
<ul>
<li><strong>What is stored:</strong> the sound (as 16 kHz FLAC), the answer you give here, the
model's probabilities and its revision, today's date, the versions of this app and of this text, a
random number for this visit, and a hash of your receipt. No name, no address, nothing about your
browser (shares are counted by address for an hour, in memory only). A voice alone can be recognised
by those who know it.</li>
<li><strong>What for:</strong> improving and testing this model, and nothing else.</li>
<li><strong>How long:</strong> until you take it back, or the project ends.</li>
<li><strong>Who hears it:</strong> the maintainers of the private dataset
<strong>{repo}</strong> on the Hugging Face Hub.</li>
<li><strong>Taking it back:</strong> whenever you like, with the receipt you get, at the end of
this page. It is then deleted here, in the dataset and in its history; but a model that is already
published cannot forget what it learned.</li>
</ul>"""


AGREE = (
    "I am 18 or older, this is my own voice, and I agree that this recording is stored and used "
    "as described above."
)


def whereabouts(state: str, repo: str) -> str:
    """Say where a shared recording is; `state` as `Feedback.state` gives it."""
    return {
        "queued": f"Queued: kept here until {repo} has it, usually within a minute.",
        "saved": f"Saved in {repo}.",
        "withdrawing": "Deleted here. It will be gone from the dataset and from its history as "
        "soon as the Hub answers.",
        "withdrawn": f"Gone: nothing with this receipt is left here, in {repo} or in its history.",
        "unknown": "No recording with this receipt is known here.",
    }[state]


@dataclass
class _Visit:
    """One page load: its random id, and the receipt of each recording shared in it."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    receipts: dict[str, str] = field(default_factory=dict)  # by the recording's path


def sharing_panel(
    feedback: Feedback,
    judge: Callable[[str, int], Prediction],
    recording: gr.State,
    judged: gr.State,
    place: gr.Column,
) -> tuple[Callable[[Asked | None, Asked | None], dict], list[Block]]:
    """Lay out the question in `place`, the rest inside the current Blocks; wire it to the queue.

    Parameters
    ----------
    feedback
        Where recordings go.
    judge
        Path of a recording and number of a model -> Prediction; raises gr.Error with a sentence
        for visitors.
    recording
        The component that gives the path.
    judged
        What `judge` was asked for the answer that shows, None without one; the form shows with it.
    place
        Where it is asked whether the answer is right. Consent is asked for after that is answered.

    Returns
    -------
    offer
        Values of `judged` before and after a new answer -> updates of the form. They go out with
        the answer itself: a form emptied a moment later would lose what was just chosen.
    form
        The components that these updates name.
    """
    repo = feedback.dataset.repo
    visits, taken = gr.State(), gr.State()  # _Visit; the receipt that was withdrawn last
    timer = gr.Timer(POLL_EVERY_S, active=False)
    with place, gr.Column(visible=False, elem_id="share") as form:
        label = gr.Radio(CHOICES, label=QUESTION, elem_id="expression")
        with gr.Column(visible=False) as agreement:
            gr.HTML(consent(repo), elem_id="consent")
            agreed = gr.Checkbox(label=AGREE)
            share_button = gr.Button("Share this recording", variant="primary")
            problem = gr.HTML(elem_id="share-problem")
    with gr.Column(visible=False) as kept:
        receipt = gr.Textbox(
            label="Your receipt: keep it, for it alone can take the recording back",
            buttons=["copy"],
            interactive=False,
            elem_id="receipt",
        )
        status = gr.HTML(elem_id="share-status")
        earlier = gr.HTML(elem_id="earlier")
    with gr.Accordion("Take a shared recording back", open=False, elem_id="take-back"):
        receipt_box = gr.Textbox(label="The receipt you got when you shared it", max_length=100)
        take_button = gr.Button("Take it back")
        take_status = gr.HTML(elem_id="take-status")

    def offer(before: Asked | None, asked: Asked | None) -> dict:
        """Show an empty form for each new answer; the same answer again leaves it alone."""
        if asked == before:
            return {}
        return {
            form: gr.Column(visible=asked is not None),
            label: None,
            agreement: gr.Column(visible=False),
            agreed: False,
            share_button: gr.Button(interactive=True),
            problem: "",
        }

    def report(receipt_text: str | None, taken_text: str | None) -> dict:
        """Say where both recordings are, and go on asking while one is on its way."""
        shown = {status: receipt_text, take_status: taken_text}
        states = {place: feedback.state(text) for place, text in shown.items() if text}
        waiting = {"queued", "withdrawing"} & set(states.values())
        return {
            **{place: said(whereabouts(state, repo)) for place, state in states.items()},
            timer: gr.Timer(active=bool(waiting)),
        }

    def share(
        path: str | None,
        asked: Asked | None,
        chosen: str | None,
        is_agreed: bool,
        visit: _Visit | None,
        taken_text: str | None,
        request: gr.Request,
    ) -> dict:
        """Judge the recording anew and queue it; a second click gives the same receipt."""
        again = {share_button: gr.Button(interactive=True)}
        if asked is None or path != asked[0]:
            return again | {problem: wrong(UNHEARD)}
        if chosen is None:
            return again | {problem: wrong(UNCHOSEN)}
        if not is_agreed:
            return again | {problem: wrong(UNTICKED)}
        visit = visit or _Visit()
        text = visit.receipts.get(path)
        if text is None or feedback.state(text) not in ("queued", "saved"):
            try:
                prediction = judge(*asked)
                named = {RIGHT: prediction.label, UNSURE: None}.get(chosen, chosen)
                text = feedback.share(prediction, named, visit.id, visitor=address(request))
            except (gr.Error, FeedbackError) as error:
                return again | {problem: wrong(getattr(error, "message", str(error)))}
            except Exception:
                LOG.exception("A recording could not be queued")
                return again | {problem: wrong(BROKEN)}
            visit.receipts[path] = text
        return report(text, taken_text) | {
            share_button: gr.Button(interactive=False),  # until the recording changes
            agreed: False,
            problem: "",
            kept: gr.Column(visible=True),
            receipt: text,
            earlier: others(visit, text),
            visits: visit,
        }

    def take_back(text: str, receipt_text: str | None, request: gr.Request) -> dict:
        try:
            feedback.withdraw(text, visitor=address(request))
        except FeedbackError as error:
            return {take_status: wrong(str(error)), taken: None}
        except Exception:
            LOG.exception("A recording could not be withdrawn")
            return {take_status: wrong(NOT_TAKEN_BACK), taken: None}
        return report(receipt_text, text) | {taken: text}

    label.input(lambda: gr.Column(visible=True), None, agreement, queue=False, **PRIVATE)
    share_button.click(None, outputs=share_button, js=DISABLE)
    share_button.click(
        share,
        [recording, judged, label, agreed, visits, taken],
        [share_button, agreed, problem, kept, receipt, status, earlier, take_status, visits, timer],
        show_progress_on=problem,
        concurrency_limit=1,  # so that the second of two clicks finds the receipt of the first
        **PRIVATE,
    ).failure(lambda: gr.Button(interactive=True), None, share_button, queue=False, **PRIVATE)
    gr.on(
        [take_button.click, receipt_box.submit],
        take_back,
        [receipt_box, receipt],
        [take_status, status, taken, timer],
        **PRIVATE,
    )
    timer.tick(
        report,
        [receipt, taken],
        [status, take_status, timer],
        queue=False,
        show_progress="hidden",
        **PRIVATE,
    )
    return offer, [form, label, agreement, agreed, share_button, problem]


def others(visit: _Visit, newest: str) -> str:
    """List what else was shared in this visit, so that no receipt is lost."""
    receipts = [text for text in visit.receipts.values() if text != newest]
    lines = "".join(f"<li><code>{text}</code></li>" for text in receipts)
    return f"<p>Earlier receipts of this visit:</p><ul>{lines}</ul>" if lines else ""


def said(sentence: str) -> str:
    """Tell how things stand; a screen reader says it too."""
    return f'<p role="status">{html.escape(sentence)}</p>'


def wrong(sentence: str) -> str:
    """Tell what is missing; a screen reader says it at once."""
    return f'<p class="wrong" role="alert">{html.escape(sentence)}</p>'


def address(request: gr.Request) -> str:
    """Give what a visitor is counted by: the address that a proxy names first, else the sender's.

    It is in the visitor's hand where no proxy sets it; the size of the queue is bounded anyway.
    """
    hops = request.headers.get("x-forwarded-for", "").split(",")
    return hops[0].strip() or request.client.host
