"""Run the tests where ffmpeg is not installed; which of them skip there is a committed list.

`python -m tests.without_ffmpeg` exits with 1 where a test fails or the list differs; `--write`
makes the list anew. What skips because corpora or Chromium are missing, too, is no difference.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

HIDDEN = {"ffmpeg", "ffprobe", "ffplay"}
LISTED = Path(__file__).parent / "skipped_without_ffmpeg.txt"


def link_programs(folder: Path) -> None:
    """Fill `folder` with links to every program on PATH but those of ffmpeg."""
    for place in os.get_exec_path():
        for program in Path(place).absolute().glob("*"):
            link = folder / program.name
            if program.name in HIDDEN or link.is_symlink():  # the first of a name wins, as on PATH
                continue
            if program.is_file() and os.access(program, os.X_OK):
                link.symlink_to(program)


def run_tests(*arguments: str) -> tuple[int, dict[str, str]]:
    """Run pytest without ffmpeg: its exit status, and why each test was skipped that was."""
    with tempfile.TemporaryDirectory(prefix="ser-without-") as folder:
        programs, report = Path(folder) / "bin", Path(folder) / "report.xml"
        programs.mkdir()
        link_programs(programs)
        environment = os.environ | {"PATH": str(programs)}
        environment.pop("SER_NO_SKIP", None)
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments]
        status = subprocess.run(command, env=environment).returncode
        return status, skipped(report) if report.is_file() else {}


def skipped(report: Path) -> dict[str, str]:
    """Read the reasons from a JUnit report, by "module::test"."""
    reasons = {}
    for case in ElementTree.parse(report).iter("testcase"):
        reason = case.find("skipped[@type='pytest.skip']")
        if reason is not None:
            reasons[f"{case.get('classname')}::{case.get('name')}"] = reason.get("message", "")
    return reasons


def differences(reasons: dict[str, str], listed: list[str], is_all_here: bool) -> list[str]:
    """Tell what skipped and is not listed, and what is listed and did not skip."""
    new = {name for name, why in reasons.items() if is_all_here or "ffmpeg" in why} - set(listed)
    gone = set(listed) - set(reasons)
    return [f"+ {name} was skipped: {reasons[name]}" for name in sorted(new)] + [
        f"- {name} was not skipped" for name in sorted(gone)
    ]


def main() -> int:
    """Run all tests, two at a time, compare or write the list."""
    status, reasons = run_tests("-n2", "--dist=loadfile")
    if "--write" in sys.argv:
        names = sorted(name for name, why in reasons.items() if "ffmpeg" in why)
        LISTED.write_text("".join(f"{name}\n" for name in names))
        return status
    is_all_here = bool(os.environ.get("SER_NO_SKIP"))
    found = differences(reasons, LISTED.read_text().splitlines(), is_all_here)
    print(*found, f"Without ffmpeg: {len(found)} differences from {LISTED.name}.", sep="\n")
    return status or int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
