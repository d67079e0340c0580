"""`python -m ser clip.wav [more ...]`: what each recording seems to express."""

import argparse
import json
import sys

from ser.checkpoints.checkpoint import CheckpointError
from ser.labels import EMOTIONS
from ser.pipeline import EmotionPipeline, Prediction
from ser.process import keep_memory, one_thread
from ser.sound.audio import AudioError

BAR_WIDTH = 30  # characters of a probability of 1


def main(arguments: list[str] | None = None) -> int:
    """Judge every file; 1 when one of them could not be read, with a line on standard error."""
    options = _parser().parse_args(arguments)
    one_thread()
    keep_memory()
    try:
        pipeline = EmotionPipeline.from_pretrained(options.checkpoint)
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    status = 0
    for file in options.files:
        try:
            prediction = pipeline.predict(file)
        except (AudioError, OSError) as error:
            print(f"{file}: {error}", file=sys.stderr)
            status = 1
            continue
        if options.json:
            print(json.dumps({"file": file, **prediction.to_dict()}), flush=True)
        else:
            print(_table(file, prediction), flush=True)
    return status


def _table(file: str, prediction: Prediction) -> str:
    best = prediction.emotion
    lines = [
        f"{file}: {best.emoji} {best.name}, {100 * prediction.probabilities[best.index]:.0f} % "
        f"({prediction.duration_s:.1f} s, judged in {prediction.timings_ms['total']:.0f} ms)"
    ]
    for emotion in EMOTIONS:
        p = prediction.probabilities[emotion.index]
        bar = "█" * round(BAR_WIDTH * p)
        lines.append(f"  {emotion.name:<10}{100 * p:5.1f} %  {bar}".rstrip())
    lines += [f"  warning: {warning}" for warning in prediction.warnings]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ser", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="CLIP", help="a sound file")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--checkpoint", help="a folder or user/repo[@revision]; default: embedded")
    return parser


if __name__ == "__main__":
    sys.exit(main())
