"""The contract of every architecture: whole windows, masks that mask, attention of sum 1."""

import pytest
import torch
from torch import nn

from ser.models import registry
from ser.models.base import MIN_FRAMES, AttentionPooling, MaskedBatchNorm, at_frame_rate
from ser.models.random_conv import KERNEL_SIZE, LEVEL_MARGIN
from ser.models.recurrent import BidirectionalLSTM, reversed_order
from ser.models.transformer import sinusoids
from ser.models.whisper_tuned import LowRank
from tests import bounds
from tests.bounds import ONE_NETWORK, assert_within

pytestmark = pytest.mark.numeric

VARIANTS = {
    "attention_lstm": {"hidden_size": 16},
    "attention_lstm, per channel": {"hidden_size": 16, "attention": "channel"},
    "attention_lstm, multi-head": {"hidden_size": 16, "attention": "multi_head"},
    "attention_lstm, gated": {"hidden_size": 16, "attention": "gated"},
    "attention_lstm, bidirectional": {"hidden_size": 8, "recurrence": "bidirectional"},
    "attention_lstm, residual": {"hidden_size": 16, "recurrence": "residual", "n_layers": 3},
    "crnn": {"channels": [4, 8, 16], "hidden_size": 8},
    "crnn, per channel": {"channels": [4, 8], "hidden_size": 8, "attention": "channel"},
    "crnn, without recurrence": {"channels": [4, 8, 16], "n_layers": 0},
    "fusion": {"branches": [19, 20], "hidden_size": 8, "channels": [4, 8]},
    "transformer": {"hidden_size": 16, "feedforward_size": 32, "n_layers": 2},
    "dilated_conv": {"channels": 8, "dilations": [1, 2]},
    "dilated_conv, all layers": {"channels": 8, "dilations": [1, 4], "all_layers": True},
    "functionals": {},
    "functionals, by voicing": {"voiced": 1},
    "random_conv": {"n_kernels": 8, "dilations": [1, 8]},
    "whisper_statistics": {"size": 16, "n_heads": 2, "layers": [0, 2]},
    "whisper_tuned": {"size": 16, "n_heads": 2, "n_layers": 2, "hidden_size": 8},
    "whisper_tuned, all of it": {
        "size": 16,
        "n_heads": 2,
        "n_layers": 1,
        "hidden_size": 8,
        "tuning": "all",
    },
}


@pytest.fixture(params=VARIANTS)
def model(request):
    torch.manual_seed(0)
    name = request.param.split(",")[0]
    made = registry.build(name, n_features=39, n_classes=8, **VARIANTS[request.param])
    for module in made.modules():  # as after some training, not the identity
        if isinstance(module, nn.BatchNorm1d) and module.affine:
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
        if isinstance(module, LowRank):
            nn.init.normal_(module.up)
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
        assert_within(ONE_NETWORK, together.logits[row], alone.logits[0])
        assert_within(ONE_NETWORK, together.attention[row, : len(clip)], alone.attention[0])


def test_serving_without_gradients_gives_the_same(model, clips):
    expected = model(*padded(clips))
    with torch.inference_mode():
        output = model(*padded(clips))
    assert_within(ONE_NETWORK, output.logits, expected.logits)


def test_the_logits_are_one_linear_layer_from_the_embedding(model, clips):
    output = model(*padded(clips))
    assert output.embedding.shape == (len(clips), model.embedding_size)
    classify = getattr(model, "head", model).classify
    bound = bounds.product(output.embedding, classify.weight.T, classify.bias)
    assert_within(bound, classify(output.embedding), output.logits)


def test_attention_is_one_weight_a_real_frame_with_sum_one(model, clips):
    features, mask = padded(clips)
    output = model(features, mask)
    assert output.logits.shape == (len(clips), 8)
    assert output.attention.shape == mask.shape
    assert_within(bounds.shares(output.attention), output.attention.sum(1), torch.ones(len(clips)))
    assert (output.attention[~mask] == 0).all()


def test_frame_by_frame_differs_from_the_whole_and_is_refused(model, clips):
    """The founding bug: a backend that showed the attention model single frames."""
    whole = model(clips[2][None]).logits
    pieces = torch.stack([model(piece[None]).logits for piece in clips[2].split(10)]).mean(0)
    assert (whole - pieces).abs().max() > 100 * ONE_NETWORK
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
    for name, parameter in learning(model):
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def learning(model):
    """The parameters that training changes, by name; a frozen encoder's are none."""
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


@pytest.mark.usefixtures("half_precision")
def test_training_in_half_precision_learns_and_attention_still_sums_to_one(model, clips):
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        output = model(*padded(clips))
    assert_within(bounds.shares(output.attention), output.attention.sum(1), torch.ones(len(clips)))
    output.logits.float().logsumexp(1).sum().backward()
    assert all(parameter.grad.isfinite().all() for _, parameter in learning(model))


def test_batch_norm_statistics_ignore_padding(clips):
    norm = MaskedBatchNorm(39).train()
    features, mask = padded(clips)
    out = norm(features, mask)
    assert (out[~mask] == 0).all()
    real = torch.cat(clips)
    of_mean = bounds.rounding(len(real), real.abs().mean(0))
    assert_within(of_mean / real.std(0).numpy(), out[mask].mean(0), torch.zeros(39))
    assert_within(0.1 * of_mean, norm.running_mean, 0.1 * real.mean(0))


def test_batch_norm_of_spectrograms_ignores_padding(clips):
    norm = MaskedBatchNorm(3).train()
    features, mask = padded(clips)
    out = norm(features.unflatten(2, (13, 3)), mask)
    assert (out[~mask] == 0).all()
    real = torch.cat(clips).unflatten(1, (13, 3)).flatten(0, 1)
    of_mean = bounds.rounding(len(real), real.abs().mean(0))
    assert_within(0.1 * of_mean, norm.running_mean, 0.1 * real.mean(0))
    variance = out[mask].flatten(0, 1).var(0, correction=0)
    expected = 1 - norm.eps / (real.var(0) + norm.eps)
    assert_within(bounds.rounding(len(real)), variance, expected)


def test_each_clip_is_reversed_within_its_own_length():
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    assert reversed_order(mask).tolist() == [[4, 3, 2, 1, 0], [2, 1, 0, 3, 4]]


def test_the_backward_direction_is_torchs(clips):
    ours = BidirectionalLSTM(39, 8, n_layers=1, dropout=0.0)
    torchs = torch.nn.LSTM(39, 8, batch_first=True, bidirectional=True)
    for suffix, lstm in (("", ours.forwards[0]), ("_reverse", ours.backwards[0])):
        for name, weights in lstm.named_parameters():
            getattr(torchs, name + suffix).data = weights.data
    clip = clips[1][None]
    mask = torch.ones(clip.shape[:2], dtype=torch.bool)
    assert_within(ONE_NETWORK, ours(clip, mask), torchs(clip)[0])


def test_each_head_weighs_its_own_slice():
    pool = AttentionPooling(4, "multi_head", n_heads=2)
    hidden = torch.randn(1, 20, 4)
    embedding, weights = pool(hidden, torch.ones(1, 20, dtype=torch.bool))
    first = (weights[:, :, :1] * hidden[:, :, :2]).sum(1)
    second = (weights[:, :, 1:] * hidden[:, :, 2:]).sum(1)
    size = (weights.repeat_interleave(2, dim=2) * hidden.abs()).sum(1)
    bound = bounds.rounding(20, size)
    assert_within(bound, embedding, torch.cat([first, second], dim=1))


def test_steps_are_repeated_at_the_frame_rate():
    steps = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert at_frame_rate(steps, 10, 4).flatten().tolist() == [1] * 4 + [2] * 4 + [3] * 2


def test_attention_of_a_coarser_model_is_level_within_a_step(clips):
    attention = registry.build("crnn", 39, 8, channels=[4, 8]).eval()(clips[0][None]).attention[0]
    steps = attention.view(-1, 4)
    assert (steps == steps[:, :1]).all()
    assert steps[:, 0].unique().numel() > 10


def test_positions_are_told_apart_by_sines_and_cosines():
    positions = sinusoids(100, 16)
    of_sine = bounds.rounding(2)  # by one routine or another, to the last bit or so
    assert_within(of_sine, positions[:, 0], torch.arange(100).float().sin())
    assert_within(of_sine, positions[:, 8], torch.arange(100).float().cos())
    assert torch.pdist(positions).min() > 0.5


def test_the_first_checkpoints_are_still_read(clips):
    """They name the parameters of the pooling without `pool.`."""
    model = registry.build("attention_lstm", 39, 8, hidden_size=8).eval()
    old = {name.removeprefix("pool."): value for name, value in model.state_dict().items()}
    assert "score.weight" in old
    again = registry.build("attention_lstm", 39, 8, hidden_size=8).eval()
    again.load_state_dict(old, strict=True)
    assert_within(ONE_NETWORK, again(clips[0][None]).logits, model(clips[0][None]).logits)


def test_unknown_names_and_arguments():
    with pytest.raises(ValueError, match="attention_lstm"):
        registry.build("attention_gru", 39, 8)
    with pytest.raises(TypeError):
        registry.build("attention_lstm", 39, 8, hidden=3)
    with pytest.raises(ValueError, match="channel"):
        registry.build("attention_lstm", 39, 8, attention="head")
    with pytest.raises(ValueError, match="bidirectional"):
        registry.build("attention_lstm", 39, 8, recurrence="backward")
    with pytest.raises(ValueError, match="3 heads"):
        registry.build("attention_lstm", 39, 8, attention="multi_head", n_heads=3)
    with pytest.raises(ValueError, match="add up to 39"):
        registry.build("fusion", 39, 8, branches=[39, 40])


def test_dilated_convolutions_learn_the_statistics_of_real_steps_alone(clips):
    torch.manual_seed(0)
    batched, alone = (registry.build("dilated_conv", 39, 8, dropout=0.0).train() for _ in range(2))
    alone.load_state_dict(batched.state_dict())
    features, mask = padded(clips)
    batched(features, mask)
    taps = torch.cat([taps_of(clip, alone.stem) for clip in clips])
    with torch.no_grad():
        steps = alone.stem.taps(taps)
    norm = batched.stem.norm
    of_step, size = bounds.product(taps, alone.stem.taps.weight.T), steps.abs().numpy()
    of_mean = (bounds.rounding(len(steps), size) + of_step).mean(axis=0)
    expected = norm.momentum * steps.mean(dim=0)
    assert_within(norm.momentum * of_mean, norm.running_mean, expected)
    of_var = (bounds.rounding(len(steps), size**2) + 2 * size * of_step).mean(axis=0)
    expected = 1 + norm.momentum * (steps.var(dim=0) - 1)
    of_running = norm.momentum * of_var + bounds.rounding(2, expected)
    assert_within(of_running, norm.running_var, expected)


def taps_of(clip, layer):
    """What a strided layer multiplies, laid side by side: (n_steps, kernel_size * n_features)."""
    reach = layer.kernel_size // 2
    rows = nn.functional.pad(clip, (0, 0, reach, reach)).unfold(0, layer.kernel_size, layer.stride)
    return rows.transpose(1, 2).flatten(1)


def test_sparse_random_kernels_convolve():
    torch.manual_seed(0)
    model = registry.build("random_conv", 5, 8, n_kernels=12, dilations=[1, 8], n_channels=3)
    clip = torch.randn(40, 5)
    found = model._convolved(clip, model._sparse_kernels())
    for number, dilation in enumerate(model.dilations):
        channels, weights = model.channels[number], model.kernels[number]
        dense = torch.zeros(12, 5, weights.shape[2])
        dense.scatter_(1, channels[:, :, None].expand_as(weights), weights)
        expected = nn.functional.conv1d(
            clip.T[None], dense, padding=3 * dilation, dilation=dilation
        )[0]
        size = nn.functional.conv1d(
            clip.T[None].abs(), dense.abs(), padding=3 * dilation, dilation=dilation
        )[0]
        n_terms = channels.shape[1] * weights.shape[2]
        assert_within(bounds.rounding(n_terms, size), found[number], expected)


def test_a_constant_stretch_lies_on_no_level():
    """Its outputs are zero but for rounding, which must not decide on which side of a level."""
    torch.manual_seed(0)
    model = registry.build("random_conv", 5, 8, n_kernels=12, dilations=[1], n_channels=3)
    model.fit_levels([torch.ones(200, 5)])
    size = model.kernels.abs().sum(dim=(2, 3)).max().item()  # of the terms that add up to zero
    of_zero = bounds.rounding(3 * KERNEL_SIZE, size)
    assert (model.levels >= LEVEL_MARGIN - of_zero).all()
