"""What is asked about a clip, and the layers that exist only to learn it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ser.labels import LABELS
from ser.models import registry
from tests import bounds
from tests.bounds import ONE_NETWORK, assert_within
from train.clips.targets import TargetConfig, TargetSpace
from train.corpora import Utterance
from train.fit.heads import Learner, reverse_gradient
from train.fit.losses import emotion_loss, task_loss

pytestmark = pytest.mark.numeric

CLIP = Utterance(Path("/a.wav"), "happy", "ravdess-01", "m", "ravdess", intensity="strong")
VOTES = (0.1, 0.0, 0.2, 0.0, 0.6, 0.0, 0.1, 0.0)
CLIPS = [
    *(replace(CLIP, emotion=emotion) for emotion in LABELS),
    Utterance(Path("/b.wav"), "angry", "cremad-1001", "m", "cremad", age=51, votes=VOTES),
    Utterance(Path("/c.wav"), "sad", "cremad-1002", "f", "cremad", age=21, intensity="low"),
    Utterance(Path("/d.wav"), "boredom", "emodb-03", "m", "emodb", age=31),
    Utterance(Path("/e.wav"), "sad", "emodb-08", "unknown", "emodb", age=30),
]
MASKED = TargetConfig(mask_by_corpus=True)


def learner(config, clips=CLIPS):
    torch.manual_seed(0)
    model = registry.build("attention_lstm", 4, 8, hidden_size=6, n_layers=1, dropout=0.0)
    return Learner(model, TargetSpace(clips, config)).eval()


def batch(clips=CLIPS):
    torch.manual_seed(1)
    return torch.randn(len(clips), 12, 4), torch.ones(len(clips), 12, dtype=torch.bool)


def share(shares, *names):
    return {name: shares[LABELS.index(name)] for name in names}


def test_a_founding_clip_asks_for_one_of_eight():
    space = TargetSpace(CLIPS[:8], TargetConfig())
    assert space.classes == LABELS
    answers = space.targets(CLIPS[:8])
    assert torch.equal(answers.emotions, torch.eye(8))
    assert answers.allowed.all()
    assert answers.tasks == {}


def test_auxiliary_classes_stand_after_the_eight():
    space = TargetSpace(CLIPS, TargetConfig())
    assert space.classes == (*LABELS, "boredom")
    assert space.targets(CLIPS).classes[10] == 8
    assert space.targets(CLIPS).allowed.all()


def test_a_corpus_s_clips_choose_among_its_own_emotions():
    allowed = TargetSpace(CLIPS, MASKED).targets(CLIPS).allowed
    assert allowed[0].tolist() == [True] * 8 + [False]
    assert torch.equal(allowed[8], allowed[9])
    angry, sad = LABELS.index("angry"), LABELS.index("sad")
    assert torch.nonzero(allowed[8]).flatten().tolist() == sorted([angry, sad])
    assert torch.nonzero(allowed[10]).flatten().tolist() == sorted([sad, 8])


def test_votes_are_blended_with_what_was_intended():
    space = TargetSpace(CLIPS, TargetConfig(mask_by_corpus=True, votes=0.5))
    answers = space.targets(CLIPS)
    expected = {"neutral": 0.05, "happy": 0.1, "angry": 0.8, "disgust": 0.05}
    for name, value in expected.items():
        found = answers.emotions[8, LABELS.index(name)]
        assert_within(bounds.rounding(3, value), found, value)  # two products and their sum
    assert_within(bounds.shares(answers.emotions), answers.emotions.sum(1), torch.ones(len(CLIPS)))
    assert answers.emotions[9, LABELS.index("sad")] == 1  # without votes
    assert answers.allowed[8, LABELS.index("happy")]  # somebody heard it
    only = TargetSpace(CLIPS, TargetConfig(votes=1.0)).targets(CLIPS).emotions[8]
    assert_within(bounds.rounding(3, VOTES), only[:8], VOTES)


def test_what_is_not_known_of_a_clip_is_not_asked():
    tasks = {"speaker": 1.0, "sex": 1.0, "age": 1.0, "intensity": 1.0}
    space = TargetSpace(CLIPS, TargetConfig(tasks=tasks))
    answers = space.targets(CLIPS).tasks
    assert space.values["age"] == ("30 to 49", "50 and over", "under 30")
    assert space.values["intensity"] == ("ordinary", "strong")
    assert answers["age"][:8].sum() == 0
    assert answers["age"][8:].argmax(1).tolist() == [1, 2, 0, 0]
    assert answers["sex"].sum(1).tolist() == [1.0] * 11 + [0.0]
    assert answers["intensity"][9].tolist() == [1.0, 0.0]
    assert len(space.values["speaker"]) == 5
    stranger = space.targets([replace(CLIP, speaker="ravdess-02")]).tasks["speaker"]
    assert stranger.sum() == 0


def test_unknown_answers_leave_the_loss_alone():
    logits = torch.tensor([[1.0, 0.0], [3.0, 0.0]], requires_grad=True)
    answers = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    loss = task_loss(logits, answers)
    loss.backward()
    expected = torch.tensor([1.0, 0.0]).logsumexp(0)
    assert_within(bounds.rounding(4, expected.item()), loss, expected)  # exp, sum, log, difference
    assert (logits.grad[1] == 0).all()
    assert task_loss(logits, torch.zeros(2, 2)) == 0


@pytest.mark.parametrize("config", [TargetConfig(), MASKED, TargetConfig(corpus_heads=True)])
def test_a_measured_clip_gets_the_model_s_own_logits(config):
    made, answers = learner(config), TargetSpace(CLIPS, config).targets(CLIPS)
    features, mask = batch()
    logits, tasks = made(features, mask, answers)
    assert logits.shape == (len(CLIPS), 9) and tasks == {}
    assert_within(ONE_NETWORK, logits[:8, :8], made.model(features, mask).logits[:8])


def test_masked_classes_get_no_gradient():
    made, answers = learner(MASKED), TargetSpace(CLIPS, MASKED).targets(CLIPS)
    features, mask = batch()
    theirs = slice(8, 10)  # CREMA-D's, of two emotions
    logits, _ = made(features[theirs], mask[theirs], answers.only([8, 9]))
    emotion_loss(logits, answers.emotions[theirs], torch.ones(9)).backward()
    moved = made.model.classify.weight.grad.abs().sum(1) > 0
    assert torch.nonzero(moved).flatten().tolist() == [LABELS.index("sad"), LABELS.index("angry")]
    assert made.more_classes.weight.grad.abs().sum() == 0


def test_each_corpus_has_its_own_head():
    config = TargetConfig(corpus_heads=True)
    made, answers = learner(config), TargetSpace(CLIPS, config).targets(CLIPS)
    features, mask = batch()
    logits, _ = made(features, mask, answers)
    embedding = made.model(features, mask).embedding
    assert made.space.corpora == ("ravdess", "cremad", "emodb")
    parts = embedding, made.corpus_heads.weight.T, made.corpus_heads.bias
    by_hand, bound = parts[0] @ parts[1] + parts[2], bounds.product(*parts)
    assert_within(bound[8:10, :9], logits[8:10], by_hand[8:10, :9])
    assert_within(bound[10:, 9:], logits[10:], by_hand[10:, 9:])
    emotion_loss(logits[8:], answers.emotions[8:], torch.ones(9)).backward()
    assert not made.model.classify.weight.grad.any()
    assert next(iter(made.model.parameters())).grad.any()


def test_gradient_reversal_reverses():
    values = torch.ones(3, requires_grad=True)
    out = reverse_gradient(values, 0.25)
    assert torch.equal(out, values)
    (out * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert values.grad.tolist() == [-0.25, -0.5, -0.75]


def test_the_adversary_learns_and_the_model_unlearns():
    gradients = {}
    for name, strength in (("speaker", 1.0), ("adversarial_speaker", 0.5)):
        config = TargetConfig(tasks={name: strength})
        made, answers = learner(config), TargetSpace(CLIPS, config).targets(CLIPS)
        made.tasks[name].load_state_dict(
            {"weight": torch.arange(30.0).view(5, 6) / 30, "bias": torch.zeros(5)}
        )
        _, tasks = made(*batch(), answers)
        task_loss(tasks[name], answers.tasks[name]).backward()
        shared = next(iter(made.model.parameters())).grad
        gradients[name] = shared, made.tasks[name].weight.grad
    plain, adversarial = gradients["speaker"], gradients["adversarial_speaker"]
    assert torch.equal(adversarial[0], -0.5 * plain[0])  # a half loses no bit
    assert torch.equal(adversarial[1], plain[1])
    assert plain[0].abs().sum() > 0


def test_nothing_that_only_training_has_is_in_the_model():
    config = TargetConfig(corpus_heads=True, tasks={"speaker": 0.1, "sex": 0.1})
    made = learner(config)
    plain = registry.build("attention_lstm", 4, 8, hidden_size=6, n_layers=1)
    assert made.model.state_dict().keys() == plain.state_dict().keys()
    assert isinstance(made.corpus_heads, nn.Linear)
    assert set(made.tasks) == {"speaker", "sex"}
