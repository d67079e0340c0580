"""Figures go into README.md, docs/results.md, docs/speed.md and the page. None is typed by hand."""

import json
import re
from pathlib import Path

from train.places import RESULTS, ROOT
from train.report.page_figures import page_figures
from train.report.readme import front_lines
from train.report.results_page import page_lines
from train.report.speed import speed_lines

README = "README.md"
RESULTS_PAGE = "docs/results.md"
SPEED_PAGE = "docs/speed.md"
PAGE = "page/measured.json"


def write(check: bool = False, root: Path = ROOT) -> None:
    """Fill the marked parts of README.md and docs/speed.md under `root`; write the other two.

    With `check` nothing is written: ValueError where one of them is out of date.
    """
    texts = {
        README: _filled(root / README, "results", front_lines(RESULTS)),
        SPEED_PAGE: _filled(root / SPEED_PAGE, "speed", speed_lines(ROOT / "benchmarks")),
        RESULTS_PAGE: _text(page_lines(RESULTS)),
        PAGE: json.dumps(page_figures(RESULTS), indent=1) + "\n",
    }
    for name, text in texts.items():
        path = root / name
        if path.exists() and path.read_text() == text:
            continue
        if check:
            raise ValueError(f"{path} is out of date: run `python -m train report`.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _filled(page: Path, part: str, lines: list[str]) -> str:
    """The page's text with these lines between the marks of this part."""
    pattern = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    text = page.read_text()
    if not pattern.search(text):
        raise ValueError(f"{page} has no part marked <!-- {part} -->.")
    return pattern.sub(lambda match: match[1] + _text(lines) + match[2], text)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
