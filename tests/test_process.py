"""A prediction takes one thread, and memory that is there already."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ASK = """
import numpy, torch
from threadpoolctl import threadpool_info
from ser.process import one_thread
one_thread()
print(torch.get_num_threads(), *{pool["num_threads"] for pool in threadpool_info()})
"""


def test_torch_and_blas_compute_on_one_thread():
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


DETECT = """
import sys
import numpy
from ser.pipeline import EmotionPipeline
from ser.recordings.stream import Stream
stream = Stream(EmotionPipeline.from_pretrained(), 16_000)
stream.push(numpy.zeros(16_000, numpy.int16))
assert "onnxruntime" in sys.modules
"""


def test_nothing_is_written_at_home_and_no_use_is_reported(tmp_path):
    """ONNX Runtime does both, where it is not told otherwise before it is imported."""
    home = {**os.environ, "HOME": str(tmp_path)}
    home.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", DETECT], env=home, cwd=ROOT, check=True)
    assert list(tmp_path.rglob("*")) == []


FAULTS = """
import resource
import numpy
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.pipeline import EmotionPipeline
from ser.process import keep_memory, one_thread
one_thread()
keep_memory()
pipeline = EmotionPipeline.from_pretrained()
clip = (SAMPLE_RATE, numpy.tile(load_audio(GOLDEN_CLIP), 2))
def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        pipeline.predict(clip)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10
page_faults()
print(page_faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_a_prediction_takes_no_new_memory():
    """Else it takes some thousand pages from the system, and gives them back."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 200


FORKED = """
import multiprocessing, sys
from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.pipeline import EmotionPipeline
pipeline = EmotionPipeline.from_pretrained(sys.argv[1] or None)
before = pipeline.predict(GOLDEN_CLIP).label
def judge(clip):
    return pipeline.predict(clip).label
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.map_async(judge, [GOLDEN_CLIP] * 4).get(timeout=60)
assert found == [before] * 4, found
"""


@pytest.mark.parametrize("model", ["", "founding"])
def test_a_pipeline_made_before_a_fork_answers_after_it(model):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", FORKED, model], cwd=ROOT, env=environment, check=True)
