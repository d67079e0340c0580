"""Recordings shared by visitors: see `train.feedback`."""

from pathlib import Path

from train.corpora.utterance import Corpus, Utterance


def parse(folder: Path) -> list[Utterance]:
    """Those that a maintainer has accepted."""
    from train.feedback import utterances  # which knows Utterance, and loads a voice detector

    return utterances(folder)


FEEDBACK = Corpus(
    name="feedback",
    title="Shared recordings",
    parse=parse,
    language="und",
    license="by consent, for training; private",
    citation="visitors of the page",
    how_to_get="Run `python -m train fetch-feedback` and `python -m train review-feedback`.",
)
