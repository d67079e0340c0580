"""What the page says above everything: the heading, one line of honesty, the parts."""

from collections.abc import Mapping, Sequence

from page.figures import right_at_home, right_elsewhere
from page.language import ENGLISH, Say
from page.limits import DELETE_AFTER_S
from ser.checkpoints.checkpoint import expected_row

TITLE = "How does a voice sound?"
# Errors are said in English, and translated where they are shown.
EMPTY = "Please record or choose a sound first."
GONE = "This recording has been deleted by now: please record or choose it again."
CANCELLED = "This was cancelled: choose it again to have it judged."
BROKEN = "Something went wrong on our side: please try again, or try another recording."


def head(
    metrics: Sequence[dict], instead: str | None, parts: Mapping[str, str], say: Say = ENGLISH
) -> str:
    """Heading, honesty, and the links to the parts (id -> name).

    `instead` tells what is not as it should be, such as another model than the one asked for.
    """
    links = "".join(
        f'<li><a href="?tab={part}" data-part="{part}">{say(name)}</a></li>'
        for part, name in parts.items()
    )
    note = f"<p><strong>{say('Note:')}</strong> {say.heard(instead)}</p>" if instead else ""
    guess = say("A guess at how a voice sounds, not at what someone feels.")
    return f"""
<h1>{say(TITLE)}</h1>
<p class="honest">{guess} {how_right(metrics, say)} {say("Not for judging people.")}
<a href="?tab=about" data-part="about">{say("Limits, law and privacy")}</a></p>
{note}
<nav class="parts" aria-label="{say("Parts of this page")}"><ul>{links}</ul></nav>"""


def how_right(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """How often the model is right, at home and abroad, as far as it was measured."""
    home, abroad = right_at_home(metrics), right_elsewhere(metrics)
    if home is None:
        return say("How often it is right was not measured yet.")
    if abroad is None:
        return say("Right about {n} in 10 times with actors it never heard.", n=round(10 * home))
    return say(
        "Right about {n} in 10 times with actors it never heard, about {m} in 10 in other "
        "recordings.",
        n=round(10 * home),
        m=round(10 * abroad),
    )


def notice(metrics: Sequence[dict], is_shared: bool, say: Say = ENGLISH) -> str:
    """What everybody should know before relying on an answer."""
    estimate = say(
        "<strong>A machine estimates the <em>perceived expression</em> of a voice: how it may "
        "sound to others.</strong> It learned from actors, most of them speaking North American "
        "English, and errs often in noise, over a telephone, on other accents, languages and "
        "everyday speech. Not for judging people at work or in education (the EU AI Act prohibits "
        "that, Art. 5(1)(f)), nor for anything that matters."
    )
    minutes = DELETE_AFTER_S / 60
    if is_shared:
        kept = say(
            "What you send goes to this server and to nobody else. A recording is deleted within "
            "{minutes:g} minutes, unless you share it. A live voice is not stored at all.",
            minutes=minutes,
        )
    else:
        kept = say(
            "What you send goes to this server and to nobody else. A recording is deleted within "
            "{minutes:g} minutes. A live voice is not stored at all.",
            minutes=minutes,
        )
    measured = f"{accuracy(metrics, say)} {elsewhere(metrics, say)}"
    return f"<p>{estimate}</p><p>{measured}</p><p>{kept}</p>"


def accuracy(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """Say what was measured on speakers that the model never heard."""
    row = expected_row(metrics)
    if row is None:
        return say("Its accuracy on actors it never heard: <strong>not measured yet</strong>.")
    low, high = row["ci95"]
    return say(
        "Of each of the eight emotions, by actors it never heard, it recognises on average "
        "<strong>{ua:.0f}&nbsp;%</strong> (95&nbsp;% interval {low:.0f} to {high:.0f}); chance is "
        "{chance:.1f}&nbsp;%, people reach 60 to 67&nbsp;%.",
        ua=100 * row["ua"],
        low=100 * low,
        high=100 * high,
        chance=12.5,
    )


def elsewhere(metrics: Sequence[dict], say: Say = ENGLISH) -> str:
    """Say what was measured on corpora that were not learnt; nothing where none was."""
    left_out = [row for row in metrics if row.get("protocol") == "leave-one-corpus-out"]
    if left_out:
        ua = sum(row["ua_restricted"] for row in left_out) / len(left_out)
        chance = sum(1 / len(row["classes"]) for row in left_out) / len(left_out)
        return say(
            "On {n} corpora, each left out of its training in turn, it recognises on average "
            "<strong>{ua:.0f}&nbsp;%</strong> of the emotions that a corpus has (chance "
            "{chance:.0f}&nbsp;%).",
            n=len(left_out),
            ua=100 * ua,
            chance=100 * chance,
        )
    shares = [row["ua"] for row in metrics if row.get("protocol") == "cross-corpus"]
    if not shares:
        return ""
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    span = low if low == high else say("{low} to {high}", low=low, high=high)
    return say.many(
        "On another corpus, of other speakers and sentences, it recognises "
        "<strong>{span}&nbsp;%</strong>.",
        "On {n} other corpora, of other speakers and sentences, it recognises "
        "<strong>{span}&nbsp;%</strong>.",
        len(shares),
        span=span,
    )
