"""Encoders of four families, tiny and untrained, under the contract of every architecture.

No pre-trained weights are fetched: what is tested is the code that would use them.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import CheckpointConfig
from ser.features import FeatureConfig
from ser.models import registry
from ser.models.base import MIN_FRAMES
from ser.models.pretrained import whisper_log_mel
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.bounds import ONE_NETWORK, assert_within
from train.__main__ import main

transformers = pytest.importorskip("transformers")

RAW = FeatureConfig(kind="raw")
HOP = RAW.n_features
WAVEFORM = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
WHISPER = {
    "model_type": "whisper",
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "decoder_attention_heads": 2,
    "max_source_positions": 150,
    "vocab_size": 50,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}
CONFIGS = {
    "wav2vec2": {"model_type": "wav2vec2", **WAVEFORM},
    "wav2vec2, large": {"model_type": "wav2vec2", **WAVEFORM, **LARGE},
    "hubert": {"model_type": "hubert", **WAVEFORM},
    "wavlm": {"model_type": "wavlm", **WAVEFORM},
    "wavlm, large": {"model_type": "wavlm", **WAVEFORM, **LARGE},
    "whisper": WHISPER,
}


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


def make(config, **args):
    torch.manual_seed(0)
    return registry.build("pretrained", HOP, 8, encoder_config=config, hidden_size=8, **args).eval()


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(0)
    lengths = (120, 57, 200, MIN_FRAMES, 57)
    return [0.1 + 0.2 * torch.randn(n, HOP, generator=generator) for n in lengths]


def padded(clips):
    features = torch.full((len(clips), max(map(len, clips)), HOP), 9.0)  # must not matter
    mask = torch.zeros(features.shape[:2], dtype=torch.bool)
    for row, clip in enumerate(clips):
        features[row, : len(clip)], mask[row, : len(clip)] = clip, True
    return features, mask


@pytest.mark.numeric
def test_batch_equals_single(config, clips):
    model = make(config)
    together = model(*padded(clips))
    for row, clip in enumerate(clips):
        alone = model(clip[None])
        assert_within(ONE_NETWORK, together.logits[row], alone.logits[0])
        attention = together.attention[row, : len(clip)]
        assert_within(ONE_NETWORK, attention, alone.attention[0])


@pytest.mark.numeric
def test_attention_is_one_weight_a_real_frame_with_sum_one(config, clips):
    features, mask = padded(clips)
    output = make(config)(features, mask)
    assert output.logits.shape == (len(clips), 8)
    assert output.embedding.shape == (len(clips), 8)
    assert output.attention.shape == mask.shape
    assert_within(bounds.shares(output.attention), output.attention.sum(1), torch.ones(len(clips)))
    assert (output.attention[~mask] == 0).all()


def steps_of_training(model, clips, n=5):
    model.train()
    targets = torch.arange(len(clips))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(n):
        loss = torch.nn.functional.cross_entropy(model(*padded(clips)).logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("frozen", [True, False])
def test_training_and_a_checkpoint_that_needs_no_hub(config, clips, frozen, tmp_path, monkeypatch):
    args = {"encoder_config": config, "frozen": frozen, "hidden_size": 8, "dropout": 0.0}
    model = make(config, frozen=frozen, dropout=0.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    losses = steps_of_training(model, clips)
    assert losses[-1] < losses[0]
    learnt = {n for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    assert any(name.startswith("encoder.") for name in learnt) is not frozen
    assert learnt >= {"layer_weights", "narrow.weight", "classify.weight"}

    args = {**args, **model.checkpoint_args}
    checkpoint.save(tmp_path, model, CheckpointConfig("pretrained", args, RAW))
    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", None)
    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", None)
    loaded = checkpoint.load(tmp_path).model
    expected, output = model.eval()(*padded(clips)), loaded(*padded(clips))
    assert_within(ONE_NETWORK, output.logits, expected.logits)
    assert_within(ONE_NETWORK, output.attention, expected.attention)


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["wav2vec2", "whisper"])
def test_weights_come_from_the_named_encoder_first_and_from_the_checkpoint_later(
    name, clips, tmp_path
):
    torch.manual_seed(1)
    whole = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**CONFIGS[name]))
    whole.save_pretrained(tmp_path / "published")
    published = whole.get_encoder() if name == "whisper" else whole
    args = {"encoder": str(tmp_path / "published"), "hidden_size": 8}
    model = registry.build("pretrained", HOP, 8, **args).eval()
    for key, value in published.state_dict().items():
        assert torch.equal(model.encoder.model.state_dict()[key], value)
    assert not any("decoder" in key for key in model.state_dict())

    config = CheckpointConfig("pretrained", {**args, **model.checkpoint_args}, RAW)
    checkpoint.save(tmp_path / "ours", model, config)
    (tmp_path / "published").rename(tmp_path / "gone")
    loaded = checkpoint.load(tmp_path / "ours").model
    assert_within(ONE_NETWORK, loaded(*padded(clips)).logits, model(*padded(clips)).logits)


@pytest.mark.usefixtures("no_pictures")
def test_a_recipe_names_the_encoder_and_the_run_needs_it_no_longer(workplace, speech):
    torch.manual_seed(1)
    encoder = transformers.AutoModel.from_config(
        transformers.AutoConfig.for_model(**CONFIGS["wav2vec2"])
    )
    encoder.save_pretrained(workplace / "published")
    (workplace / "own.toml").write_text(
        """
        description = "A frozen encoder, its layers weighted."
        corpora = ["ravdess"]
        [model]
        name = "pretrained"
        encoder = "published"
        hidden_size = 8
        [features]
        kind = "raw"
        [train]
        max_epochs = 1
        """
    )
    assert main(["fit", "--recipe", "own.toml", "--output", "run"]) == 0
    (workplace / "published").rename(workplace / "gone")
    pipeline = EmotionPipeline.from_pretrained(workplace / "run")
    kept = pipeline.checkpoint.model.encoder.model.state_dict()
    for key, value in encoder.state_dict().items():
        assert torch.equal(kept[key], value)
    assert pipeline.predict((SAMPLE_RATE, speech)).probabilities.sum() == pytest.approx(1)


@pytest.mark.numeric
@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "whisper"])
def test_the_states_are_those_of_transformers_alone(name, clips):
    model = make(CONFIGS[name])
    samples = clips[0].flatten()
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    values = extractor(samples.numpy(), sampling_rate=16_000, return_tensors="pt").input_values
    expected = model.encoder.model(values, output_hidden_states=True).hidden_states
    states = model.encoder(samples[None], torch.tensor([len(samples)]))
    assert len(states) == len(expected) == 3
    for state, reference in zip(states, expected, strict=True):
        assert_within(ONE_NETWORK, state, reference)


@pytest.mark.numeric
@pytest.mark.parametrize("n_mels", [80, 128])
def test_whispers_log_mel_is_that_of_transformers(speech, n_mels):
    extractor = transformers.WhisperFeatureExtractor(feature_size=n_mels)
    speech = speech[8000:]  # begins amid the voice, for what lies before it counts
    (theirs,) = extractor(speech, sampling_rate=16_000, return_tensors="np").input_features
    filled = np.pad(speech, (0, 480_000 - len(speech)))
    (ours,) = whisper_log_mel(torch.from_numpy(filled)[None], n_mels)
    assert_within(bounds.whisper_levels(filled, theirs.T), ours.T, theirs.T)


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["wav2vec2", "whisper"])
def test_a_recording_is_judged_from_its_samples(name, speech, tmp_path):
    config = {**CONFIGS[name], **({"max_source_positions": 1500} if name == "whisper" else {})}
    model = make(config)
    args = {"hidden_size": 8, **model.checkpoint_args}
    checkpoint.save(tmp_path, model, CheckpointConfig("pretrained", args, RAW))
    prediction = EmotionPipeline.from_pretrained(tmp_path).predict((SAMPLE_RATE, speech))
    assert_within(bounds.shares(prediction.attention), prediction.attention.sum(), 1.0)
    assert len(prediction.attention) == len(prediction.attention_times_s)


def test_longer_than_whisper_hears_is_refused():
    with pytest.raises(ValueError, match="48000 samples"):
        make(WHISPER)(torch.randn(1, 301, HOP))


def test_what_is_no_speech_encoder_is_refused():
    tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9}
    with pytest.raises(ValueError, match="A bert is neither"):
        make({"model_type": "bert", "intermediate_size": 8, **tiny})
    with pytest.raises(ValueError, match="encoder_config"):
        registry.build("pretrained", HOP, 8)
    with pytest.raises(ValueError, match="whole number"):
        registry.build("pretrained", 39, 8, encoder_config=CONFIGS["hubert"])


def test_without_transformers_the_reason_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"speech-emotion\[pretrained\]"):
        make(WHISPER)


def test_transformers_is_not_imported_before_it_is_used():
    code = "import sys, ser.checkpoints.checkpoint, ser.models.registry as r; r.MODELS; "
    code += "print('transformers' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
