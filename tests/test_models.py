"""The contract of every architecture: whole windows, masks that mask, attention of sum 1."""

import pytest
import torch

from ser import models
from ser.models import MIN_FRAMES
from ser.models.base import MaskedBatchNorm

VARIANTS = {
    "attention_lstm": {"hidden_size": 16},
    "attention_lstm, per channel": {"hidden_size": 16, "attention": "channel"},
}


@pytest.fixture(params=VARIANTS)
def model(request):
    torch.manual_seed(0)
    name = request.param.split(",")[0]
    made = models.build(name, n_features=39, n_classes=8, **VARIANTS[request.param])
    for module in made.modules():  # as after some training, not the identity
        if isinstance(module, MaskedBatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return made.eval()


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 39, generator=generator) for n in (120, 57, 200, MIN_FRAMES)]


def padded(clips):
    features = torch.full((len(clips), max(map(len, clips)), 39), 99.0)  # padding must not matter
    mask = torch.zeros(features.shape[:2], dtype=torch.bool)
    for row, clip in enumerate(clips):
        features[row, : len(clip)], mask[row, : len(clip)] = clip, True
    return features, mask


def test_batch_equals_single(model, clips):
    together = model(*padded(clips))
    for row, clip in enumerate(clips):
        alone = model(clip[None])
        torch.testing.assert_close(together.logits[row], alone.logits[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            together.attention[row, : len(clip)], alone.attention[0], atol=1e-5, rtol=0
        )


def test_attention_is_one_weight_a_real_frame_with_sum_one(model, clips):
    features, mask = padded(clips)
    output = model(features, mask)
    assert output.logits.shape == (len(clips), 8)
    assert output.attention.shape == mask.shape
    torch.testing.assert_close(output.attention.sum(1), torch.ones(len(clips)))
    assert (output.attention[~mask] == 0).all()
    if output.channel_attention is not None:
        assert output.channel_attention.shape == (*mask.shape, 16)
        torch.testing.assert_close(output.channel_attention.sum(1), torch.ones(len(clips), 16))


def test_frame_by_frame_differs_from_the_whole_and_is_refused(model, clips):
    """The founding bug: a backend that showed the attention model single frames."""
    whole = model(clips[2][None]).logits
    pieces = torch.stack([model(piece[None]).logits for piece in clips[2].split(10)]).mean(0)
    assert (whole - pieces).abs().max() > 1e-3
    with pytest.raises(ValueError, match="never single frames"):
        model(clips[2][None, :1])
    features, mask = padded(clips)
    mask[1, 1:] = False
    with pytest.raises(ValueError, match="never single frames"):
        model(features, mask)


@pytest.mark.parametrize("shape", [(1, 50, 40), (50, 39), (1, 1, 50, 39)])
def test_other_shapes_are_refused(model, shape):
    with pytest.raises(ValueError, match="39"):
        model(torch.zeros(shape))


def test_a_mask_of_another_shape_or_type_is_refused(model):
    with pytest.raises(ValueError, match="mask"):
        model(torch.zeros(1, 50, 39), torch.ones(1, 49, dtype=torch.bool))
    with pytest.raises(ValueError, match="mask"):
        model(torch.zeros(1, 50, 39), torch.ones(1, 50))


def test_every_parameter_learns(model, clips):
    model.train()
    model(*padded(clips)).logits.logsumexp(1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_batch_norm_statistics_ignore_padding(clips):
    norm = MaskedBatchNorm(39).train()
    features, mask = padded(clips)
    out = norm(features, mask)
    assert (out[~mask] == 0).all()
    torch.testing.assert_close(out[mask].mean(0), torch.zeros(39), atol=1e-5, rtol=0)
    torch.testing.assert_close(norm.running_mean, 0.1 * torch.cat(clips).mean(0))


def test_unknown_names_and_arguments():
    with pytest.raises(ValueError, match="attention_lstm"):
        models.build("attention_gru", 39, 8)
    with pytest.raises(TypeError):
        models.build("attention_lstm", 39, 8, hidden=3)
    with pytest.raises(ValueError, match="channel"):
        models.build("attention_lstm", 39, 8, attention="head")
