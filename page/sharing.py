"""The panel in which a visitor shares a recording by consent, and takes it back.

Layout, words and wiring only: `ser.feedback.queue` keeps the queue and carries it to the Hub.
"""

import html
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import gradio as gr
from gradio.blocks import Block

from page.answer import named
from page.consent import agree, consent, whereabouts
from page.language import ENGLISH, Say, in_each, speaking_to, told
from ser.feedback.queue import Feedback, FeedbackError
from ser.labels import EMOTIONS
from ser.prediction import Prediction

POLL_EVERY_S = 2.0  # only while something is on its way to the Hub
RIGHT, UNSURE = "right", "unsure"
EXPRESSIONS = [
    *((in_each(partial(named, emotion)), emotion.name) for emotion in EMOTIONS),
    (told("I can't tell"), UNSURE),
]
CHOICES = [(told("The answer was right"), RIGHT), *EXPRESSIONS]

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
Asked = tuple  # path of a recording, and what else tells which answer shows
PRIVATE = {"api_visibility": "private"}  # events of the page, not of the API
LOG = logging.getLogger(__name__)


@dataclass
class _Visit:
    """One page load: its random id, and the receipt of each recording shared in it."""

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    receipts: dict[Asked | str, str] = field(default_factory=dict)  # of a part, or by path


def question(choices: Sequence[tuple[str, str]], name: str = "") -> tuple[gr.Column, gr.Radio]:
    """Lay out the question of what is heard, in a form that is hidden at first.

    `name` stands before the ids of its elements.
    """
    with gr.Column(visible=False, elem_id=f"{name}share") as form:
        return form, gr.Radio(choices, label=told(QUESTION), elem_id=f"{name}expression")


def sharing_panel(
    feedback: Feedback,
    judge: Callable[..., Prediction],
    judged: gr.State,
    form: gr.Column,
    label: gr.Radio,
    name: str = "",
    is_part: bool = False,
) -> tuple[Callable[[Asked | None, Asked | None], dict], list[Block]]:
    """Lay out the consent in the form, the rest inside the current Blocks; wire it to the queue.

    Parameters
    ----------
    feedback
        Where recordings go.
    judge
        The parts of an `Asked` -> Prediction; raises gr.Error with a sentence for visitors.
    judged
        What `judge` was asked for the answer that shows, None without one; the form shows with it.
    form, label
        As `question` gives them. Consent is asked for after that is answered.
    name
        What stands before the ids of the elements.
    is_part
        It is one utterance of a recording, in which other people may be heard.

    Returns
    -------
    offer
        Values of `judged` before and after a new answer -> updates of the form. They go out with
        the answer itself: a form emptied a moment later would lose what was just chosen.
    fields
        The components that these updates name.
    """
    repo = feedback.dataset.repo
    visits, taken = gr.State(), gr.State()  # _Visit; the receipt that was withdrawn last
    timer = gr.Timer(POLL_EVERY_S, active=False)
    with form, gr.Column(visible=False) as agreement:
        gr.HTML(in_each(partial(consent, repo, is_part)), elem_id=f"{name}consent")
        agreed = gr.Checkbox(label=in_each(partial(agree, is_part)))
        what = told("Share this utterance") if is_part else told("Share this recording")
        share_button = gr.Button(what, variant="primary")
        problem = gr.HTML(elem_id=f"{name}share-problem")
    with gr.Column(visible=False) as kept:
        receipt = gr.Textbox(
            label=told("Your receipt: keep it, for it alone can take the recording back"),
            buttons=["copy"],
            interactive=False,
            elem_id=f"{name}receipt",
        )
        status = gr.HTML(elem_id=f"{name}share-status")
        earlier = gr.HTML(elem_id=f"{name}earlier")
    with gr.Accordion(told("Take a shared recording back"), open=False, elem_id=f"{name}take-back"):
        receipt_box = gr.Textbox(
            label=told("The receipt you got when you shared it"), max_length=100
        )
        take_button = gr.Button(told("Take it back"))
        take_status = gr.HTML(elem_id=f"{name}take-status")

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

    def asked_again(receipt_text: str | None, taken_text: str | None, request: gr.Request) -> dict:
        return report(receipt_text, taken_text, speaking_to(request))

    def report(receipt_text: str | None, taken_text: str | None, say: Say) -> dict:
        """Say where both recordings are, and go on asking while one is on its way."""
        shown = {status: receipt_text, take_status: taken_text}
        states = {place: feedback.state(text) for place, text in shown.items() if text}
        waiting = {"queued", "withdrawing"} & set(states.values())
        return {
            **{place: said(whereabouts(state, repo, say)) for place, state in states.items()},
            timer: gr.Timer(active=bool(waiting)),
        }

    def share(
        asked: Asked | None,
        chosen: str | None,
        is_agreed: bool,
        visit: _Visit | None,
        taken_text: str | None,
        request: gr.Request,
    ) -> dict:
        """Judge the recording anew and queue it; a second click gives the same receipt."""
        say = speaking_to(request)
        again = {share_button: gr.Button(interactive=True)}
        if asked is None:
            return again | {problem: wrong(UNHEARD, say)}
        if chosen is None:
            return again | {problem: wrong(UNCHOSEN, say)}
        if not is_agreed:
            return again | {problem: wrong(UNTICKED, say)}
        visit = visit or _Visit()
        one = asked if is_part else asked[0]  # whichever model answered for a recording
        text = visit.receipts.get(one)
        if text is None or feedback.state(text) not in ("queued", "saved"):
            try:
                prediction = judge(*asked)
                heard = {RIGHT: prediction.label, UNSURE: None}.get(chosen, chosen)
                text = feedback.share(prediction, heard, visit.id, address(request), say.language)
            except (gr.Error, FeedbackError) as error:
                return again | {problem: wrong(getattr(error, "message", str(error)), say)}
            except Exception:
                LOG.exception("A recording could not be queued")
                return again | {problem: wrong(BROKEN, say)}
            visit.receipts[one] = text
        return report(text, taken_text, say) | {
            share_button: gr.Button(interactive=False),  # until the recording changes
            agreed: False,
            problem: "",
            kept: gr.Column(visible=True),
            receipt: text,
            earlier: others(visit, text, say),
            visits: visit,
        }

    def take_back(text: str, receipt_text: str | None, request: gr.Request) -> dict:
        say = speaking_to(request)
        try:
            feedback.withdraw(text, visitor=address(request))
        except FeedbackError as error:
            return {take_status: wrong(str(error), say), taken: None}
        except Exception:
            LOG.exception("A recording could not be withdrawn")
            return {take_status: wrong(NOT_TAKEN_BACK, say), taken: None}
        return report(receipt_text, text, say) | {taken: text}

    label.input(lambda: gr.Column(visible=True), None, agreement, queue=False, **PRIVATE)
    share_button.click(None, outputs=share_button, js=DISABLE)
    share_button.click(
        share,
        [judged, label, agreed, visits, taken],
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
        asked_again,
        [receipt, taken],
        [status, take_status, timer],
        queue=False,
        show_progress="hidden",
        **PRIVATE,
    )
    return offer, [form, label, agreement, agreed, share_button, problem]


def others(visit: _Visit, newest: str, say: Say = ENGLISH) -> str:
    """List what else was shared in this visit, so that no receipt is lost."""
    receipts = [text for text in visit.receipts.values() if text != newest]
    lines = "".join(f"<li><code>{text}</code></li>" for text in receipts)
    return f"<p>{say('Earlier receipts of this visit:')}</p><ul>{lines}</ul>" if lines else ""


def said(sentence: str) -> str:
    """Tell how things stand; a screen reader says it too."""
    return f'<p role="status">{html.escape(sentence)}</p>'


def wrong(sentence: str, say: Say = ENGLISH) -> str:
    """Tell what is missing; a screen reader says it at once."""
    return f'<p class="wrong" role="alert">{say.heard(sentence)}</p>'


def address(request: gr.Request) -> str:
    """Give what a visitor is counted by: the address that the server found, else the sender's."""
    return getattr(request.state, "visitor", None) or request.client.host
