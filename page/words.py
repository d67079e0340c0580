"""What the page says: the notice, the model, the answer, why there is none."""

import html

from page.limits import DELETE_AFTER_S
from ser import plots
from ser.checkpoints.checkpoint import expected_row
from ser.labels import EMOTIONS
from ser.prediction import Prediction

EMPTY = "Please record or choose a sound first."
GONE = "This recording has been deleted by now: please record or choose it again."
BROKEN = "Something went wrong on our side: please try again, or try another recording."


def notice(metrics: list[dict], instead: str | None, is_shared: bool) -> str:
    """Give the title, and what everybody must know before speaking.

    `instead` tells which model answers where it is not the one asked for.
    """
    unless = ", unless you share it" if is_shared else ""
    instead = f"<p><strong>Note:</strong> {html.escape(instead)}</p>" if instead else ""
    return f"""
<h1>How does a voice sound?</h1>
<aside aria-label="Please know">
<p><strong>A machine estimates the <em>perceived expression</em> of a voice: how it may sound to
others.</strong> It learned from actors, most of them speaking North American English, and errs
often in noise, over a telephone, on other accents, languages and everyday speech. Not for judging
people at work or in education (the EU AI Act prohibits that), nor for anything that matters.</p>
<p>{accuracy(metrics)}{elsewhere(metrics)}
A recording is deleted within {DELETE_AFTER_S / 60:g} minutes{unless}.</p>
{instead}
</aside>"""


def accuracy(metrics: list[dict]) -> str:
    """Say what was measured on speakers that the model never heard."""
    row = expected_row(metrics)
    if row is None:
        return "Its accuracy on actors it never heard: <strong>not measured yet</strong>."
    low, high = row["ci95"]
    return (
        "Of each of the eight emotions, by actors it never heard, it recognises on average "
        f"<strong>{100 * row['ua']:.0f}&nbsp;%</strong> (95&nbsp;% interval {100 * low:.0f} to "
        f"{100 * high:.0f}); chance is 12.5&nbsp;%, people reach 60 to 67&nbsp;%."
    )


def elsewhere(metrics: list[dict]) -> str:
    """Say what was measured on corpora that were not learnt; nothing where none was."""
    left_out = [row for row in metrics if row.get("protocol") == "leave-one-corpus-out"]
    if left_out:
        ua = sum(row["ua_restricted"] for row in left_out) / len(left_out)
        chance = sum(1 / len(row["classes"]) for row in left_out) / len(left_out)
        return (
            f" On {len(left_out)} corpora, each left out of its training in turn, it recognises "
            f"on average <strong>{100 * ua:.0f}&nbsp;%</strong> of the emotions that a corpus has "
            f"(chance {100 * chance:.0f}&nbsp;%)."
        )
    shares = [row["ua"] for row in metrics if row.get("protocol") == "cross-corpus"]
    if not shares:
        return ""
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    corpora = "another corpus" if len(shares) == 1 else f"{len(shares)} other corpora"
    return (
        f" On {corpora}, of other speakers and sentences, it recognises "
        f"<strong>{low if low == high else f'{low} to {high}'}&nbsp;%</strong>."
    )


def answer(prediction: Prediction) -> str:
    """Give the sentence, and the warnings under it."""
    warnings = "".join(f"<li>{html.escape(text)}</li>" for text in prediction.warnings)
    warnings = f'<ul class="warnings" aria-label="Warnings">{warnings}</ul>' if warnings else ""
    sentence = html.escape(plots.answer_sentence(prediction))
    return f'<p class="answer">{sentence}</p>{warnings}'


def no_answer(sentence: str) -> str:
    """Say why there is no answer."""
    return f'<p class="answer wrong">{html.escape(sentence)}</p>'


def in_words(prediction: Prediction) -> str:
    """Give what the plots show, for people who cannot see them."""
    rows = "".join(
        f'<tr><th scope="row">{emotion.emoji} {emotion.name}</th><td>{100 * p:.1f} %</td></tr>'
        for emotion, p in zip(EMOTIONS, prediction.probabilities, strict=True)
    )
    return f"""
<p>{html.escape(plots.attention_sentence(prediction))}</p>
<table><caption>Probability of each expression</caption><tbody>{rows}</tbody></table>"""
