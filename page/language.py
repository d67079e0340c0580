"""In which language the page speaks: sentences in English, and `texts/` with their translations.

A sentence is its own key. `texts/de.json` has under "page" what the page says, in Python and in
`browser/`, and under "heard" what `ser` says and every error: these sentences come finished, so
their keys are also patterns. What has no translation stays English as a whole.

The page is laid out once, for everybody: where it says something it has a mark (`told`, `in_each`),
in whose place the server puts the text when it sends the page (`server.opening`).
"""

import hashlib
import html
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import gradio as gr

from ser.labels import LABELS

FOLDER = Path(__file__).parent / "texts"
LANGUAGES = ("en", *sorted(path.stem for path in FOLDER.glob("*.json")))
NO_BREAK = "\u00a0"
DECIMAL = re.compile(r"\d+\.\d+( s)?")
LAID_OUT: dict[str, dict[str, str]] = {}  # the text of each mark, by language


class Say:
    """Sentences in one language: `say("{n} of {of} judged", n=3, of=7)`.

    Numbers are written as the language does. Values are not escaped.
    """

    def __init__(self, language: str):
        self.language = language
        texts = {"page": {}, "heard": {}}
        if language != "en":
            texts = json.loads((FOLDER / f"{language}.json").read_text())
        self._page: Mapping[str, str] = texts["page"]
        self._heard: Mapping[str, str] = texts["heard"]
        self._patterns = {key: pattern(key) for key in self._heard if "{" in key}
        self.unknown: set[str] = set()  # what had no translation

    def __call__(self, sentence: str, **values: object) -> str:
        """The sentence in this language, with the values in the places of their names."""
        if self.language != "en" and sentence not in self._page:
            self.unknown.add(sentence)
        text = self._page.get(sentence, sentence)
        return text.format(**{name: self._written(v) for name, v in values.items()})

    @property
    def separators(self) -> str:
        """What stands before decimals, and between thousands, as Plotly takes it."""
        return ".," if self.language == "en" else ",."

    def many(self, one: str, more: str, n: int, **values: object) -> str:
        """One of two sentences, by the number `n` in them."""
        return self(one if n == 1 else more, n=n, **values)

    def percent(self, share: float) -> str:
        """A share as people read it, as `ser.plots.percent`."""
        if 0 < share < 0.005:
            return self("under {share}", share=f"1{NO_BREAK}%")
        return f"{100 * share:.0f}{NO_BREAK}%"

    def heard(self, sentence: str) -> str:
        """A sentence of `ser` as HTML; marked as English where it has no translation."""
        if self.language == "en":
            return html.escape(sentence)
        if found := self.translated(sentence):
            return html.escape(found)
        return f'<span lang="en">{html.escape(sentence)}</span>'

    def translated(self, sentence: str) -> str | None:
        """A sentence of `ser` in this language; None where it has no translation."""
        if self.language == "en":
            return sentence
        if sentence in self._heard:
            return self._heard[sentence]
        for key, known in self._patterns.items():
            if match := known.fullmatch(sentence):
                values = {name: self._value(text) for name, text in match.groupdict().items()}
                return self._heard[key].format(**values)
        return None

    def _value(self, text: str) -> str:
        """A value in a sentence of `ser`: emotions by their names, a decimal with its comma."""
        names = text.split(", ")
        if set(names) <= set(LABELS):
            return ", ".join(self._page.get(name, name) for name in names)
        return text.replace(".", ",") if DECIMAL.fullmatch(text) else text

    def _written(self, value: object) -> object:
        is_number = isinstance(value, int | float)
        return _Written(value) if is_number and self.language != "en" else value


class _Written:
    """A number with a comma in it, and points between its thousands."""

    def __init__(self, number: float):
        self._number = number

    def __format__(self, spec: str) -> str:
        return format(self._number, spec).translate({ord("."): ",", ord(","): "."})


def pattern(sentence: str) -> re.Pattern:
    """What finds a sentence, and its values by their names."""
    parts = re.split(r"\{(\w+)[^}]*\}", sentence)
    named = (f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(parts))
    return re.compile("".join(named), re.DOTALL)


@cache
def speaking(language: str) -> Say:
    """The sentences of a language; English ones for any that is not known here."""
    return Say(language if language in LANGUAGES else "en")


ENGLISH = speaking("en")


def speaking_to(request: gr.Request) -> Say:
    """The sentences for whoever asks: the page's own requests name its language, and no other."""
    return speaking(request.headers.get("accept-language", "")[:2])


def in_each(make: Callable[[Say], str]) -> str:
    """A mark for a text that is made in every language."""
    texts = {language: make(speaking(language)) for language in LANGUAGES}
    digest = hashlib.sha256("\0".join(texts.values()).encode()).hexdigest()
    mark = f"\ue000{digest[:16]}\ue001"
    LAID_OUT[mark] = texts
    return mark


def told(sentence: str, **values: object) -> str:
    """A mark for a sentence."""
    return in_each(lambda say: say(sentence, **values))
