import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import WhisperConfig, WhisperModel

from ser.models import registry
from ser.models.whisper import MAX_STEPS, CutEncoder
from train.fit.whisper import load_encoder

SIZE, HEADS, BANDS = 16, 2, 80


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A small random Whisper in the form of the Hub; its encoder."""
    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=SIZE,
        encoder_layers=3,
        encoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * SIZE,
        decoder_layers=1,
        decoder_attention_heads=HEADS,
        decoder_ffn_dim=4 * SIZE,
        num_mel_bins=BANDS,
        vocab_size=10,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    model = WhisperModel(config).eval()
    folder = tmp_path / "whisper-small.test"
    folder.mkdir()
    state = {f"model.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    monkeypatch.setenv("SER_PRETRAINED", str(tmp_path))
    return model.get_encoder()


@pytest.fixture
def ours(theirs):
    encoder = CutEncoder(BANDS, SIZE, HEADS, 2)
    load_encoder(encoder, "openai/whisper-small.test")
    return encoder.eval()


@torch.no_grad()
def test_a_whole_window_has_the_states_that_transformers_gives(theirs, ours):
    mel = torch.randn(1, 3000, BANDS)  # the 30 s that theirs insists on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "positions", torch.nn.Parameter(theirs.embed_positions.weight))
        found = ours(mel, torch.ones(1, 3000, dtype=torch.bool))
    expected = theirs(mel.transpose(1, 2), output_hidden_states=True).hidden_states
    for one, other in zip(found, expected[:3], strict=True):
        # some hundred operations on values of this size, each of float32's precision
        bound = 100 * np.finfo(np.float32).eps * float(other.abs().max())
        assert (one - other).abs().max() < bound


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
        load_encoder(CutEncoder(BANDS, 2 * SIZE, HEADS, 2), "openai/whisper-small.test")
    (tmp_path / "whisper-small.test" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="does not hold the encoder"):
        load_encoder(CutEncoder(BANDS, SIZE, HEADS, 3), "openai/whisper-small.test")


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
    assert output.attention.sum() == pytest.approx(1.0, abs=1e-6)


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
