"""How long pre-trained speech encoders of true size take to judge one clip, one thread.

`python -m benchmarks.pretrained` prints the figures and writes them to benchmarks/pretrained.json.
The weights are random, so nothing is fetched and the answers mean nothing: time and memory depend
on the sizes alone, which are those of the published checkpoints. Each encoder runs in a process of
its own; one that would need more memory than is free is left out by name. Run it on an otherwise
idle machine.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.serving import CLIP_S, ROOT, cpu_name, summary
from ser.labels import N_LABELS
from ser.models import registry
from ser.process import one_thread
from ser.sound.audio import SAMPLE_RATE
from train.judge.evaluate import git_commit, versions

RESULTS = Path(__file__).parent / "pretrained.json"
N_RUNS = 5
HOP_LENGTH = 160
MOST_MEMORY_MB = 8192
_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}
ENCODERS = {  # sizes as in each one's config.json on the Hub; what is not named is the default
    "facebook/wav2vec2-base": {"model_type": "wav2vec2"},
    "facebook/hubert-base-ls960": {"model_type": "hubert"},
    "microsoft/wavlm-large": {"model_type": "wavlm", **_LARGE},
    "openai/whisper-large-v3": {
        "model_type": "whisper",
        "d_model": 1280,
        "encoder_layers": 32,
        "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120,
        "num_mel_bins": 128,
        "vocab_size": 51866,
    },
}
NEEDED_MB = {  # some 4 bytes a parameter, and half as much again
    "facebook/wav2vec2-base": 1000,
    "facebook/hubert-base-ls960": 1000,
    "microsoft/wavlm-large": 2500,
    "openai/whisper-large-v3": 5000,
}


def main() -> None:
    encoders, left_out = {}, {}
    for name, needed_mb in NEEDED_MB.items():
        room_mb = min(MOST_MEMORY_MB, available_mb())
        if needed_mb > room_mb:
            left_out[name] = f"needs {needed_mb} MB, {room_mb} are free"
            continue
        command = [sys.executable, "-m", "benchmarks.pretrained", name]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            left_out[name] = f"ended with {done.returncode}"
        else:
            encoders[name] = json.loads(done.stdout)
    results = {
        "clip_s": CLIP_S,
        "n_runs": N_RUNS,
        "weights": "random",
        "encoders": encoders,
        "left_out": left_out,
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}",
        "git_commit": git_commit(),
        "versions": {**versions(), "transformers": version("transformers")},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def measure(name: str) -> dict:
    """Size, seconds to make, ms a clip by the clock and of one core, peak memory."""
    one_thread()
    start = time.perf_counter()
    args = {"encoder_config": ENCODERS[name]}
    model = registry.build("pretrained", HOP_LENGTH, N_LABELS, **args).eval()
    made_s = time.perf_counter() - start
    n_frames = round(CLIP_S * SAMPLE_RATE / HOP_LENGTH)
    features = torch.randn(1, n_frames, HOP_LENGTH).clamp(-1, 1)
    wall_ms, cpu_ms = [], []
    with torch.inference_mode():
        for _ in range(1 + N_RUNS):
            wall, cpu = time.perf_counter(), time.process_time()
            model(features)
            wall_ms.append((time.perf_counter() - wall) * 1e3)
            cpu_ms.append((time.process_time() - cpu) * 1e3)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
    return {
        "million_parameters": round(sum(p.numel() for p in model.parameters()) / 1e6, 1),
        "made_s": round(made_s, 1),
        "clip_ms": summary(wall_ms[1:]),
        "clip_cpu_ms": summary(cpu_ms[1:]),
        "peak_memory_mb": round(int(peak) / 1024),
    }


def available_mb() -> int:
    free = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())[1]
    return int(free) // 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
