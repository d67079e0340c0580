"""A linear head from several corpora that each speak for their own emotions."""

import numpy as np
import pytest
import torch

from ser.features import FeatureConfig
from ser.labels import LABELS
from ser.models.whisper import EXPECTED_TEMPERATURE, WhisperStatistics
from tests import bounds
from train.fit.by_corpus import Clips, Learnt, grouped
from train.fit.ridge import LOGIT_SCALE

N = 64  # statistics of the small model below
ARGS = {"size": 16, "n_heads": 2, "layers": [1, 2]}
CALM, ANGRY, HAPPY = (LABELS.index(name) for name in ("calm", "angry", "happy"))


def made(labels, n_copies=0, room=0.0, seed=0):
    """Clips whose emotion stands in the statistic of its number, in a room of its own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(labels, 12)
    statistics = rng.standard_normal((len(labels), N)) + room * np.arange(N)[::-1] / N
    statistics[np.arange(len(labels)), labels] += 6
    both = np.concatenate([statistics, *[statistics + 0.1] * n_copies])
    numbers = np.concatenate([labels] * (1 + n_copies))
    return Clips(
        torch.from_numpy(both).float(),
        torch.from_numpy(numbers),
        torch.ones(len(both)),
        len(labels),
    )


def answered(learnt, clips, strength=1.0):
    model = learnt.head(strength).into(WhisperStatistics(80, 8, **ARGS))
    return model.of_statistics(clips.statistics, 0.0)[0].argmax(dim=1)


def test_each_corpus_speaks_for_its_own_emotions():
    learnt = Learnt({"a": made([0, CALM, HAPPY]), "b": made([0, ANGRY, HAPPY], room=3)}, {})
    for corpus, clips in (("a", made([CALM], seed=1)), ("b", made([ANGRY], room=3, seed=2))):
        right = (answered(learnt, clips) == clips.labels).float().mean()
        assert right > 0.9, corpus


def test_an_emotion_that_no_corpus_has_is_scored_as_a_wrong_one():
    head = Learnt({"a": made([0, CALM])}, {}).head(1.0)
    assert (head.weight[HAPPY] == 0).all() and head.bias[HAPPY] == -1


def test_one_corpus_is_the_ridge_that_its_equations_say():
    clips = made([0, CALM, HAPPY], n_copies=1)
    head = Learnt({"a": clips}, {}).head(2.0)
    plain = clips.statistics[: clips.n_plain]
    standard = (clips.statistics - plain.mean(0)) / plain.std(0, correction=0)
    x = torch.cat([standard.clamp(-5, 5), torch.ones(len(standard), 1)], dim=1).double()
    weights = torch.full((len(x),), 1 / len(x), dtype=torch.double)  # classes are alike in number
    answers = torch.where(torch.eye(8)[clips.labels] == 1, 1.0, -1.0).double()
    penalty = torch.diag(torch.tensor([2.0] * N + [0.0])).double()
    wanted = torch.linalg.solve(
        (x.T * weights) @ x + penalty, (x.T * weights) @ answers[:, [0, CALM, HAPPY]]
    )
    # A float32 sum over the clips, of values up to 5 x 5, and a system that the penalty keeps well.
    bound = bounds.rounding(len(x), 25.0)
    bounds.assert_within(bound, head.weight[[0, CALM, HAPPY]], wanted[:N].T)
    bounds.assert_within(bound, head.bias[[0, CALM, HAPPY]], wanted[N])


def test_a_corpus_counts_as_its_share_says():
    corpora = {"a": made([0, CALM]), "b": made([0, CALM], room=5)}
    alone = Learnt({"a": corpora["a"]}, {})
    almost = Learnt(corpora, {"b": 1e-6})
    # A share of 1e-6 moves a mean by 1e-6 of the rooms' distance of 5.
    bounds.assert_within(1e-5, almost.mean, alone.mean)


def test_nothing_to_learn_from_is_said():
    with pytest.raises(ValueError, match="no clip of one of the eight emotions"):
        Learnt({}, {})


def test_clips_are_grouped_with_their_copies():
    statistics = torch.arange(6.0)[:, None].expand(6, 3)
    numbers = torch.tensor([0, 1, 2, 0, 1, 2])
    groups = grouped(statistics, numbers, torch.ones(6), ["a", "b", "a", "a", "b", "a"], 3)
    assert groups["a"].n_plain == 2 and groups["b"].n_plain == 1
    assert groups["a"].statistics[:, 0].tolist() == [0, 2, 3, 5]


def test_a_shift_is_taken_from_the_statistics_and_the_residual_is_what_the_answer_leaves():
    learnt = Learnt({"a": made([0, CALM, HAPPY])}, {})
    model = learnt.head(1.0).into(WhisperStatistics(80, 8, **ARGS))
    clips, shift = made([CALM], seed=3).statistics, torch.full((1, N), 0.25)
    logits, embedding, residual, distance = model.of_statistics(clips + shift, shift)
    plain = model.of_statistics(clips, 0.0)
    for one, other in zip((logits, embedding, distance), plain[:2] + plain[3:], strict=True):
        torch.testing.assert_close(one, other)
    expected = (logits / EXPECTED_TEMPERATURE).softmax(dim=1) @ learnt.emotions
    torch.testing.assert_close(residual, clips + shift - learnt.mean - expected)
    # A calm clip's residual holds less of calm than the clip itself does.
    assert residual[:, CALM].mean() < (clips + shift - learnt.mean)[:, CALM].mean()


def test_the_distance_is_1_at_home_and_more_elsewhere():
    learnt = Learnt({"a": made([0, CALM]), "b": made([0, CALM], room=8)}, {})
    model = learnt.head(1.0).into(WhisperStatistics(80, 8, **ARGS))
    home, away = (
        float(model.of_statistics(made([0, CALM], room=room, seed=9).statistics, 0.0)[3].mean())
        for room in (0, 20)
    )
    assert 0.7 < home < 1.4 < away


def test_a_loaded_checkpoint_knows_corpora_and_emotions(tmp_path):
    from ser.checkpoints import checkpoint
    from ser.checkpoints.checkpoint import CheckpointConfig

    learnt = Learnt({"a": made([0, CALM]), "b": made([0, CALM], room=5)}, {})
    model = learnt.head(1.0).into(WhisperStatistics(80, 8, **ARGS))
    features = FeatureConfig(kind="whisper", version=2)
    config = CheckpointConfig("whisper_statistics", ARGS | model.checkpoint_args, features)
    checkpoint.save(tmp_path, model, config)
    loaded = checkpoint.load(tmp_path).model
    torch.testing.assert_close(loaded.corpora, learnt.means)
    torch.testing.assert_close(loaded.emotions, learnt.emotions)
    assert LOGIT_SCALE * learnt.head(1.0).bias[0] == loaded.head.classify.bias[0]


def test_what_visitors_share_counts_more_the_more_there_is():
    generator = torch.Generator().manual_seed(3)

    def of(n):
        statistics = torch.randn(n, 4, generator=generator)
        return Clips(statistics, torch.arange(n) % 8, torch.ones(n), n)

    few, many = (Learnt({"ravdess": of(16), "feedback": of(n)}, {}).shares for n in (16, 2000))
    assert few[1] / few[0] == pytest.approx(16 / 1016)
    assert many[1] / many[0] == pytest.approx(2000 / 3000)
    named = Learnt({"ravdess": of(16), "feedback": of(16)}, {"feedback": 1.0}).shares
    assert named[0] == named[1]
