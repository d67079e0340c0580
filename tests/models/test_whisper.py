import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModel

from ser.__main__ import main as ser_main
from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.features.whisper import whisper_log_mel
from ser.models import registry
from ser.models.whisper import MAX_STEPS, CutEncoder
from ser.sound.windows import hear
from tests import bounds
from tests.bounds import assert_within
from tests.small_runs import SMALL_WHISPER, make_whisper
from train.__main__ import main
from train.whisper_weights import load_encoder

SIZE, HEADS, BANDS = 16, 2, 80


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A small random Whisper in the form of the Hub; its encoder."""
    model = make_whisper(tmp_path, 3)
    monkeypatch.setenv("SER_PRETRAINED", str(tmp_path))
    return model.get_encoder()


@pytest.fixture
def ours(theirs):
    encoder = CutEncoder(BANDS, SIZE, HEADS, 2)
    load_encoder(encoder, SMALL_WHISPER)
    return encoder.eval()


@pytest.mark.numeric
@torch.no_grad()
def test_a_whole_window_has_the_states_that_transformers_gives(theirs, ours):
    mel = torch.randn(1, 3000, BANDS)  # the 30 s that theirs insists on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "positions", torch.nn.Parameter(theirs.embed_positions.weight))
        found = ours(mel, torch.ones(1, 3000, dtype=torch.bool))
    expected = theirs(mel.transpose(1, 2), output_hidden_states=True).hidden_states
    for one, other in zip(found, expected[:3], strict=True):
        # some hundred operations on values of this size
        assert_within(bounds.rounding(100, other.abs().max()), one, other)


def test_positions_are_kept_for_the_longest_window(ours):
    assert ours.positions.shape == (MAX_STEPS, SIZE)
    with torch.no_grad():
        states = ours(torch.randn(1, 1500, BANDS), torch.ones(1, 1500, dtype=torch.bool))
    assert states[-1].shape == (1, MAX_STEPS, SIZE)


def test_weights_that_cannot_be_had_are_a_sentence(theirs, tmp_path):
    encoder = CutEncoder(BANDS, SIZE, HEADS, 2)
    with pytest.raises(ValueError, match=r"no whisper-none is in it"):
        load_encoder(encoder, "openai/whisper-none")
    with pytest.raises(ValueError, match="do not fit"):
        load_encoder(CutEncoder(BANDS, 2 * SIZE, HEADS, 2), SMALL_WHISPER)
    (tmp_path / "whisper-small.test" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="does not hold the encoder"):
        load_encoder(CutEncoder(BANDS, SIZE, HEADS, 3), SMALL_WHISPER)


def test_attention_stands_where_the_evidence_is():
    """A head that looks at one channel's mean: the steps with most of it count most."""
    model = registry.build(
        "whisper_statistics", BANDS, 8, size=SIZE, n_heads=HEADS, layers=[0]
    ).eval()
    encoder = model.encoder
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        encoder.conv1.weight[0, 0, 1] = encoder.conv2.weight[0, 0, 1] = 1.0  # band 0 -> channel 0
        model.head.classify.weight.zero_()
        model.head.classify.bias.zero_()
        model.head.classify.weight[4, 0] = 1.0
        features = torch.zeros(1, 200, BANDS)
        features[0, 100:120, 0] = 5.0
        output = model(features)
    assert output.logits.argmax() == 4
    assert output.attention[0, 98:122].sum() > 0.95
    assert_within(bounds.shares(output.attention), output.attention.sum(), 1.0)


def test_serving_asks_neither_transformers_nor_the_hub():
    code = (
        "import sys; from ser.models import registry; "
        "registry.build('whisper_statistics', 80, 8, size=16, n_heads=2);"
        "print([m for m in ('transformers', 'huggingface_hub') if m in sys.modules])"
    )
    root = Path(__file__).parent.parent.parent
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, env=os.environ
    )
    assert out.stdout.strip() == "[]", out.stderr


@pytest.mark.numeric
@torch.no_grad()
def test_the_real_encoder_has_the_states_that_transformers_gives(whisper_tiny, speech):
    config = AutoConfig.from_pretrained(whisper_tiny)
    config.decoder_layers = 0
    theirs = AutoModel.from_pretrained(
        whisper_tiny, config=config, use_safetensors=True, dtype=torch.float32
    ).get_encoder()
    ours = CutEncoder(BANDS, config.d_model, config.encoder_attention_heads, 3)
    load_encoder(ours, "openai/whisper-tiny.en")
    (window,) = hear(speech, 2).windows
    mel = torch.from_numpy(whisper_log_mel(window.samples))[None]
    hidden = functional.gelu(theirs.conv1(mel.transpose(1, 2)))
    hidden = functional.gelu(theirs.conv2(hidden)).transpose(1, 2)
    hidden = hidden + theirs.embed_positions.weight[: hidden.shape[1]]
    expected = [hidden]
    for layer in theirs.layers[:3]:
        output = layer(expected[-1], None)
        expected.append(output[0] if isinstance(output, tuple) else output)
    found = ours.eval()(mel, torch.ones(mel.shape[:2], dtype=torch.bool))
    for one, other in zip(found, expected, strict=True):
        # as above; the real weights' sums have some ten times as many terms
        assert_within(bounds.rounding(1000, other.abs().max()), one, other)


def test_a_recipe_learns_from_the_real_encoder_and_becomes_a_graph(
    whisper_tiny, workplace, tmp_path, capsys
):
    path = tmp_path / "tiny_whisper.toml"
    path.write_text(
        """
        base = "whisper_tiny_statistics"
        corpora = ["ravdess"]
        [model]
        layers = [1]
        [augment]
        copies = 0
        [train]
        clean_share = 0.0
        refit = false
        """
    )
    run, graph = tmp_path / "run", tmp_path / "graph"
    assert main(["fit", "--recipe", str(path), "--output", str(run)]) == 0
    (row,) = (r for r in json.loads((run / "metrics.json").read_text()) if r["part"] == "test")
    assert row["ua"] > 0.5  # a tone for each emotion; chance is 0.125
    assert main(["quantize", str(run), str(graph)]) == 0
    assert ser_main(["--checkpoint", str(graph), str(GOLDEN_CLIP)]) == 0
    assert "surprised" in capsys.readouterr().out
