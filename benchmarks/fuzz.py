"""Made-up files for the readers, for some minutes: none may crash, hang or say nonsense.

`python -m benchmarks.fuzz` lets Hypothesis damage files of all containers, reads each as a clip and
as a long recording, in processes that may die, and writes benchmarks/fuzz.json. For a third of the
time atheris makes them up, where it is installed (`benchmarks.guided`). An input that ends
a process is kept in the folder that is named then, never in the repository.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.guided import measured
from ser.recordings.reading import Reading
from ser.sound.audio import AudioError, load_audio
from ser.sound.decoders import missing_program
from tests.sound.hostile import CONTAINERS, encoded, lies, voice
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "fuzz.json"
SECONDS = 300.0
ROUND_S = 20.0  # of one process
SLOW_S = 2.0
GUIDED = 1 / 3  # of the time
WITH_FFMPEG = 4  # one round in so many
GOOD = {suffix: encoded(voice(0.6), suffix) for suffix in CONTAINERS}
SEEDS = [*GOOD.values(), *GOOD.values(), *lies().values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--round", nargs=2, metavar=("FOLDER", "SEED"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.round:
        return one_round(Path(asked.round[0]), int(asked.round[1]), asked.seconds)
    folder = Path(tempfile.mkdtemp(prefix="ser-fuzz-"))
    counts, deaths, number = Counter(), 0, 0
    guided = measured(folder / "guided", asked.seconds * GUIDED)
    began_s, slowest_s = time.monotonic(), 0.0
    if guided:
        asked.seconds -= guided["seconds"]
    while (left_s := asked.seconds - (time.monotonic() - began_s)) > 1:
        number += 1
        command = [sys.executable, "-m", "benchmarks.fuzz", "--round", str(folder), str(number)]
        command += ["--seconds", str(min(ROUND_S, left_s))]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode:
            deaths += 1
            kept = folder / f"died-{number}"
            (folder / "input").rename(kept)
            print(f"The process died ({done.returncode}) of {kept}.", file=sys.stderr)
            continue
        found = json.loads(done.stdout)
        slowest_s = max(slowest_s, found.pop("slowest_s"))
        counts.update(found)
    results = {
        "seconds": asked.seconds,
        "files": counts.pop("files"),
        "outcomes": dict(sorted(counts.items())),
        "deaths": deaths,
        "guided": guided,
        "slowest_s": round(slowest_s, 2),
        "with_ffmpeg": missing_program() is None,
        "git_commit": git_commit(),
        "versions": versions(),
    }
    asked.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    if deaths or (guided and guided["found"]) or counts["nonsense"] or slowest_s > SLOW_S:
        sys.exit("error: see above")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of some container with a few bytes changed, put in, taken out, or cut off."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 3))):
        near_start = draw(st.booleans())
        place = draw(st.integers(12, max(12, min(len(data), 100) if near_start else len(data))))
        piece = draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, bytes(4), b"data"]))
        how = draw(
            st.sampled_from(["change", "change", "change", "insert", "remove", "cut", "twice"])
        )
        if how == "change":
            data[place : place + len(piece)] = piece
        elif how == "insert":
            data[place:place] = piece
        elif how == "remove":
            del data[place : place + len(piece)]
        elif how == "cut":
            del data[max(place, 12) :]
        else:
            data += data[place : place + 4000]
    return bytes(data)


def one_round(folder: Path, number: int, seconds: float) -> None:
    """Read made-up files for so long, and print what came of them."""
    counts, slowest_s, until_s = Counter(), 0.0, time.monotonic() + seconds
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    tempfile.tempdir = str(folder)
    if number % WITH_FFMPEG:
        os.environ["PATH"] = ""  # a thousand files in the time of ten that ffmpeg is asked about

    def read(data: bytes) -> str:
        for reader in (load_audio, lambda data: sum(len(b) for b in Reading(data).blocks())):
            try:
                reader(data)
            except AudioError as error:
                if not str(error).endswith("."):
                    return "nonsense"
                return error.code
            except Exception as error:
                return f"nonsense: {type(error).__name__}"
        return "read"

    examples = settings(
        max_examples=200,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    while time.monotonic() < until_s:
        number += 1000

        @seed(number)
        @examples
        @given(damaged())
        def one(data: bytes) -> None:
            nonlocal slowest_s
            if time.monotonic() >= until_s:
                return
            (folder / "input").write_bytes(data)
            start_s = time.process_time()
            outcome = read(data)
            slowest_s = max(slowest_s, time.process_time() - start_s)
            if outcome.startswith("nonsense"):
                counts["nonsense"] += 1
                (folder / f"nonsense-{os.getpid()}-{counts['nonsense']}").write_bytes(data)
            counts[outcome] += 1
            counts["files"] += 1

        one()
    with contextlib.suppress(FileNotFoundError):
        (folder / "input").unlink()
    print(json.dumps({**counts, "slowest_s": slowest_s}))


if __name__ == "__main__":
    main()
