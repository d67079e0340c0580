"""A model as one file: it answers as the pipeline does, and needs nothing of ours."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.small_runs import hearing_run, make_checkpoint
from train.__main__ import main
from train.places import ROOT

SECONDS = [0.301, 0.4, 1.0, 1.01, 2.1, 3.7, 8.123, 14.99, 15.0]


class Exported:
    """A checkpoint, and the file that is made of it."""

    def __init__(self, source, path):
        given = [] if source is None else [str(source)]
        assert main(["export", *given, "--format", "onnx", "--out", str(path)]) == 0
        self.path = path
        self.pipeline = EmotionPipeline.from_pretrained(source)
        self.session = onnxruntime.InferenceSession(path)

    def answer(self, samples) -> dict[str, np.ndarray]:
        names = [told.name for told in self.session.get_outputs()]
        given = {"samples": samples[None].astype(np.float32)}
        return dict(zip(names, self.session.run(names, given), strict=True))

    def check(self, samples, bound=bounds.EXPORTED) -> None:
        expected = self.pipeline.judge(samples)
        found = self.answer(samples)
        assert bool(found["is_speech"][0]) == (expected.reason is None)
        bounds.assert_within(bound, found["probabilities"][0], expected.probabilities)
        of_attention = 10 * bound * expected.attention.max()
        bounds.assert_within(of_attention, found["attention"][0], expected.attention)
        of_times = bounds.rounding(2, expected.attention_times_s)
        bounds.assert_within(of_times, found["times_s"][0], expected.attention_times_s)


@pytest.fixture(scope="module")
def random(tmp_path_factory, speech) -> Exported:
    """Random weights, float32, but for a speech head: noise, and speech backwards, are no voice."""
    folder = tmp_path_factory.mktemp("export")
    hearing_run(folder / "run", speech, white_noise())
    return Exported(folder / "run", folder / "random.onnx")


@pytest.fixture(scope="module")
def default(tmp_path_factory) -> Exported:
    return Exported(None, tmp_path_factory.mktemp("default") / "voice.onnx")


@pytest.fixture(scope="module")
def founding(tmp_path_factory) -> Exported:
    """Version 1 of the front-end, and an LSTM; the second recurrent model in this process."""
    folder = tmp_path_factory.mktemp("founding")
    Exported(make_checkpoint(folder / "small", corpora=["ravdess"]), folder / "small.onnx")
    return Exported("founding", folder / "founding.onnx")


@pytest.fixture(scope="module")
def long(speech):
    """15 s of speech without a long pause."""
    return np.tile(speech, 7)[: 15 * SAMPLE_RATE]


def white_noise() -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)


def recordings(speech) -> dict[str, np.ndarray]:
    """Other ways through the front-end than those of a clean clip."""
    noise = white_noise()
    pause = np.zeros(3 * SAMPLE_RATE // 2, np.float32)
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[5000:5010] = 0.5
    return {
        "three windows": np.concatenate([speech, pause, speech[::-1], pause, 0.1 * speech]),
        "speech and noise": np.concatenate([speech, pause, noise]),
        "noise": noise,
        "a click": click,
        "a tone": 0.3 * np.sin(2 * np.pi * 300 * np.arange(20_000) / SAMPLE_RATE),
        "far too quiet": 0.001 * speech,
        "with an offset": speech + np.float32(0.3),
        "in noise": speech + 0.3 * np.resize(noise, len(speech)),
        "short, after silence": np.concatenate([pause, speech[:3000], pause]),
    }


NAMES = list(recordings(np.zeros(1, np.float32)))


@pytest.mark.numeric
@pytest.mark.parametrize("seconds", SECONDS)
def test_it_answers_as_the_pipeline_does_at_every_length(random, long, seconds):
    random.check(long[: int(seconds * SAMPLE_RATE)])


@pytest.mark.numeric
@pytest.mark.parametrize("name", NAMES)
def test_it_hears_what_the_pipeline_hears(random, speech, name):
    random.check(recordings(speech)[name].astype(np.float32))


@pytest.mark.numeric
@pytest.mark.parametrize("seconds", SECONDS)
def test_an_lstm_answers_as_the_pipeline_does_at_every_length(founding, long, seconds):
    founding.check(long[: int(seconds * SAMPLE_RATE)])


@pytest.mark.numeric
@pytest.mark.parametrize("name", NAMES)
def test_an_lstm_hears_what_the_pipeline_hears(founding, speech, name):
    founding.check(recordings(speech)[name].astype(np.float32))


@pytest.mark.numeric
@pytest.mark.parametrize("name", NAMES)
def test_the_default_in_8_bits_hears_the_same(default, speech, name):
    default.check(recordings(speech)[name].astype(np.float32), bounds.ROUNDED_ANEW)


@pytest.mark.numeric
@pytest.mark.parametrize("seconds", SECONDS)
def test_the_default_in_8_bits_answers_at_every_length(default, long, seconds):
    default.check(long[: int(seconds * SAMPLE_RATE)], bounds.ROUNDED_ANEW)


def test_windows_that_are_no_voice_have_no_vote(random, speech):
    """Or the recordings above would not have told: some windows are left out, and some whole."""
    said = {
        name: random.pipeline.judge(samples.astype(np.float32))
        for name, samples in recordings(speech).items()
    }
    assert len({p.reason for p in said.values()}) == 2
    assert any("left out" in text for p in said.values() for text in p.warnings)


@pytest.mark.numeric
def test_real_clips(random, default, founding, ravdess):
    for utterance in ravdess[::120]:
        samples, rate_hz = soundfile.read(utterance.path, dtype="float32")
        assert rate_hz == SAMPLE_RATE
        random.check(samples)
        founding.check(samples)
        default.check(samples, bounds.ROUNDED_ANEW)


def test_what_goes_in_and_comes_out_is_written_in_the_file(default):
    model = onnx.load(default.path)
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {
        "samples": [1, "n_samples"],
        "probabilities": [1, 8],
        "attention": [1, "n_frames"],
        "times_s": [1, "n_frames"],
        "is_speech": [1],
    }
    told = {prop.key: prop.value for prop in model.metadata_props}
    assert json.loads(told["labels"]) == list(LABELS)
    assert (told["sample_rate_hz"], told["longest_s"]) == ("16000", "15.0")
    assert told["license"] == "cc-by-nc-sa-4.0"
    assert told["revision"] == default.pipeline.checkpoint.revision
    assert "hum" in told["before"]


def test_the_snippet_of_the_docs_needs_onnxruntime_and_nothing_of_ours(default, speech, tmp_path):
    text = (ROOT / "docs" / "hub.md").read_text()
    (snippet,) = re.findall(r"```python\n(import onnxruntime.*?)```", text, re.DOTALL)
    shutil.copyfile(default.path, tmp_path / "voice.onnx")
    soundfile.write(tmp_path / "clip.wav", speech, SAMPLE_RATE)
    snippet += "import sys; print({'ser', 'train', 'torch', 'onnx'} & set(sys.modules))"
    command = [sys.executable, "-I", "-c", snippet]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said, *_, imported = done.stdout.strip().splitlines()
    assert imported == "set()"
    expected = default.pipeline.judge(speech)
    assert LABELS.index(said.split()[0]) == int(np.argmax(expected.probabilities))


def test_an_ensemble_is_a_sentence_and_nothing_is_written(tmp_path, capsys):
    assert main(["export", "best", "--out", str(tmp_path / "best.onnx")]) == 1
    assert "no ensemble" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "args", "features", "said"),
    [
        ("transformer", {"hidden_size": 16}, FeatureConfig(), "Transformer cannot be exported"),
        ("attention_lstm", {}, FeatureConfig(kind="mfcc39+chroma"), "kind chroma cannot be exp"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(name, args, features, said, tmp_path, capsys):
    config = CheckpointConfig(name, args, features, training={"corpora": ["ravdess"]})
    checkpoint.save(tmp_path / "run", config.build(), config)
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "a.onnx")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()


def test_a_folder_is_no_file_to_write(tmp_path, capsys):
    assert main(["export", "--out", str(tmp_path)]) == 1
    assert "is a folder" in capsys.readouterr().err
    assert main(["export", "user/", "--out", str(tmp_path / "a.onnx")]) == 1
    assert "neither a folder nor a Hub name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_weights_that_may_not_be_handed_on_are_refused(tmp_path, capsys):
    run = make_checkpoint(tmp_path / "run", corpora=["ravdess", "tess"])
    arguments = ["export", str(run), "--out", str(tmp_path / "a.onnx")]
    assert main(arguments) == 1
    assert "allows no derived works" in capsys.readouterr().err
    assert main([*arguments, "--despite-licence"]) == 0
