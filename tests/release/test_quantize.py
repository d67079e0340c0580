"""A fitted model as a graph: small, alike, complete, and without PyTorch."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from safetensors.numpy import load_file

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig, CheckpointError
from ser.checkpoints.config import describe_files
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from tests import bounds
from tests.small_runs import make_checkpoint
from train.__main__ import main
from train.places import ROOT
from train.release.quantize import bound_pairs, eight_bits

ARGS = {"size": 64, "n_heads": 2, "layers": [1, 2]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run of random weights that nobody fitted, and its graph."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("quantize")
    config = CheckpointConfig("whisper_statistics", ARGS, FeatureConfig(kind="whisper", version=2))
    model = config.build()
    for parameter in model.encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    checkpoint.save(folder / "run", model, config)
    assert main(["quantize", str(folder / "run"), str(folder / "graph")]) == 0
    return folder / "run", folder / "graph"


@pytest.fixture
def graph(folders, tmp_path):
    """A copy of the graph's folder that a test may change."""
    shutil.copytree(folders[1], tmp_path / "graph")
    return tmp_path / "graph"


@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.1])
def test_the_graph_answers_as_the_model_does_at_every_length(folders, speech, seconds):
    clip = (16_000, speech[: int(seconds * 16_000)])
    module, graph = (EmotionPipeline(checkpoint.load(f)).predict(clip) for f in folders)
    bounds.assert_within(bounds.EIGHT_BITS, graph.probabilities, module.probabilities)
    assert graph.attention.shape == module.attention.shape
    bounds.assert_within(bounds.shares(graph.attention), graph.attention.sum(), 1.0)


def test_the_graphs_weights_are_those_of_the_safetensors(graph):
    shards = {}
    for path in graph.glob("*.safetensors"):
        shards |= load_file(path)
    read = onnx.load(graph / "model.onnx")
    bare = onnx.load(graph / "model.onnx", load_external_data=False)
    outside = {t.name for t in bare.graph.initializer if t.data_location == TensorProto.EXTERNAL}
    assert outside == set(shards)
    for tensor in read.graph.initializer:
        if tensor.name in shards:
            np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), shards[tensor.name])
    assert (graph / "model.onnx").stat().st_size < 200_000  # no weights in it


def test_matrix_products_are_in_8_bits_that_do_not_saturate(graph):
    """255 times both weights of a pair of rows stay within 16 bits."""
    for tensor in onnx.load(graph / "model.onnx").graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.int8 and values.ndim == 2:
            sizes = np.abs(values.astype(int))
            assert sizes.max() <= 127
            assert 255 * (sizes[::2] + sizes[1::2]).max() < 2**15


def test_only_pairs_that_are_too_large_are_changed_and_as_little_as_can_be():
    weights = np.array([[127, -100, 3], [127, 28, -4], [-90, 64, 127]], np.int8)
    expected = [[64, -100, 3], [64, 28, -4], [-90, 64, 127]]
    np.testing.assert_array_equal(bound_pairs(weights), expected)


@pytest.mark.parametrize("degrees", [3, 1000], ids=["few are large", "many are large"])
def test_each_channel_gets_the_scale_that_comes_nearest(degrees):
    """Never further from the weights than 7 bits for all; nearer by far where few are large."""
    weights = np.random.default_rng(0).standard_t(degrees, (512, 16)).astype(np.float32)
    found, scale = eight_bits(weights)
    seven = np.abs(weights).max(axis=0) / 63.5
    rounded = np.rint(weights / seven) * seven
    errors = [np.square(each - weights).mean(axis=0) for each in (found * scale, rounded)]
    assert (errors[0] <= errors[1] * 1.001).all()  # the same scale, but for rounding
    if degrees == 3:
        assert errors[0].mean() < 0.4 * errors[1].mean()


def test_the_config_lists_its_files_and_an_answer(graph):
    config = json.loads((graph / "config.json").read_text())
    assert config["format_version"] == 2
    assert set(config["files"]) == {p.name for p in graph.iterdir()} - {"config.json"}
    assert len(config["golden"]["probabilities"]) == 8


def test_a_changed_or_missing_file_is_refused_by_name(graph):
    (shard,) = graph.glob("*.safetensors")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"{shard.name} .* is not the file"):
        checkpoint.load(graph)
    shard.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(graph)


def test_another_front_end_is_noticed_though_the_answer_is_near(graph):
    values = json.loads((graph / "config.json").read_text())
    values["golden"]["feature_means"][40] *= 1.01
    (graph / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="another front-end"):
        EmotionPipeline.from_pretrained(graph)


@pytest.mark.parametrize(
    "edit",
    [
        {"files": 5},
        {"files": ["model.onnx"]},
        {"files": {"../model.onnx": {"size": 1, "sha256": ""}}},
        {"files": {"model\0.onnx": {"size": 1, "sha256": ""}}},
        {"files": {"x" * 300: {"size": 1, "sha256": ""}}},
        {"files": {"config.json": {"size": 1, "sha256": ""}}},
        {"features": {"kind": "mfcc39"}},
        {"features": {"kind": None}},
        {"features": []},
        {"stretches": [0.9]},
        {"format_version": "2"},
        {"golden": {"sha256": 1}},
    ],
)
def test_a_config_edited_by_hand_is_a_sentence(graph, edit):
    values = json.loads((graph / "config.json").read_text())
    (graph / "config.json").write_text(json.dumps(values | edit))
    with pytest.raises(CheckpointError):
        EmotionPipeline.from_pretrained(graph)


@pytest.mark.parametrize("source", ["x" * 5000, "\0"])
def test_a_name_that_no_folder_has_is_a_sentence(source):
    with pytest.raises(CheckpointError, match="neither a folder nor a Hub name"):
        checkpoint.load(source)


def test_a_graph_is_never_written_over_something_else(folders, graph, tmp_path, capsys):
    run = folders[0]
    for source, target, why in (
        (run, run, "not empty"),
        (graph, tmp_path / "b", "a graph already"),
    ):
        assert main(["quantize", str(source), str(target)]) == 1
        assert why in capsys.readouterr().err


def test_others_may_read_all_of_it(graph):
    modes = {path.stat().st_mode & 0o777 for path in graph.iterdir()}
    assert len(modes) == 1  # that of any new file


def test_a_graph_that_cannot_be_run_is_a_sentence(graph):
    (graph / "model.onnx").write_bytes(b"no graph")
    values = json.loads((graph / "config.json").read_text())
    values["files"] |= describe_files(graph, ["model.onnx"])
    (graph / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="cannot be run"):
        checkpoint.load(graph)


def test_serving_a_graph_loads_no_pytorch(folders):
    code = (
        "import sys; from ser.pipeline import EmotionPipeline; "
        "from ser.checkpoints.checkpoint import GOLDEN_CLIP; "
        f"EmotionPipeline.from_pretrained({str(folders[1])!r}).predict(GOLDEN_CLIP); "
        "print([m for m in ('torch', 'transformers', 'librosa', 'onnx') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "[]", out.stdout + out.stderr


def test_what_does_not_become_a_graph_is_a_sentence(tmp_path, capsys):
    run = make_checkpoint(tmp_path / "lstm")
    assert main(["quantize", str(run), str(tmp_path / "graph")]) == 1
    assert "Nobody has said how attention_lstm" in capsys.readouterr().err


def test_a_graph_is_embedded_and_fetched_from_the_hub(hub, graph, tmp_path):
    repo = hub.create("model", "user/graph")
    repo.commit({path.name: path.read_bytes() for path in graph.iterdir()}, "a graph")
    expected = EmotionPipeline.from_pretrained(graph).golden_answer()
    fetched = EmotionPipeline.from_pretrained("user/graph")
    assert fetched.golden_answer() == expected
    commit = repo.commits("main")[0].id
    hub.down()
    pinned = EmotionPipeline.from_pretrained(f"user/graph@{commit}")
    assert pinned.golden_answer() == expected
