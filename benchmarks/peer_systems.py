"""What others would use to hear emotion in a clip, each in a process of its own.

Run by `benchmarks.peers`, as a script, so that an older commit's `ser` can be the one it imports.
`load(name, folder)` gives a function from the path of a clip to something like eight probabilities.
Weights that are not embedded are random, of the published sizes: time does not depend on them.

`serve NAME FOLDER` reads paths from standard input and answers each with its milliseconds;
`many NAME FOLDER LIST` judges the files that a list names; `make FOLDER` writes the weights.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

OURS = {"default": None, "best": "best", "founding": "founding"}
BEFORE = "commit 825258f"
WAV2VEC2 = {
    "wav2vec2-base": {},
    "wav2vec2-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
WHISPER, OPENSMILE, LIBROSA = "whisper-base, filled to 30 s", "openSMILE and SVM", "librosa and MLP"
RATE, N_LABELS = 16_000, 8

Judge = Callable[[str], object]


def load(name: str, folder: Path) -> Judge:
    """A system by its name; `folder` holds what `make` wrote."""
    if name in OURS:
        return _ours(OURS[name])
    if name == BEFORE:
        return _ours(None)  # that commit's own: what is imported here has kept its names
    return {
        **dict.fromkeys([*WAV2VEC2, WHISPER], _transformers),
        OPENSMILE: _opensmile,
        LIBROSA: _librosa,
    }[name](folder / name)


def make(folder: Path) -> None:
    """Write every peer's weights, random but for their size, as its own library writes them."""
    import joblib
    import numpy as np
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import LinearSVC
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForSequenceClassification,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForAudioClassification,
    )

    for name, sizes in WAV2VEC2.items():
        model = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(num_labels=N_LABELS, **sizes))
        model.save_pretrained(folder / name)
        Wav2Vec2FeatureExtractor().save_pretrained(folder / name)
    config = WhisperConfig(  # openai/whisper-base
        d_model=512,
        encoder_layers=6,
        encoder_attention_heads=8,
        encoder_ffn_dim=2048,
        num_labels=N_LABELS,
    )
    WhisperForAudioClassification(config).save_pretrained(folder / WHISPER)
    WhisperFeatureExtractor().save_pretrained(folder / WHISPER)
    rng = np.random.default_rng(0)
    labels = np.arange(400) % N_LABELS
    for name, n_features, model in (
        (OPENSMILE, 88, LinearSVC()),
        (LIBROSA, 180, MLPClassifier((300,), max_iter=5)),
    ):
        (folder / name).mkdir()
        model.fit(rng.standard_normal((400, n_features)), labels)
        joblib.dump(model, folder / name / "model.joblib")


def _ours(source: str | None) -> Judge:
    from ser.pipeline import EmotionPipeline
    from ser.process import keep_memory, one_thread

    one_thread()
    keep_memory()
    return EmotionPipeline.from_pretrained(source).predict


def _transformers(folder: Path) -> Judge:
    import soundfile
    import torch
    from transformers import pipeline

    torch.set_num_threads(1)
    judge = pipeline("audio-classification", model=str(folder), device="cpu")

    def of_file(path: str) -> object:
        samples, rate = soundfile.read(path, dtype="float32")
        return judge({"raw": samples, "sampling_rate": rate}, top_k=N_LABELS)

    return of_file


def _opensmile(folder: Path) -> Judge:
    import joblib
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    model = joblib.load(folder / "model.joblib")
    return lambda path: model.decision_function(smile.process_file(path).to_numpy())


def _librosa(folder: Path) -> Judge:
    """MFCC, chroma and mel spectrogram, averaged over time: the features of many a tutorial."""
    import joblib
    import librosa
    import numpy as np

    model = joblib.load(folder / "model.joblib")

    def of_file(path: str) -> object:
        samples, rate = librosa.load(path, sr=RATE)
        spectrum = np.abs(librosa.stft(samples))
        parts = (
            librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=40),
            librosa.feature.chroma_stft(S=spectrum, sr=rate),
            librosa.feature.melspectrogram(y=samples, sr=rate),
        )
        return model.predict_proba(np.concatenate([part.mean(axis=1) for part in parts])[None])

    return of_file


def peak_mb(process: int | str = "self") -> int:
    """The most memory that a process has had so far."""
    told = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", told)[1]) // 1024


def main(command: str, *given: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    if command == "make":
        make(Path(given[0]))
        return
    judge = load(given[0], Path(given[1]))
    if command == "many":
        for path in Path(given[2]).read_text().splitlines():
            judge(path)
        return
    for line in sys.stdin:
        start = time.perf_counter()
        answer = judge(line.rstrip("\n"))
        told = {"ms": 1e3 * (time.perf_counter() - start), "peak_mb": peak_mb()}
        stages_ms = getattr(answer, "timings_ms", {})  # which the project's own answers hold
        print(json.dumps(told | {"model_ms": stages_ms.get("model")}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
