"""gradio, imported without the type stubs that it writes for editors.

At each start gradio reads the source of its eighty components, and a .pyi file beside each, to see
whether that is up to date: a third of the time until the first page. Where a class has no source
file, which `inspect` tells, it makes none. Whoever wants the stubs has them by importing gradio.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def without_stubs() -> Iterator[None]:
    """While gradio is imported."""
    of_anything = inspect.getfile
    inspect.getfile = _but_of_components(of_anything)
    try:
        yield
    finally:
        inspect.getfile = of_anything


def _but_of_components(getfile: Callable[[object], str]) -> Callable[[object], str]:
    def found(thing: object) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stub is wanted")
        return getfile(thing)

    return found


with without_stubs():
    import gradio  # noqa: F401
