"""Put together the page that judges a voice on the visitor's own device (`make browser`).

`python -m docs.make_browser FOLDER [SOURCE]` writes the files that any static host may serve:
those of docs/browser, the microphone of page/browser, the runtime that npm fetches at the version
and hash of docs/browser/package-lock.json, and the model, exported.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import onnxruntime

from ser.checkpoints.checkpoint import CheckpointError
from train.places import ROOT
from train.release.export import export

PAGE = Path(__file__).parent / "browser"
FILES = ("index.html", "style.css", "main.js", "answer.js", "sound.js", "judge.js")
SHARED = ("microphone.js", "capture.js", "text.js")  # of page/browser
RUNTIME = PAGE / "node_modules" / "onnxruntime-web"
PARTS = {  # of the runtime: the name there, and one that every host sends as JavaScript
    "ort.wasm.bundle.min.mjs": "ort.js",
    "ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
LICENCES = {
    "Weights: CC BY-NC-SA 4.0": ROOT / "ser" / "weights" / "README.md",
    "Whisper's layers": ROOT / "ser" / "weights" / "WHISPER-LICENSE",
    "Silero's speech detector": ROOT / "ser" / "sound" / "silero" / "LICENSE",
    "ONNX Runtime": Path(onnxruntime.__file__).with_name("LICENSE"),  # npm's package has none
    "This page": ROOT / "LICENSE",
}


def fetch_runtime() -> None:
    """Fetch what the lock file pins, unless it is there; ValueError where npm is missing, fails."""
    wanted = json.loads((PAGE / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    told = RUNTIME / "package.json"
    if told.exists() and json.loads(told.read_text())["version"] == wanted:
        return
    if not (npm := shutil.which("npm")):
        raise ValueError("The page's runtime is fetched by npm, which is not installed.")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-timeout=60000"]
    done = subprocess.run(command, cwd=PAGE, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"npm could not fetch the page's runtime:\n{done.stderr.strip()}")


def build(folder: Path, source: str | None = None) -> None:
    """Write the page with the model of `source` into a folder, over files of the same names.

    Raises ValueError as `fetch_runtime` and `export` do, and for version 1 of the front-end, of
    which the page says nothing.
    """
    fetch_runtime()
    folder.mkdir(parents=True, exist_ok=True)
    export(source, folder / "voice.onnx")
    metadata = onnx.load(folder / "voice.onnx").metadata_props
    told: dict[str, object] = {prop.key: prop.value for prop in metadata}
    if told["front_end"] != "2":
        raise ValueError("The page tells of version 2 of the front-end; this model has another.")
    (folder / "runtime").mkdir(exist_ok=True)
    for name in FILES:
        shutil.copyfile(PAGE / name, folder / name)
    for name in SHARED:
        shutil.copyfile(ROOT / "page" / "browser" / name, folder / name)
    for name, new_name in PARTS.items():
        shutil.copyfile(RUNTIME / "dist" / name, folder / "runtime" / new_name)
    texts = [f"{title}\n\n{path.read_text().strip()}" for title, path in LICENCES.items()]
    (folder / "licences.txt").write_text("\n\n\n".join(texts) + "\n")
    told |= {key: json.loads(prop) for key, prop in told.items() if key in ("labels", "certainty")}
    heavy = [folder / "voice.onnx", *(folder / "runtime").iterdir()]
    told["bytes"] = sum(path.stat().st_size for path in heavy)
    (folder / "voice.json").write_text(json.dumps(told, indent=2))


def main() -> int:
    """Build it; 1 with a sentence on standard error where that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_browser", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("source", nargs="?", help="as of `train export`; the default model without")
    options = parser.parse_args()
    try:
        build(options.folder, options.source)
    except (ValueError, CheckpointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Serve it: python3 -m http.server --directory {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
