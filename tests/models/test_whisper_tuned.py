import pytest
import torch

from ser.models import registry
from tests.small_runs import SMALL_WHISPER, make_whisper
from train.whisper_weights import load_encoder

ARGS = {"size": 16, "n_heads": 2, "n_layers": 2, "hidden_size": 8, "rank": 4}


@pytest.fixture
def build(tmp_path, monkeypatch):
    make_whisper(tmp_path, 3)
    monkeypatch.setenv("SER_PRETRAINED", str(tmp_path))

    def build(**args):
        torch.manual_seed(0)
        model = registry.build("whisper_tuned", 80, 8, **(ARGS | args))
        load_encoder(model.encoder, SMALL_WHISPER)
        return model

    return build


@pytest.fixture
def mel():
    return torch.randn(2, 60, 80, generator=torch.Generator().manual_seed(0))


def learnt(model, mel):
    """The names of what a step of gradient changes."""
    model.train()(mel).logits.square().sum().backward()
    return {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}


def test_adapters_begin_as_nothing_and_learn_alone(build, mel):
    adapted, frozen = build().eval(), build(tuning="none").eval()
    frozen.load_state_dict(adapted.state_dict(), strict=False)  # but for the adapters
    torch.testing.assert_close(adapted(mel).logits, frozen(mel).logits)
    names = learnt(adapted, mel)
    assert {f"adapters.{n}.up" for n in range(4)} <= names
    assert not any(name.startswith("encoder.") for name in names)
    with torch.no_grad():
        adapted.adapters[3].up.fill_(0.1)
    assert not torch.equal(adapted.eval()(mel).logits, frozen(mel).logits)


def test_fine_tuning_teaches_the_whole_encoder(build, mel):
    model = build(tuning="all")
    encoder = {n for n, _ in model.named_parameters() if n.startswith("encoder.")}
    names = learnt(model, mel)
    # a key's bias would change nothing, and Whisper has none
    assert encoder <= names
    assert not any(name.startswith("adapters.") for name, _ in model.named_parameters())


def test_an_unknown_way_to_tune_is_refused(build):
    with pytest.raises(ValueError, match="none, adapters or all"):
        build(tuning="some")
