"""The speech head finds what tells voices from sounds, and singing from speech."""

import numpy as np
import pytest
import torch

from ser.models.whisper import WhisperStatistics
from train.fit import speech_head
from train.fit.speech_head import SUNG, VOICE

N, SIZE = 400, 12


@pytest.fixture
def clips():
    """Column 0 tells voices, column 1 tells singing among them; the others are noise."""
    rng = np.random.default_rng(0)
    is_voice, is_sung = np.arange(N) % 2 == 0, np.arange(N) % 4 == 0
    values = rng.standard_normal((N, SIZE)).astype(np.float32)
    values[:, 0] += np.where(is_voice, 4, -4)
    values[:, 1] += np.where(is_sung, 4, -4)
    return torch.from_numpy(values), is_voice, is_sung


def test_both_questions_are_answered(clips):
    embedding, is_voice, is_sung = clips
    head = speech_head.fit(embedding, is_voice, is_sung, ["a"] * N, 0.1)
    scores = head.scores(embedding)
    assert ((scores[:, VOICE] > 0) == is_voice).all()
    assert ((scores[:, SUNG] > 0) == is_sung)[is_voice].all()
    assert abs(head.weight[VOICE, 0]) > 5 * head.weight[VOICE, 1:].abs().max()


def test_groups_count_alike_however_many_clips_they_have(clips):
    embedding, is_voice, is_sung = clips
    groups = np.array([f"{'voice' if v else 'sound'} {n % 3}" for n, v in enumerate(is_voice)])
    again = np.concatenate([np.arange(N), *[np.flatnonzero(groups == "sound 1")] * 5])
    one = speech_head.fit(embedding, is_voice, is_sung, list(groups), 0.1)
    many = speech_head.fit(
        embedding[again], is_voice[again], is_sung[again], list(groups[again]), 0.1
    )
    torch.testing.assert_close(one.weight[VOICE], many.weight[VOICE], atol=1e-4, rtol=0)


def test_a_question_whose_answer_is_always_the_same_is_refused(clips):
    embedding, is_voice, is_sung = clips
    with pytest.raises(ValueError, match="a voice is takes clips that are"):
        speech_head.fit(embedding, np.ones(N, bool), is_sung, ["a"] * N, 0.1)
    with pytest.raises(ValueError, match="singing"):
        speech_head.fit(embedding, is_voice, np.zeros(N, bool), ["a"] * N, 0.1)


def test_a_model_gives_the_scores_of_its_head_whatever_it_is_adapted_to():
    torch.manual_seed(0)
    model = WhisperStatistics(80, 8, size=16, n_heads=2, layers=(1,)).eval()
    features = torch.randn(1, 60, 80)
    assert model(features).speech is None and model.checkpoint_args == {}
    head = speech_head.SpeechHead(torch.randn(2, model.embedding_size), torch.randn(2))
    model = head.into(model)
    assert model.checkpoint_args == {"speech_head": True}
    with torch.inference_mode():
        plain = model(features)
        shifted = model(features, None, torch.ones(1, model.embedding_size))
    np.testing.assert_allclose(plain.speech, head.scores(plain.embedding), atol=1e-5)
    torch.testing.assert_close(shifted.speech, plain.speech)
    assert not torch.equal(shifted.logits, plain.logits)
