"""What is agreed to when a recording is shared, and where it then is.

Whoever changes the text raises `ser.feedback.queue.CONSENT_VERSION`.
"""

import html

from page.language import ENGLISH, Say


def consent(repo: str, is_part: bool = False, say: Say = ENGLISH) -> str:
    """Say what is agreed to; `is_part`: of one utterance of a longer recording."""
    sound = (
        say("the sound of this one utterance (as 16 kHz FLAC) and nothing else of the recording")
        if is_part
        else say("the sound (as 16 kHz FLAC)")
    )
    points = [
        (
            say("What is stored:"),
            say(
                "{sound}, the answer you give here, the model's probabilities and its revision, "
                "today's date, the versions of this app and of this text, and its language, a "
                "random number for this visit, and a hash of your receipt. No name, no address, "
                "nothing about your browser (shares are counted by address for an hour, in memory "
                "only). A voice alone can be recognised by those who know it.",
                sound=sound,
            ),
        ),
        (
            say("What for:"),
            say("improving and testing this model, and nothing else."),
        ),
        (say("How long:"), say("until you take it back, or the project ends.")),
        (
            say("Who hears it:"),
            say(
                "the maintainers of the private dataset <strong>{repo}</strong> on the Hugging "
                "Face Hub.",
                repo=html.escape(repo),
            ),
        ),
        (
            say("Taking it back:"),
            say(
                "whenever you like, with the receipt you get, at the end of this page. It is then "
                "deleted here, in the dataset and in its history; but a model that is already "
                "published cannot forget what it learned."
            ),
        ),
    ]
    if is_part:
        other = say(
            "somebody else may be heard in this utterance, in the background too. Listen to it "
            "first, and share it only if everybody who is heard has agreed."
        )
        points.insert(1, (say("Other people's voices:"), other))
    items = "".join(f"<li><strong>{title}</strong> {text}</li>" for title, text in points)
    free = say("Sharing is your choice; the page works without it. What it means:")
    return f'<div class="consent"><p>{free}</p><ul>{items}</ul></div>'


def agree(is_part: bool = False, say: Say = ENGLISH) -> str:
    """The sentence beside the box that has to be ticked."""
    if is_part:
        return say(
            "I am 18 or older, everybody who is heard in this utterance agrees, and I agree that "
            "it is stored and used as described above."
        )
    return say(
        "I am 18 or older, this is my own voice, and I agree that this recording is stored and "
        "used as described above."
    )


def whereabouts(state: str, repo: str, say: Say = ENGLISH) -> str:
    """Say where a shared recording is; `state` as `Feedback.state` gives it."""
    return {
        "queued": say("Queued: kept here until {repo} has it, usually within a minute.", repo=repo),
        "saved": say("Saved in {repo}.", repo=repo),
        "withdrawing": say(
            "Deleted here. It will be gone from the dataset and from its history as soon as the "
            "Hub answers."
        ),
        "withdrawn": say(
            "Gone: nothing with this receipt is left here, in {repo} or in its history.", repo=repo
        ),
        "unknown": say("No recording with this receipt is known here."),
    }[state]
