"""Made-up files for our own readers, guided by the lines that they reach (atheris, libFuzzer).

`benchmarks.fuzz` runs this for a part of its time where atheris is installed, as by `make fuzz`.
It ends with another status than 0 at the first error that is no AudioError, or whose sentence is
none, and leaves the file in the folder that is named.
"""

import argparse
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

MOST_BYTES = 4096
LIMITS = ["-timeout=20", "-rss_limit_mb=2000", f"-max_len={MOST_BYTES}", "-print_final_stats=1"]


def measured(folder: Path, seconds: float) -> dict | None:
    """How many files were made up, and what was found; None where atheris is not installed."""
    if find_spec("atheris") is None:
        return None
    command = [sys.executable, "-m", "benchmarks.guided", str(folder), str(round(seconds))]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    n_files = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    reached = re.findall(r"\bcov: (\d+)", done.stderr)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return {
        "seconds": round(seconds),
        "files": int(n_files[1]) if n_files else 0,
        "places_reached": int(reached[-1]) if reached else 0,
        "found": int(done.returncode != 0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("seconds", type=int)
    asked = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["ser.sound", "ser.recordings.reading"]):
        from ser.recordings.reading import Reading
        from ser.sound.audio import AudioError, load_audio
    from tests.sound.hostile import CONTAINERS, encoded, lies, voice

    corpus = asked.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = {suffix: encoded(voice(0.05), suffix) for suffix in CONTAINERS} | lies()
    for name, data in seeds.items():
        (corpus / name).write_bytes(data[:MOST_BYTES])
    os.environ["PATH"] = ""  # no ffmpeg: it is another program, and slow to start

    def one(data: bytes) -> None:
        for reader in (load_audio, lambda data: sum(len(b) for b in Reading(data).blocks())):
            try:
                reader(data)
            except AudioError as error:
                assert str(error).endswith("."), error

    options = [f"-max_total_time={asked.seconds}", f"-artifact_prefix={asked.folder}/"]
    atheris.Setup([sys.argv[0], *options, *LIMITS, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
