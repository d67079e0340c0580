"""What the page says above everything: the heading, one line of honesty, the parts."""

import html

from page.figures import in_ten, right_at_home, right_elsewhere
from page.limits import DELETE_AFTER_S
from ser.checkpoints.checkpoint import expected_row

EMPTY = "Please record or choose a sound first."
GONE = "This recording has been deleted by now: please record or choose it again."
BROKEN = "Something went wrong on our side: please try again, or try another recording."


def head(metrics: list[dict], instead: str | None, parts: dict[str, str]) -> str:
    """Heading, honesty, and the links to the parts (id -> name).

    `instead` tells what is not as it should be, such as another model than the one asked for.
    """
    links = "".join(
        f'<li><a href="?tab={part}" data-part="{part}">{name}</a></li>'
        for part, name in parts.items()
    )
    instead = f"<p><strong>Note:</strong> {html.escape(instead)}</p>" if instead else ""
    return f"""
<h1>How does a voice sound?</h1>
<p class="honest">A guess at how a voice sounds, not at what someone feels. {how_right(metrics)}
Not for judging people.
<a href="?tab=about" data-part="about">Limits, law and privacy</a></p>
{instead}
<nav class="parts" aria-label="Parts of this page"><ul>{links}</ul></nav>"""


def how_right(metrics: list[dict]) -> str:
    """How often the model is right, at home and abroad, as far as it was measured."""
    home, abroad = right_at_home(metrics), right_elsewhere(metrics)
    if home is None:
        return "How often it is right was not measured yet."
    elsewhere = f", {in_ten(abroad)} in other recordings" if abroad is not None else ""
    return f"Right {in_ten(home)} times with actors it never heard{elsewhere}."


def notice(metrics: list[dict], is_shared: bool) -> str:
    """What everybody should know before relying on an answer."""
    unless = ", unless you share it" if is_shared else ""
    return f"""
<p><strong>A machine estimates the <em>perceived expression</em> of a voice: how it may sound to
others.</strong> It learned from actors, most of them speaking North American English, and errs
often in noise, over a telephone, on other accents, languages and everyday speech. Not for judging
people at work or in education (the EU AI Act prohibits that, Art. 5(1)(f)), nor for anything that
matters.</p>
<p>{accuracy(metrics)}{elsewhere(metrics)}</p>
<p>What you send goes to this server and to nobody else. A recording is deleted within
{DELETE_AFTER_S / 60:g} minutes{unless}. A live voice is not stored at all.</p>"""


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
