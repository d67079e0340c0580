"""Figures go into README.md, two pages of docs/ and the app. None is typed by hand."""

import json
import re
from pathlib import Path

from train.places import RESULTS, ROOT
from train.report.page_figures import page_figures
from train.report.performance import performance_lines
from train.report.readme import front_lines
from train.report.results_page import page_lines

README = "README.md"
RESULTS_PAGE = "docs/results.md"
PERFORMANCE_PAGE = "docs/performance.md"
PAGE = "page/measured.json"


def write(check: bool = False, root: Path = ROOT) -> None:
    """Fill the marked parts of README.md and docs/performance.md under `root`; write the other two.

    With `check` nothing is written: ValueError where one of them is out of date.
    """
    speed = performance_lines(ROOT / "benchmarks")
    texts = {
        README: _filled(root / README, "results", front_lines(RESULTS)),
        PERFORMANCE_PAGE: _filled(root / PERFORMANCE_PAGE, "performance", speed),
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
